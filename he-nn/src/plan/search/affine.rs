//! Candidates of an affine step: estimated from a few rows, the best worked out in full.

use std::sync::Arc;

use he_core::tile::layout::Cell;

use super::expand::Expansion;
use super::{Choice, Found, LinearChoice, State, keep_racing};
use crate::plan::cost::LinearWork;
use crate::plan::network::{Geometry, StepId};
use crate::plan::packing::bits::SlotBits;
use crate::plan::packing::candidate::{Anchors, Candidate, Placement, candidates};
use crate::plan::packing::cover::{Diagonal, NONE, Owners, Places, Window, cover, diagonals};
use crate::plan::packing::fold::folded_layout;
use crate::plan::packing::merge::{Merge, merged};
use crate::plan::packing::sparse::SparseMap;
use crate::plan::packing::split::{Split, cheapest};

/// Candidates of one state that are worked out at most.
const WORKED_OUT: usize = 4;
/// Candidates estimated at more than this many times the cheapest are not worked out: the layouts that follow from them do not make
/// up for it.
const HOPELESS: f64 = 1.5;
/// Candidates that need more than this many times the fewest output tiles are not looked at.
const SPREAD: usize = 16;
/// Candidates worked out beyond the states that are kept: some turn out to mix outputs or to agree.
const BESIDES_BEAM: usize = 2;

/// A state before an affine step, with its candidates, cheapest estimate first.
struct Prospect<'s> {
    state: &'s State,
    places: Places,
    anchors: Anchors,
    channels: usize,
    ranked: Vec<(f64, Candidate)>,
}

