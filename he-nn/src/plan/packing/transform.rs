//! One affine map from one layout to given slots, worked out: which products, in which steps, and what stands where afterwards.
//!
//! No level and no price enters. What those decide, the merge and the split, is listed in full, so that equal layers share the work.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use he_core::tile::layout::{Cell, Layout};

use super::candidate::{Candidate, Placement};
use super::cover::{Cover, Diagonal, Diagonals, Uncovered, sampled};
use super::fold::folded_layout;
use super::merge::Merge;
use super::owners::Owners;
use super::place::{Places, Window};
use super::sparse::SparseMap;
use super::split::Splits;

/// Why a row is lost: no input element may be missing from the valid slots.
pub const UNCOVERED: &str = "an input element stands in no valid slot";
/// Why a row is lost: folding left it in no slot.
pub const MIXED: &str = "folding mixes neighbouring outputs";

/// An affine map, and what it reads where.
#[derive(Clone, Debug)]
pub struct Reading {
    /// The nonzeros.
    pub map: Arc<SparseMap>,
    /// Where the elements stand that it reads.
    pub places: Arc<Places>,
    /// Preferred rotations.
    pub window: Window,
    /// Real tiles that it reads.
    pub tiles: usize,
    /// Whether they come merged to complex ones.
    pub is_complex: bool,
    /// Samples of a batch.
    pub samples: usize,
}

impl Reading {
    /// Every split of a set of diagonals under every merge that is open to it, onto `outputs` real tiles.
    fn ways(&self, diagonals: &[Diagonal], outputs: usize) -> Vec<(Merge, Splits)> {
        let way = |&merge: &Merge| {
            let products = merge.products(diagonals, merge.tiles(self.tiles, outputs));
            let splits = Splits::of(&products, self.window.bias, self.places.slots());
            (merge, splits)
        };
        Merge::open_to(self.is_complex, self.tiles, outputs)
            .iter()
            .map(way)
            .collect()
    }

    /// The ways to serve a few rows of a placement: what its price is estimated from.
    pub fn sample(&self, placement: &Placement<'_>) -> Result<Vec<(Merge, Splits)>, Uncovered> {
        let instances = placement.sample().into_iter();
        let diagonals = sampled(&self.map, &self.places, self.window, placement, instances)?;
        Ok(self.ways(&diagonals, placement.tiles()))
    }

    /// The whole map onto these owners.
    ///
    /// # Errors
    /// Why a row is lost.
    pub fn onto(&self, owners: Owners, candidate: &Candidate) -> Result<Transform, &'static str> {
        let outputs = owners.tiles();
        let cover = Cover {
            map: self.map.clone(),
            places: self.places.clone(),
            window: self.window,
            owners,
        };
        let Diagonals { list, gathers } = cover.diagonals().map_err(|_| UNCOVERED)?;
        let (slots, rows) = (self.places.slots(), self.map.rows());
        // However the bits to be folded are spread over stages, the sums are the same.
        let stages = candidate.stages(1);
        let layout = folded_layout(slots, rows, &cover.owners, &gathers, &stages);
        if !is_held(&layout, rows * self.samples) {
            return Err(MIXED);
        }
        Ok(Transform {
            ways: self.ways(&list, outputs),
            cover: Arc::new(cover),
            diagonals: list,
            inputs: self.tiles,
            outputs,
            layout: Arc::new(layout),
            periods: OnceLock::new(),
        })
    }
}

/// Whether each of so many elements stands somewhere.
pub fn is_held(layout: &Layout, elements: usize) -> bool {
    let mut held = vec![false; elements];
    for (_, _, cell) in layout.cells() {
        if let Cell::Element(e) = cell {
            // Beyond the batch stand only zeros, which may have been given a bias.
            if let Some(held) = held.get_mut(e as usize) {
                *held = true;
            }
        }
    }
    held.iter().all(|&held| held)
}

/// An affine map between two layouts.
#[derive(Debug)]
pub struct Transform {
    /// Which rotation serves which nonzero.
    pub cover: Arc<Cover>,
    /// Every diagonal of the real tiles, ascending.
    pub diagonals: Vec<Diagonal>,
    /// Real input tiles.
    pub inputs: usize,
    /// Real output tiles.
    pub outputs: usize,
    /// The ways to carry it out: every split under every merge.
    pub ways: Vec<(Merge, Splits)>,
    /// What stands where afterwards.
    pub layout: Arc<Layout>,
    periods: OnceLock<HashMap<Diagonal, usize>>,
}

impl Transform {
    /// Bytes that its lists take.
    pub fn bytes(&self) -> usize {
        let owners = &self.cover.owners;
        let ways = self.ways.iter().map(|(_, splits)| splits.bytes());
        size_of_val(&owners.instance[..])
            + size_of_val(&owners.targets[..])
            + size_of_val(&self.diagonals[..])
            + self.layout.tiles() * self.layout.slots() * size_of::<u32>()
            + ways.sum::<usize>()
    }

    /// The shortest period, a power of two, of every diagonal's nonzeros.
    pub fn periods(&self) -> &HashMap<Diagonal, usize> {
        // A cover that left something out would have no diagonals.
        self.periods
            .get_or_init(|| self.cover.periods().unwrap_or_default())
    }
}
