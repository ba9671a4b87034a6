//! Which rotation of which input tile serves each nonzero of an affine map.
//!
//! Slot `s` of output tile `o` accumulates a partial sum of one *instance* of an output row (an instance is one copy of the
//! row). A product `P[s] * rot_r(x_i)[s]` reads the input element in slot `s + r` of tile `i`. Each nonzero of each instance
//! must be served exactly once by some slot of the instance and some copy of its input element; the slots of an instance are
//! added up afterwards by folds (see [`super::fold`]). Among the possibilities the one with the smallest rotation, counted from
//! `-bias`, is taken: rotations then come from few small windows, which is what makes the diagonal method, the interleaved
//! convolution and plain tile contraction fall out of the same rule.
//!
//! Nothing is listed: a large layer has more nonzeros than a machine has memory. The rule is followed for all of them to find the
//! diagonals, and again for the slots of one diagonal when its plaintext is made.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::ops::Range;
use std::sync::Arc;

use super::owners::{Owners, Targets};
use super::place::{Places, Window};
use super::sparse::SparseMap;

/// The rotations whose products make up one output tile from one input tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Diagonal {
    /// Output tile.
    pub output: u32,
    /// Input tile.
    pub input: u32,
    /// Rotation, in `-slots/2..slots/2`.
    pub rotation: i32,
}

impl Diagonal {
    const TILE_BITS: u32 = 21;
    const ROTATION_BITS: u32 = 22;

    /// A number that orders diagonals as they are ordered.
    fn key(self) -> u64 {
        let rotation = (self.rotation + (1 << (Self::ROTATION_BITS - 1))) as u64;
        let tiles = u64::from(self.output) << Self::TILE_BITS | u64::from(self.input);
        tiles << Self::ROTATION_BITS | rotation
    }

    fn from_key(key: u64) -> Self {
        let low = |key: u64, bits: u32| (key & ((1 << bits) - 1)) as u32;
        Diagonal {
            output: (key >> (Self::TILE_BITS + Self::ROTATION_BITS)) as u32,
            input: low(key >> Self::ROTATION_BITS, Self::TILE_BITS),
            rotation: low(key, Self::ROTATION_BITS) as i32 - (1 << (Self::ROTATION_BITS - 1)),
        }
    }
}

/// A nonzero slot of a diagonal's plaintext: (slot in the period, tap).
pub type Nonzero = (u32, u32);

/// An element that stands in no valid slot of the input layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Uncovered(pub u32);

/// Hashes the key of a diagonal: a multiplication spreads it well enough.
#[derive(Default)]
struct KeyHasher(u64);

impl Hasher for KeyHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes
            .iter()
            .for_each(|&byte| self.write_u64(self.0 << 8 | u64::from(byte)));
    }

    fn write_u64(&mut self, key: u64) {
        let product = u128::from(key) * 0x9e37_79b9_7f4a_7c15;
        self.0 = product as u64 ^ (product >> 64) as u64;
    }
}

/// Something about each of some diagonals.
struct ByDiagonal<T>(HashMap<u64, T, BuildHasherDefault<KeyHasher>>);

impl<T> Default for ByDiagonal<T> {
    fn default() -> Self {
        ByDiagonal(HashMap::default())
    }
}

impl<T: Default> ByDiagonal<T> {
    fn of(&mut self, diagonal: Diagonal) -> &mut T {
        self.0.entry(diagonal.key()).or_default()
    }

    fn sorted(self) -> Vec<Diagonal> {
        let mut keys: Vec<u64> = self.0.into_keys().collect();
        keys.sort_unstable();
        keys.into_iter().map(Diagonal::from_key).collect()
    }
}

/// Serves the nonzeros of some instances, reporting (diagonal, slot, tap) for each.
fn serve(
    (map, places, window): (&SparseMap, &Places, Window),
    targets: &impl Targets,
    instances: impl Iterator<Item = u32>,
    mut visit: impl FnMut(Diagonal, u32, u32),
) -> Result<(), Uncovered> {
    for instance in instances {
        let target = targets.of_instance(instance);
        for entry in map.row(target.row as usize) {
            let best = places.best(entry.input, target, window);
            let best = best.ok_or(Uncovered(entry.input))?;
            let diagonal = Diagonal {
                output: target.tile,
                input: best.input,
                rotation: places.rotation(best.from, best.to),
            };
            visit(diagonal, best.to, entry.tap);
        }
    }
    Ok(())
}

/// The diagonals that serve some instances, ascending.
pub fn sampled(
    map: &SparseMap,
    places: &Places,
    window: Window,
    targets: &impl Targets,
    instances: impl Iterator<Item = u32>,
) -> Result<Vec<Diagonal>, Uncovered> {
    let mut found = ByDiagonal::<()>::default();
    serve((map, places, window), targets, instances, |diagonal, _, _| {
        found.of(diagonal);
    })?;
    Ok(found.sorted())
}

/// An affine map between an input's places and the owners of its results.
#[derive(Clone, Debug, PartialEq)]
pub struct Cover {
    /// The nonzeros.
    pub map: Arc<SparseMap>,
    /// Where the inputs stand.
    pub places: Arc<Places>,
    /// Preferred rotations.
    pub window: Window,
    /// Where rows are accumulated.
    pub owners: Owners,
}

