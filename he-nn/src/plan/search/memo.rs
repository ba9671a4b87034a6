//! What was worked out once: packings of equal maps on equal layouts.
//!
//! Layers of one shape differ in their level alone, and so does a layer whose operands are refreshed elsewhere, or that is planned again
//! for a smaller error. Which rotations its packings need and what their slots hold stays the same.

use std::collections::HashMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use he_core::tile::layout::{Cell, Layout};

use super::ground::Ground;
use crate::plan::network::Geometry;
use crate::plan::packing::candidate::{Anchors, Candidate};
use crate::plan::packing::owners::Owners;
use crate::plan::packing::place::{Places, Window};
use crate::plan::packing::sparse::SparseMap;
use crate::plan::packing::transform::{Reading, Transform, is_held};

/// Bytes of transforms that are kept after a step.
const KEPT_BYTES: usize = 16 << 20;

/// A transform, or why a row of it is lost.
pub(super) type Made = Result<Arc<Transform>, &'static str>;
/// A map that has a shape in space, and the anchors of its result where the input's arrangement tells them.
type Shaped = (Read, Geometry, Option<Arc<Anchors>>);
/// Two layouts, and a number of elements.
type Pair = (Address<Layout>, Address<Layout>, usize);

/// Equal values are one value, and what follows from them is worked out once.
#[derive(Default)]
pub struct Memo {
    maps: Values<SparseMap>,
    layouts: Values<Layout>,
    grounds: Results<Shaped, Option<Arc<Ground>>>,
    transforms: Results<(Read, Address<Layout>), Made>,
    meetings: Results<Pair, (Arc<Layout>, bool)>,
}

impl Memo {
    /// The map that stands for all that equal it.
    pub(super) fn map(&self, map: Arc<SparseMap>) -> Arc<SparseMap> {
        self.maps.of(map)
    }

    /// The layout that stands for all that equal it.
    pub(super) fn layout(&self, layout: Arc<Layout>) -> Arc<Layout> {
        self.layouts.of(layout)
    }

    /// The ways to pack the result of a map that has a shape in space; none where an output stands at no input.
    pub(super) fn ground(
        &self,
        read: &Read,
        geometry: Geometry,
        anchors: Option<Arc<Anchors>>,
    ) -> Option<Arc<Ground>> {
        let make = || Ground::new(read.reading(), geometry, anchors.clone()).map(Arc::new);
        self.grounds.of((read.clone(), geometry, anchors.clone()), make)
    }

    /// The transform that accumulates elements where a layout has them.
    ///
    /// # Errors
    /// Why a row is lost.
    pub(super) fn onto(&self, read: &Read, target: &Arc<Layout>) -> Made {
        self.transforms.of((read.clone(), Address(target.clone())), || {
            let owners = Owners::of_layout(target, read.period, read.map.0.rows());
            let transform = read.reading().onto(owners, &Candidate::default())?;
            Ok(self.shared(transform))
        })
    }

    /// Forgets all results where they take more than [`KEPT_BYTES`]. What a state refers to stays.
    pub(super) fn trim(&self) {
        let grounds = self
            .grounds
            .bytes(|ground| ground.as_ref().map_or(0, |known| known.bytes()));
        let transforms = self
            .transforms
            .bytes(|transform| transform.as_ref().map_or(0, |known| known.bytes()));
        if grounds + transforms > KEPT_BYTES {
            self.grounds.clear();
            self.transforms.clear();
            self.meetings.clear();
        }
    }

    /// A transform whose layout stands for all that equal it.
    pub(super) fn shared(&self, mut transform: Transform) -> Arc<Transform> {
        transform.layout = self.layout(transform.layout);
        Arc::new(transform)
    }

    /// What two layouts have in common, and whether it has so many elements.
    pub(super) fn common(
        &self,
        first: &Arc<Layout>,
        second: &Arc<Layout>,
        elements: usize,
    ) -> (Arc<Layout>, bool) {
        let key = (Address(first.clone()), Address(second.clone()), elements);
        self.meetings.of(key, || {
            let layout = Layout::from_fn(first.tiles(), first.slots(), |tile, slot| {
                let (a, b) = (first.cell(tile, slot), second.cell(tile, slot));
                if a == b { a } else { Cell::Unknown }
            });
            let is_held = is_held(&layout, elements);
            (self.layout(Arc::new(layout)), is_held)
        })
    }
}

