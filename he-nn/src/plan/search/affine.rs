//! Candidates of an affine step: estimated from a few rows, the best worked out in full.

use std::sync::Arc;

use super::expand::Expansion;
use super::ground::{Ground, Packable};
use super::memo::{Address, Made, Read};
use super::{Choice, Entry, Found, LinearChoice, State, keep_racing};
use crate::plan::network::{Geometry, StepId};
use crate::plan::packing::candidate::Candidate;
use crate::plan::packing::sparse::SparseMap;
use crate::plan::packing::transform::{Transform, UNCOVERED};

/// Candidates of one state that are worked out at most.
const WORKED_OUT: usize = 4;
/// Candidates estimated at more than this many times the cheapest are not worked out: the layouts that follow from them do not make
/// up for it.
const HOPELESS: f64 = 1.5;
/// Candidates worked out beyond the states that are kept: some turn out to mix outputs or to agree.
const BESIDES_BEAM: usize = 2;

/// A state before an affine step, with its candidates, cheapest estimate first.
struct Prospect<'s> {
    state: &'s State,
    ground: Arc<Ground>,
    /// Estimate, and index of the candidate.
    ranked: Vec<(f64, usize)>,
}

impl Expansion<'_> {
    /// The states that an affine step leads to. Candidates of all states are estimated, and the best of all worked out.
    pub(super) fn affine(
        &self,
        beam: &[State],
        x: StepId,
        map: &Arc<SparseMap>,
        geometry: Geometry,
        found: &mut Found,
    ) -> Vec<State> {
        let map = self.memo.map(map.clone());
        if geometry == Geometry::Diagonal {
            return self.in_parallel(beam, found, |state, found| {
                let transform = self.memo.onto(&self.read(state, x, &map), &state.layouts[x]);
                self.apply(state, transform, &Candidate::default(), found)
            });
        }
        let prospects = self.in_parallel(beam, found, |state, found| {
            self.prospect(state, x, &map, geometry, found)
        });
        let mut chances: Vec<(f64, &Prospect<'_>, &Packable)> = Vec::new();
        for prospect in &prospects {
            let bound = prospect.ranked.first().map_or(0.0, |least| HOPELESS * least.0);
            let options = prospect.ground.options();
            let mut fewest = usize::MAX;
            let worth = prospect.ranked.iter().enumerate().filter(|(place, (cost, at))| {
                let tiles = self.settings.racing_tiles(options[*at].tiles);
                let is_ahead = tiles < fewest;
                fewest = fewest.min(tiles);
                is_ahead || *place < WORKED_OUT && *cost <= bound
            });
            let worth = worth.map(|(_, entry)| entry);
            chances.extend(worth.map(|(cost, at)| (prospect.state.cost + cost, prospect, &options[*at])));
        }
        chances.sort_by(|a, b| a.0.total_cmp(&b.0));
        keep_racing(
            &mut chances,
            self.settings.beam + BESIDES_BEAM,
            |(cost, prospect, option)| Entry {
                cost: *cost,
                family: prospect.state.family,
                tiles: self.settings.racing_tiles(option.tiles),
            },
        );
        self.in_parallel(&chances, found, |(_, prospect, option), found| {
            let transform = prospect.ground.transform(option, self.memo);
            self.apply(prospect.state, transform, &option.candidate, found)
        })
    }

    /// A map where a state has what it reads.
    pub(super) fn read(&self, state: &State, x: StepId, map: &Arc<SparseMap>) -> Read {
        Read {
            map: Address(map.clone()),
            layout: Address(state.layouts[x].clone()),
            period: state.period,
            samples: self.settings.batch as usize,
            is_complex: matches!(state.choices[x], Choice::Input { complex: true, .. }),
        }
    }

    /// Estimates the candidates of a state from a few rows each.
    fn prospect<'s>(
        &self,
        state: &'s State,
        x: StepId,
        map: &Arc<SparseMap>,
        geometry: Geometry,
        found: &mut Found,
    ) -> Option<Prospect<'s>> {
        let anchors = state.anchors.get(&x).cloned();
        let Some(ground) = self.memo.ground(&self.read(state, x, map), geometry, anchors) else {
            self.reject(found, "an output pixel has no input pixel to stand at");
            return None;
        };
        let options: Vec<(usize, &Packable)> = ground.options().iter().enumerate().collect();
        found.tried += options.len();
        let mut ranked = self.in_parallel(&options, found, |(at, option), found| {
            let Some(ways) = ground.estimate(option) else {
                self.reject(found, UNCOVERED);
                return None;
            };
            let best = self.cheapest(state, ways, &option.candidate, option.tiles)?;
            Some((best.cost, *at))
        });
        ranked.sort_by(|a, b| a.0.total_cmp(&b.0));
        Some(Prospect {
            state,
            ground,
            ranked,
        })
    }

    /// The state behind an affine step.
    fn apply(
        &self,
        state: &State,
        transform: Made,
        candidate: &Candidate,
        found: &mut Found,
    ) -> Option<State> {
        match transform {
            Ok(transform) => {
                let mut after = state.clone();
                let linear = self.carried_out(&mut after, &transform, candidate)?;
                Some(after.with(Choice::Linear(linear), transform.layout.clone(), 0.0))
            }
            Err(reason) => {
                self.reject(found, reason);
                None
            }
        }
    }

    /// The cheapest way to carry out a transform, charged to the state.
    pub(super) fn carried_out(
        &self,
        state: &mut State,
        transform: &Arc<Transform>,
        candidate: &Candidate,
    ) -> Option<LinearChoice> {
        let priced = self.cheapest(state, &transform.ways, candidate, transform.outputs)?;
        self.charge(state, &priced);
        Some(LinearChoice {
            candidate: candidate.clone(),
            merge: priced.merge,
            split: priced.split,
            stages: priced.stages,
            cost: priced.cost,
            transform: transform.clone(),
        })
    }
}