/// The diagonals of a map.
pub struct Diagonals {
    /// All that have a nonzero, ascending.
    pub list: Vec<Diagonal>,
    /// Whether each slot of each output tile gathers a product: that of `tile * period + slot`.
    pub gathers: Vec<bool>,
}

impl Cover {
    fn serve(&self, instances: Range<usize>, visit: impl FnMut(Diagonal, u32, u32)) -> Result<(), Uncovered> {
        let instances = instances.start as u32..instances.end as u32;
        serve(
            (&self.map, &self.places, self.window),
            &self.owners,
            instances,
            visit,
        )
    }

    /// Instances that differ from those before only in the tile and the taps come in groups: the length of one, how many there are,
    /// and their tiles.
    fn groups(&self) -> (usize, usize, usize) {
        let Owners { targets, group, .. } = &self.owners;
        let row = |instance: usize| targets.get(instance).map(|target| target.row as usize);
        match (row(0), row(*group)) {
            (Some(first), Some(next)) if self.map.repeats_after(next - first) => {
                let tiles = (targets[*group].tile - targets[0].tile) as usize;
                (*group, targets.len() / group, tiles)
            }
            _ => (targets.len(), 1, self.owners.tiles()),
        }
    }

    /// Follows the rule for every nonzero.
    pub fn diagonals(&self) -> Result<Diagonals, Uncovered> {
        let (length, groups, tiles) = self.groups();
        let period = self.owners.period;
        let mut found = ByDiagonal::<()>::default();
        let mut gathers = vec![false; self.owners.instance.len()];
        // Neighbouring nonzeros tend to share a diagonal.
        let mut last = None;
        let mut visit = |diagonal: Diagonal, slot: u32, _| {
            if last != Some(diagonal) {
                last = Some(diagonal);
                found.of(diagonal);
            }
            gathers[diagonal.output as usize * period + slot as usize] = true;
        };
        self.serve(0..length, &mut visit)?;
        self.serve(length * groups..self.owners.targets.len(), &mut visit)?;
        let is_first = |diagonal: &&Diagonal| (diagonal.output as usize) < tiles;
        let found = found.sorted();
        let first: Vec<Diagonal> = found.iter().take_while(is_first).copied().collect();
        let mut list = first.clone();
        for group in 1..groups {
            list.extend(first.iter().map(|diagonal| Diagonal {
                output: diagonal.output + (group * tiles) as u32,
                ..*diagonal
            }));
            gathers.copy_within(..tiles * period, group * tiles * period);
        }
        list.extend(&found[first.len()..]);
        Ok(Diagonals { list, gathers })
    }

    /// The nonzeros that a diagonal serves, by slot.
    pub fn nonzeros(&self, diagonal: Diagonal) -> Vec<Nonzero> {
        let Diagonal {
            output,
            input,
            rotation,
        } = diagonal;
        let mut found = Vec::new();
        for slot in 0..self.owners.period as u32 {
            let Some(target) = self.owners.at(output, slot) else {
                continue;
            };
            let Some((from, element)) = self.places.behind(input, rotation, slot) else {
                continue;
            };
            let mut taps = self.map.taps(target.row as usize, element).peekable();
            if taps.peek().is_none() {
                continue;
            }
            let best = self.places.best(element, target, self.window);
            if best.is_some_and(|best| (best.input, best.to, best.from) == (input, slot, from)) {
                found.extend(taps.map(|tap| (slot, tap)));
            }
        }
        found
    }

    /// The shortest period, a power of two, of every diagonal's nonzeros.
    pub fn periods(&self) -> Result<HashMap<Diagonal, usize>, Uncovered> {
        let (length, groups, tiles) = self.groups();
        let mut found = ByDiagonal::<Halves>::default();
        let log = self.owners.period.ilog2();
        let mut visit = |diagonal: Diagonal, slot: u32, tap: u32| found.of(diagonal).add(slot, tap, log);
        self.serve(0..length, &mut visit)?;
        self.serve(length * groups..self.owners.targets.len(), &mut visit)?;
        let mut periods = HashMap::new();
        for (key, halves) in found.0 {
            let (first, period) = (Diagonal::from_key(key), halves.period(log));
            let last = if (first.output as usize) < tiles {
                groups
            } else {
                1
            };
            periods.extend((0..last).map(|group| {
                let output = first.output + (group * tiles) as u32;
                (Diagonal { output, ..first }, period)
            }));
        }
        Ok(periods)
    }
}

/// For each power of two, the names of the nonzeros in the lower half of so many slots minus those in the upper half: zero where the
/// halves agree, for what is left of them.
#[derive(Default)]
struct Halves([u64; Halves::MOST]);

impl Halves {
    const MOST: usize = 20;

    fn add(&mut self, slot: u32, tap: u32, log: u32) {
        let least = (u32::BITS - slot.leading_zeros()).max(1);
        for bits in least..=log {
            let half = 1 << (bits - 1);
            let mut name = KeyHasher::default();
            name.write_u64(u64::from(slot & (half - 1)) << 32 | u64::from(tap) | 1 << 63);
            let sum = &mut self.0[bits as usize];
            *sum = if slot < half {
                sum.wrapping_add(name.finish())
            } else {
                sum.wrapping_sub(name.finish())
            };
        }
    }

    fn period(&self, log: u32) -> usize {
        let differ = (1..=log).rev().find(|&bits| self.0[bits as usize] != 0);
        1 << differ.unwrap_or(0)
    }
}

#[cfg(test)]
mod tests;
