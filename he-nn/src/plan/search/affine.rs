//! Candidates of an affine step: estimated from a few rows, the best worked out in full.

use std::sync::Arc;

use super::expand::Expansion;
use super::transform::{Transform, UNCOVERED};
use super::{Choice, Found, State, keep_racing};
use crate::plan::network::{Geometry, StepId};
use crate::plan::packing::bits::SlotBits;
use crate::plan::packing::candidate::{Anchors, Candidate, Placement, candidates};
use crate::plan::packing::cover::sampled;
use crate::plan::packing::owners::Owners;
use crate::plan::packing::place::{Places, Window};
use crate::plan::packing::sparse::SparseMap;

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
    places: Arc<Places>,
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
        map: &Arc<SparseMap>,
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
            let transform = Transform {
                expansion: self,
                state,
                x,
                map,
                places,
                window: anchors.window,
            };
            self.apply(&transform, owners, (*candidate).clone(), found)
        })
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
        let layout = &state.layouts[x];
        let places = Arc::new(Places::of(layout, state.period, map.columns()));
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
        let transform = Transform {
            expansion: self,
            state,
            x,
            map,
            places: &places,
            window: anchors.window,
        };
        let mut ranked = self.in_parallel(&all, found, |candidate, found| {
            let placement = Placement::new(candidate, &anchors, channels, state.period);
            let sample = placement.sample().into_iter();
            let Ok(diagonals) = sampled(map, &places, anchors.window, &placement, sample) else {
                self.reject(found, UNCOVERED);
                return None;
            };
            let tiles = (layout.tiles(), placement.tiles());
            let best = transform.cheapest_merge(&diagonals, candidate, tiles);
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

    /// An elementwise map: the layout stays.
    fn diagonal(&self, state: &State, x: StepId, map: &Arc<SparseMap>, found: &mut Found) -> Option<State> {
        let layout = &state.layouts[x];
        let transform = Transform {
            expansion: self,
            state,
            x,
            map,
            places: &Arc::new(Places::of(layout, state.period, map.columns())),
            window: Window::UPWARDS,
        };
        let owners = Owners::of_layout(layout, state.period, map.rows());
        self.apply(&transform, owners, Candidate::default(), found)
    }

    /// The state behind an affine step.
    fn apply(
        &self,
        transform: &Transform<'_>,
        owners: Owners,
        candidate: Candidate,
        found: &mut Found,
    ) -> Option<State> {
        match transform.onto(owners, candidate) {
            Ok((linear, layout)) => {
                let mut after = transform.state.clone();
                self.charge(&mut after, &linear);
                Some(after.with(Choice::Linear(linear), Arc::new(layout), 0.0))
            }
            Err(reason) => {
                self.reject(found, reason);
                None
            }
        }
    }
}
