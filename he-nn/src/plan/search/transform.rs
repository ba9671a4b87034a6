//! One affine map from one layout to given slots: which diagonals, in which steps, at what price.

use std::sync::Arc;

use he_core::tile::layout::Layout;

use super::expand::Expansion;
use super::{Choice, LinearChoice, State};
use crate::plan::cost::LinearWork;
use crate::plan::network::StepId;
use crate::plan::packing::candidate::Candidate;
use crate::plan::packing::cover::{Cover, Diagonal, Diagonals};
use crate::plan::packing::fold::folded_layout;
use crate::plan::packing::merge::{Merge, merged};
use crate::plan::packing::owners::Owners;
use crate::plan::packing::place::{Places, Window};
use crate::plan::packing::sparse::SparseMap;
use crate::plan::packing::split::{Split, cheapest};

/// No input element may be missing from the valid slots.
pub(super) const UNCOVERED: &str = "an input element stands in no valid slot";

/// An affine map that is to read step `x` where a state has it.
pub(super) struct Transform<'t> {
    pub(super) expansion: &'t Expansion<'t>,
    pub(super) state: &'t State,
    pub(super) x: StepId,
    pub(super) map: &'t Arc<SparseMap>,
    /// Where the elements of `x` stand.
    pub(super) places: &'t Arc<Places>,
    /// Preferred rotations.
    pub(super) window: Window,
}

impl Transform<'_> {
    /// Every diagonal of the map onto these owners, and the layout of the result; an error says why a row is lost.
    pub(super) fn onto(
        &self,
        owners: Owners,
        candidate: Candidate,
    ) -> Result<(LinearChoice, Layout), &'static str> {
        let Transform { expansion, map, .. } = self;
        let tiles = (self.state.layouts[self.x].tiles(), owners.tiles());
        let cover = Cover {
            map: (*map).clone(),
            places: self.places.clone(),
            window: self.window,
            owners,
        };
        let Diagonals { list, gathers } = cover.diagonals().map_err(|_| UNCOVERED)?;
        let Packed {
            merge,
            split,
            stages,
            cost,
        } = self.cheapest_merge(&list, &candidate, tiles);
        let slots = expansion.settings.slots;
        let layout = folded_layout(slots, map.rows(), &cover.owners, &gathers, &stages);
        if !expansion.is_held(&layout) {
            return Err("folding mixes neighbouring outputs");
        }
        let choice = LinearChoice {
            candidate,
            merge,
            diagonals: list.into(),
            split,
            stages,
            inputs: tiles.0,
            outputs: tiles.1,
            cover: Arc::new(cover),
            cost,
        };
        Ok((choice, layout))
    }

    /// The cheapest way to carry out a set of diagonals from `tiles.0` to `tiles.1` real tiles, of the merges that are open to it.
    pub(super) fn cheapest_merge(
        &self,
        list: &[Diagonal],
        candidate: &Candidate,
        tiles: (usize, usize),
    ) -> Packed {
        let merges: &[Merge] = match (&self.state.choices[self.x], tiles) {
            (Choice::Input { complex: true, .. }, _) => &[Merge::Inputs],
            (_, (1, 1)) => &[Merge::None],
            (_, (1, _)) => &[Merge::None, Merge::Outputs],
            (_, (_, 1)) => &[Merge::None, Merge::Inputs],
            _ => &[Merge::None, Merge::Inputs, Merge::Outputs],
        };
        let packed = |&merge: &Merge| self.cost(list, candidate, merge, tiles);
        let all = merges.iter().map(packed);
        all.min_by(|a, b| a.cost.total_cmp(&b.cost))
            .unwrap_or_else(|| packed(&Merge::None))
    }

    /// The best split and fold stages of a set of diagonals under a merge, and their time.
    fn cost(
        &self,
        list: &[Diagonal],
        candidate: &Candidate,
        merge: Merge,
        (inputs, outputs): (usize, usize),
    ) -> Packed {
        let Expansion {
            shape,
            after,
            settings,
            ..
        } = self.expansion;
        let (state, prices, slots) = (self.state, &settings.prices, settings.slots);
        let key = shape.key_bytes() as f64 * settings.key_byte;
        let products = merge.products(list, merge.tiles(inputs, outputs));
        // Ciphertexts of the result before its parts are taken.
        let ciphertexts = match merge {
            Merge::Outputs => merged(outputs),
            Merge::None | Merge::Inputs => outputs,
        };
        let (split, _, linear) = cheapest(&products, self.window.bias, slots, |steps| {
            let fresh = steps
                .rotations
                .iter()
                .filter(|r| !state.rotations.contains(r))
                .count();
            let work = LinearWork {
                steps: steps.clone(),
                products: products.len(),
                outputs: ciphertexts,
                distinct: state.period as f64 / slots as f64,
            };
            shape.linear(&work, prices) + fresh as f64 * key
        });
        let after_key = after.key_bytes() as f64 * settings.key_byte;
        let (stages, folds) = (1..=3)
            .map(|log| {
                let stages = candidate.stages(log);
                let terms: Vec<usize> = stages.iter().map(Vec::len).collect();
                let keys: usize = terms.iter().map(|terms| terms - 1).sum();
                let cost = after.rotate_sum(ciphertexts, &terms, prices) + keys as f64 * after_key;
                (stages, cost)
            })
            .min_by(|a, b| a.1.total_cmp(&b.1))
            .unwrap_or_default();
        // A conjugation costs as much as a rotation.
        let parts = match merge {
            Merge::None => 0.0,
            Merge::Inputs | Merge::Outputs => after.rotate_sum(ciphertexts, &[2], prices),
        };
        // Tiles cost their additions even when nothing else touches them; and every later step pays for them.
        let tiles = outputs as f64 * after.limbs as f64 * after.degree as f64 * 2.0 * prices.mac_word;
        Packed {
            merge,
            split,
            stages,
            cost: linear + folds + parts + tiles,
        }
    }
}

/// How a set of diagonals is carried out.
pub(super) struct Packed {
    merge: Merge,
    split: Split,
    stages: Vec<Vec<i32>>,
    /// Nanoseconds.
    pub(super) cost: f64,
}
