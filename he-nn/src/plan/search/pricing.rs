//! What an affine map takes at the level of a step, by the cheapest of its ways.

use super::State;
use super::expand::Expansion;
use crate::plan::cost::LinearWork;
use crate::plan::packing::candidate::Candidate;
use crate::plan::packing::merge::{Merge, merged};
use crate::plan::packing::split::{Split, Splits, Steps};

/// How a transform is carried out.
pub(super) struct Priced<'t> {
    pub(super) merge: Merge,
    pub(super) split: Split,
    pub(super) steps: &'t Steps,
    pub(super) stages: Vec<Vec<i32>>,
    /// Nanoseconds.
    pub(super) cost: f64,
}

impl Expansion<'_> {
    /// The cheapest of the ways to carry out a transform onto `outputs` real tiles.
    pub(super) fn cheapest<'t>(
        &self,
        state: &State,
        ways: &'t [(Merge, Splits)],
        candidate: &Candidate,
        outputs: usize,
    ) -> Option<Priced<'t>> {
        let priced = ways
            .iter()
            .filter_map(|(merge, splits)| self.priced(state, *merge, splits, candidate, outputs));
        priced.min_by(|a, b| a.cost.total_cmp(&b.cost))
    }

    /// The best split and fold stages under a merge, and their time.
    fn priced<'t>(
        &self,
        state: &State,
        merge: Merge,
        splits: &'t Splits,
        candidate: &Candidate,
        outputs: usize,
    ) -> Option<Priced<'t>> {
        let Expansion {
            shape,
            after,
            settings,
            ..
        } = self;
        let (prices, slots) = (&settings.prices, settings.slots);
        let key = shape.key_bytes() as f64 * settings.key_byte;
        // Ciphertexts of the result before its parts are taken.
        let ciphertexts = match merge {
            Merge::Outputs => merged(outputs),
            Merge::None | Merge::Inputs => outputs,
        };
        let (split, steps, linear) = splits.cheapest(|steps| {
            let is_fresh = |rotation: &&i32| !state.rotations.contains(**rotation as usize);
            let fresh = steps.rotations.iter().filter(is_fresh).count();
            let work = LinearWork {
                steps,
                products: splits.products(),
                outputs: ciphertexts,
                distinct: state.period as f64 / slots as f64,
            };
            shape.linear(&work, prices) + fresh as f64 * key
        })?;
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
        Some(Priced {
            merge,
            split,
            steps,
            stages,
            cost: linear + folds + parts + tiles,
        })
    }
}
