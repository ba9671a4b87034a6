//! Candidates of an affine step: estimated from a few rows, the best worked out in full.

use std::collections::BTreeSet;
use std::sync::Arc;

use he_core::tile::layout::{Cell, Layout};

use super::expand::Expansion;
use super::{Choice, Found, LinearChoice, State};
use crate::plan::cost::LinearWork;
use crate::plan::network::{Geometry, StepId};
use crate::plan::packing::bits::SlotBits;
use crate::plan::packing::candidate::{Anchors, Candidate, Placement, candidates};
use crate::plan::packing::cover::{Diagonal, NONE, Owners, Places, Window, cover, diagonals};
use crate::plan::packing::fold::folded_layout;
use crate::plan::packing::sparse::SparseMap;
use crate::plan::packing::split::{Split, cheapest};

/// Full evaluations of a step's candidates for each state.
const WORKED_OUT: usize = 4;
/// Candidates estimated at more than this many times the cheapest are not worked out: the layouts that follow from them do not make
/// up for it.
const HOPELESS: f64 = 1.5;

impl Expansion<'_> {
    pub(super) fn affine(
        &self,
        state: &State,
        x: StepId,
        map: &SparseMap,
        geometry: Geometry,
        next: &mut Vec<State>,
        found: &mut Found,
    ) {
        let layout = &state.layouts[x];
        let places = Places::of(layout, state.period, map.columns());
        let (anchors, channels) = match geometry {
            Geometry::Dense => (None, map.rows()),
            Geometry::Image {
                input,
                output,
                stride,
                padding,
                ..
            } => {
                let known = state.anchors.get(&x).cloned();
                let size = [output[1], output[2]];
                let found = known.or_else(|| Anchors::of_image(&places, input, size, stride, padding));
                (found, output[0] as usize)
            }
            Geometry::Diagonal => {
                return self.diagonal(state, map, &places, layout, next, found);
            }
        };
        let (anchors, channels) = match anchors {
            Some(anchors) => (anchors, channels),
            // Where an output pixel has no input pixel to stand at, a small map is packed as if it had no shape.
            None if geometry == Geometry::Dense || map.rows() <= state.period => {
                (Anchors::single(), map.rows())
            }
            None => return self.reject(found, "an output pixel has no input pixel to stand at"),
        };
        let bits = SlotBits::of(layout, state.period);
        let mut ranked = Vec::new();
        for candidate in candidates(&bits, &anchors, channels) {
            found.tried += 1;
            let placement = Placement::new(&candidate, &anchors, channels, state.period);
            let mut sampled: BTreeSet<Diagonal> = BTreeSet::new();
            let served = cover(
                map,
                &places,
                &placement,
                anchors.window,
                placement.sample().into_iter(),
                |diagonal, _, _| {
                    sampled.insert(diagonal);
                },
            );
            if served.is_err() {
                self.reject(found, "an input element stands in no valid slot");
                continue;
            }
            let sampled: Vec<Diagonal> = sampled.into_iter().collect();
            let outputs = placement.tiles();
            let cost = self
                .linear_cost(state, &sampled, &candidate, outputs, anchors.window)
                .2;
            ranked.push((cost, candidate));
        }
        ranked.sort_by(|a, b| a.0.total_cmp(&b.0));
        let bound = ranked.first().map_or(0.0, |least| HOPELESS * least.0);
        for (_, candidate) in ranked
            .into_iter()
            .take(WORKED_OUT)
            .filter(|entry| entry.0 <= bound)
        {
            let owners = Placement::new(&candidate, &anchors, channels, state.period).owners();
            self.work_out(
                state,
                map,
                &places,
                candidate,
                &owners,
                anchors.window,
                next,
                found,
            );
        }
    }

    /// Works a candidate out in full and adds the state it leads to.
    #[expect(
        clippy::too_many_arguments,
        reason = "one call site each; a struct would only rename the list"
    )]
    fn work_out(
        &self,
        state: &State,
        map: &SparseMap,
        places: &Places,
        candidate: Candidate,
        owners: &Owners,
        window: Window,
        next: &mut Vec<State>,
        found: &mut Found,
    ) {
        let Ok(all) = diagonals(map, places, owners, window) else {
            return self.reject(found, "an input element stands in no valid slot");
        };
        let list: Vec<Diagonal> = all.iter().map(|(diagonal, _)| *diagonal).collect();
        let (split, stages, cost) = self.linear_cost(state, &list, &candidate, owners.tiles(), window);
        let slots = self.settings.slots;
        let parts = all
            .iter()
            .map(|(diagonal, nonzeros)| (diagonal.output, nonzeros.as_slice()));
        let layout = folded_layout(slots, map.rows(), owners, parts, &stages);
        let mut held = vec![false; map.rows()];
        for tile in 0..layout.tiles() {
            for slot in 0..owners.period {
                if let Cell::Element(e) = layout.cell(tile, slot)
                    && let Some(held) = held.get_mut(e as usize)
                {
                    *held = true;
                }
            }
        }
        if !held.iter().all(|&held| held) {
            return self.reject(found, "folding mixes neighbouring outputs");
        }
        let rotations: Vec<i32> = list
            .iter()
            .flat_map(|diagonal| {
                let (giant, baby) = split.of(diagonal.rotation);
                [giant, baby]
            })
            .chain(stages.iter().flatten().copied())
            .collect();
        let choice = LinearChoice {
            candidate,
            diagonals: Arc::new(all),
            split,
            stages,
            outputs: owners.tiles(),
            period: owners.period,
            cost,
        };
        let mut after = state.with(Choice::Linear(choice), Arc::new(layout), cost);
        self.charge_keys(&mut after, rotations.iter());
        next.push(after);
    }

    /// An elementwise map: the layout stays.
    fn diagonal(
        &self,
        state: &State,
        map: &SparseMap,
        places: &Places,
        layout: &Arc<Layout>,
        next: &mut Vec<State>,
        found: &mut Found,
    ) {
        let rows = map.rows();
        let mut instance = vec![NONE; layout.tiles() * state.period];
        let mut row = Vec::new();
        for tile in 0..layout.tiles() {
            for slot in 0..state.period {
                if let Cell::Element(e) = layout.cell(tile, slot)
                    && (e as usize) < rows
                {
                    instance[tile * state.period + slot] = row.len() as u32;
                    row.push(e);
                }
            }
        }
        let owners = Owners {
            period: state.period,
            instance,
            row,
        };
        let candidate = Candidate {
            out_bits: vec![],
            fold_bits: vec![],
            copy_bits: vec![],
        };
        self.work_out(
            state,
            map,
            places,
            candidate,
            &owners,
            Window { bias: 0, grain: 1 },
            next,
            found,
        );
    }

    /// The best split and fold stages of a set of diagonals, and their time.
    fn linear_cost(
        &self,
        state: &State,
        list: &[Diagonal],
        candidate: &Candidate,
        outputs: usize,
        window: Window,
    ) -> (Split, Vec<Vec<i32>>, f64) {
        let (prices, slots) = (&self.settings.prices, self.settings.slots);
        let key = self.shape.key_bytes() as f64 * self.settings.key_byte;
        let (split, _, linear) = cheapest(list, window.bias, slots, |steps| {
            let fresh = steps
                .rotations
                .iter()
                .filter(|r| !state.rotations.contains(r))
                .count();
            let work = LinearWork {
                steps: steps.clone(),
                products: list.len(),
                outputs,
            };
            self.shape.linear(&work, prices) + fresh as f64 * key
        });
        let after_key = self.after.key_bytes() as f64 * self.settings.key_byte;
        let (stages, folds) = (1..=3)
            .map(|log| {
                let stages = candidate.stages(log);
                let terms: Vec<usize> = stages.iter().map(Vec::len).collect();
                let keys: usize = terms.iter().map(|terms| terms - 1).sum();
                let cost = self.after.rotate_sum(outputs, &terms, prices) + keys as f64 * after_key;
                (stages, cost)
            })
            .min_by(|a, b| a.1.total_cmp(&b.1))
            .unwrap_or_default();
        // Tiles cost their additions even when nothing else touches them; and every later step pays for them.
        let tiles =
            outputs as f64 * self.after.limbs as f64 * self.after.degree as f64 * 2.0 * prices.mac_word;
        (split, stages, linear + folds + tiles)
    }
}