impl Expansion<'_> {
    /// The states that an affine step leads to. Candidates of all states are estimated, and the best of all worked out.
    pub(super) fn affine(
        &self,
        beam: &[State],
        x: StepId,
        map: &SparseMap,
        geometry: Geometry,
        found: &mut Found,
    ) -> Vec<State> {
        if geometry == Geometry::Diagonal {
            return self.in_parallel(beam, found, |state, found| self.diagonal(state, x, map, found));
        }
        let prospects = self.in_parallel(beam, found, |state, found| {
            self.prospect(state, x, map, geometry, found)
        });
        let mut chances: Vec<(f64, &Prospect<'_>, &Candidate)> = Vec::new();
        for prospect in &prospects {
            let bound = prospect.ranked.first().map_or(0.0, |least| HOPELESS * least.0);
            let worth = prospect
                .ranked
                .iter()
                .take(WORKED_OUT)
                .filter(|entry| entry.0 <= bound);
            chances.extend(worth.map(|(cost, candidate)| (prospect.state.cost + cost, prospect, candidate)));
        }
        chances.sort_by(|a, b| a.0.total_cmp(&b.0));
        keep_racing(
            &mut chances,
            self.settings.beam + BESIDES_BEAM,
            |(cost, prospect, _)| (*cost, prospect.state.family),
        );
        self.in_parallel(&chances, found, |(_, prospect, candidate), found| {
            let Prospect {
                state,
                places,
                anchors,
                channels,
                ..
            } = *prospect;
            let owners = Placement::new(candidate, anchors, *channels, state.period).owners();
            let candidate = (*candidate).clone();
            self.work_out(state, x, map, places, candidate, &owners, anchors.window, found)
        })
    }

    /// Estimates the candidates of a state from a few rows each.
    fn prospect<'s>(
        &self,
        state: &'s State,
        x: StepId,
        map: &SparseMap,
        geometry: Geometry,
        found: &mut Found,
    ) -> Option<Prospect<'s>> {
        let layout = &state.layouts[x];
        let places = Places::of(layout, state.period, map.columns());
        let (anchors, channels) = match geometry {
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
            Geometry::Dense | Geometry::Diagonal => (None, map.rows()),
        };
        let (anchors, channels) = match anchors {
            Some(anchors) => (anchors, channels),
            // Where an output pixel has no input pixel to stand at, a small map is packed as if it had no shape.
            None if geometry == Geometry::Dense || map.rows() <= state.period => {
                (Anchors::single(), map.rows())
            }
            None => {
                self.reject(found, "an output pixel has no input pixel to stand at");
                return None;
            }
        };
        let bits = SlotBits::of(layout, state.period);
        let mut all = candidates(&bits, &anchors, channels);
        let tiles_of =
            |candidate: &Candidate| Placement::new(candidate, &anchors, channels, state.period).tiles();
        let fewest = all.iter().map(tiles_of).min().unwrap_or(0);
        all.retain(|candidate| tiles_of(candidate) <= SPREAD * fewest);
        found.tried += all.len();
        let mut ranked = self.in_parallel(&all, found, |candidate, found| {
            let placement = Placement::new(candidate, &anchors, channels, state.period);
            let mut sampled: Vec<Diagonal> = Vec::new();
            let sample = placement.sample().into_iter();
            let served = cover(
                map,
                &places,
                &placement,
                anchors.window,
                sample,
                |diagonal, _, _| {
                    if sampled.last() != Some(&diagonal) {
                        sampled.push(diagonal);
                    }
                },
            );
            if served.is_err() {
                self.reject(found, "an input element stands in no valid slot");
                return None;
            }
            sampled.sort_unstable();
            sampled.dedup();
            let tiles = (layout.tiles(), placement.tiles());
            let best = self.cheapest_merge(state, x, &sampled, candidate, tiles, anchors.window);
            Some((best.cost, candidate.clone()))
        });
        ranked.sort_by(|a, b| a.0.total_cmp(&b.0));
        Some(Prospect {
            state,
            places,
            anchors,
            channels,
            ranked,
        })
    }

    /// Works a candidate out in full: the state it leads to.
    #[expect(
        clippy::too_many_arguments,
        reason = "one call site each; a struct would only rename the list"
    )]
    fn work_out(
        &self,
        state: &State,
        x: StepId,
        map: &SparseMap,
        places: &Places,
        candidate: Candidate,
        owners: &Owners,
        window: Window,
        found: &mut Found,
    ) -> Option<State> {
        let Ok(all) = diagonals(map, places, owners, window) else {
            self.reject(found, "an input element stands in no valid slot");
            return None;
        };
        let list: Vec<Diagonal> = all.iter().map(|(diagonal, _)| *diagonal).collect();
        let tiles = (state.layouts[x].tiles(), owners.tiles());
        let Packed {
            merge,
            split,
            stages,
            cost,
        } = self.cheapest_merge(state, x, &list, &candidate, tiles, window);
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
            self.reject(found, "folding mixes neighbouring outputs");
            return None;
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
            merge,
            diagonals: Arc::new(all),
            split,
            stages,
            inputs: tiles.0,
            outputs: tiles.1,
            period: owners.period,
            cost,
        };
        let mut after = state.with(Choice::Linear(choice), Arc::new(layout), cost);
        self.charge_keys(&mut after, rotations.iter());
        if merge != Merge::None {
            self.charge_conjugation(&mut after);
        }
        Some(after)
    }

    /// An elementwise map: the layout stays.
    fn diagonal(&self, state: &State, x: StepId, map: &SparseMap, found: &mut Found) -> Option<State> {
        let (layout, rows) = (&state.layouts[x], map.rows());
        let places = Places::of(layout, state.period, map.columns());
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
        let window = Window { bias: 0, grain: 1 };
        self.work_out(state, x, map, &places, candidate, &owners, window, found)
    }

    /// The cheapest way to carry out a set of diagonals from `tiles.0` to `tiles.1` real tiles, of the merges that are open to it.
    fn cheapest_merge(
        &self,
        state: &State,
        x: StepId,
        list: &[Diagonal],
        candidate: &Candidate,
        tiles: (usize, usize),
        window: Window,
    ) -> Packed {
        let merges: &[Merge] = match (&state.choices[x], tiles) {
            (Choice::Input { complex: true, .. }, _) => &[Merge::Inputs],
            (_, (1, 1)) => &[Merge::None],
            (_, (1, _)) => &[Merge::None, Merge::Outputs],
            (_, (_, 1)) => &[Merge::None, Merge::Inputs],
            _ => &[Merge::None, Merge::Inputs, Merge::Outputs],
        };
        let packed = |&merge: &Merge| self.linear_cost(state, list, candidate, merge, tiles, window);
        let all = merges.iter().map(packed);
        all.min_by(|a, b| a.cost.total_cmp(&b.cost))
            .unwrap_or_else(|| packed(&Merge::None))
    }

    /// The best split and fold stages of a set of diagonals under a merge, and their time.
    fn linear_cost(
        &self,
        state: &State,
        list: &[Diagonal],
        candidate: &Candidate,
        merge: Merge,
        (inputs, outputs): (usize, usize),
        window: Window,
    ) -> Packed {
        let (prices, slots) = (&self.settings.prices, self.settings.slots);
        let key = self.shape.key_bytes() as f64 * self.settings.key_byte;
        let products = merge.products(list, merge.tiles(inputs, outputs));
        // Ciphertexts of the result before its parts are taken.
        let ciphertexts = match merge {
            Merge::Outputs => merged(outputs),
            Merge::None | Merge::Inputs => outputs,
        };
        let (split, _, linear) = cheapest(&products, window.bias, slots, |steps| {
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
            self.shape.linear(&work, prices) + fresh as f64 * key
        });
        let after_key = self.after.key_bytes() as f64 * self.settings.key_byte;
        let (stages, folds) = (1..=3)
            .map(|log| {
                let stages = candidate.stages(log);
                let terms: Vec<usize> = stages.iter().map(Vec::len).collect();
                let keys: usize = terms.iter().map(|terms| terms - 1).sum();
                let cost = self.after.rotate_sum(ciphertexts, &terms, prices) + keys as f64 * after_key;
                (stages, cost)
            })
            .min_by(|a, b| a.1.total_cmp(&b.1))
            .unwrap_or_default();
        // A conjugation costs as much as a rotation.
        let parts = match merge {
            Merge::None => 0.0,
            Merge::Inputs | Merge::Outputs => self.after.rotate_sum(ciphertexts, &[2], prices),
        };
        // Tiles cost their additions even when nothing else touches them; and every later step pays for them.
        let tiles =
            outputs as f64 * self.after.limbs as f64 * self.after.degree as f64 * 2.0 * prices.mac_word;
        Packed {
            merge,
            split,
            stages,
            cost: linear + folds + parts + tiles,
        }
    }
}

/// How a set of diagonals is carried out.
struct Packed {
    merge: Merge,
    split: Split,
    stages: Vec<Vec<i32>>,
    /// Nanoseconds.
    cost: f64,
}