/// A map with the layout that it reads, both of one [`Memo`].
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct Read {
    pub(super) map: Address<SparseMap>,
    pub(super) layout: Address<Layout>,
    /// Slots of a sample.
    pub(super) period: usize,
    /// Samples of a batch.
    pub(super) samples: usize,
    /// Whether the layout's tiles come merged to complex ones.
    pub(super) is_complex: bool,
}

impl Read {
    fn reading(&self) -> Reading {
        let (map, layout) = (&self.map.0, &self.layout.0);
        Reading {
            map: map.clone(),
            places: Arc::new(Places::of(layout, self.period, map.columns())),
            window: Window::UPWARDS,
            tiles: layout.tiles(),
            is_complex: self.is_complex,
            samples: self.samples,
        }
    }
}

/// A shared value that equals its clones and nothing else.
pub(super) struct Address<T>(pub(super) Arc<T>);

impl<T> Clone for Address<T> {
    fn clone(&self) -> Self {
        Address(self.0.clone())
    }
}

impl<T> PartialEq for Address<T> {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl<T> Eq for Address<T> {}

impl<T> Hash for Address<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.0).hash(state);
    }
}

/// One value for all that are equal, as long as any of them is in use: by their hashes.
struct Values<T>(Mutex<HashMap<u64, Vec<Weak<T>>>>);

impl<T> Default for Values<T> {
    fn default() -> Self {
        Values(Mutex::default())
    }
}

impl<T: Eq + Hash> Values<T> {
    fn of(&self, value: Arc<T>) -> Arc<T> {
        let mut hasher = DefaultHasher::new();
        value.hash(&mut hasher);
        let mut known = locked(&self.0);
        let alike = known.entry(hasher.finish()).or_default();
        alike.retain(|known| known.strong_count() > 0);
        let mut in_use = alike.iter().filter_map(Weak::upgrade);
        if let Some(equal) = in_use.find(|known| *known == value) {
            return equal;
        }
        alike.push(Arc::downgrade(&value));
        value
    }
}

/// Results by what they follow from. Who asks for one that another thread is working out waits for it.
struct Results<K, V>(Mutex<HashMap<K, Arc<OnceLock<V>>>>);

impl<K, V> Default for Results<K, V> {
    fn default() -> Self {
        Results(Mutex::default())
    }
}

impl<K: Eq + Hash, V: Clone> Results<K, V> {
    fn of(&self, key: K, make: impl FnOnce() -> V) -> V {
        let result = locked(&self.0).entry(key).or_default().clone();
        result.get_or_init(make).clone()
    }

    /// What all of them take, by what each does.
    fn bytes(&self, of: impl Fn(&V) -> usize) -> usize {
        let results = locked(&self.0);
        results.values().filter_map(|result| result.get()).map(of).sum()
    }

    fn clear(&self) {
        locked(&self.0).clear();
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_layouts_are_one_and_what_they_have_in_common_is_worked_out_once() {
        let memo = Memo::default();
        let layout = |shift: usize| {
            let cell = |_, slot: usize| Cell::Element(((slot + shift) % 4) as u32);
            memo.layout(Arc::new(Layout::from_fn(1, 8, cell)))
        };
        let (first, second, other) = (layout(0), layout(4), layout(2));
        assert!(Arc::ptr_eq(&first, &second) && !Arc::ptr_eq(&first, &other));
        let (same, is_held) = memo.common(&first, &second, 4);
        assert!(Arc::ptr_eq(&same, &first) && is_held);
        let (nothing, is_held) = memo.common(&first, &other, 4);
        assert!(!is_held && nothing.cells().all(|(.., cell)| cell == Cell::Unknown));
        assert!(Arc::ptr_eq(&nothing, &memo.common(&first, &other, 4).0));
    }

    #[test]
    fn a_result_is_worked_out_once() {
        let results = Results::<u32, u32>::default();
        let mut calls = 0;
        let mut of = |key: u32| {
            results.of(key, || {
                calls += 1;
                10 * key
            })
        };
        assert_eq!([1, 2, 1, 1, 2].map(&mut of), [10, 20, 10, 10, 20]);
        assert_eq!(calls, 2);
    }
}
