//! The states that one step leads to.

use std::collections::HashMap;
use std::sync::Arc;

use he_core::tile::layout::{Cell, Layout};
use rayon::prelude::*;

use super::memo::Memo;
use super::pricing::Priced;
use super::{Choice, Found, Rejection, SearchSettings, ShapeAt, State};
use crate::plan::cost::LevelShape;
use crate::plan::network::{Geometry, Network, Step, StepId, StepKind};
use crate::plan::packing::input::{Image, Reader, arrangements};
use crate::plan::packing::merge::Merge;
use crate::plan::packing::pool::window_sums;
use crate::plan::packing::transform::is_held;

/// One step of the network on the way to its packings.
pub(super) struct Expansion<'a> {
    pub(super) network: &'a Network,
    pub(super) id: StepId,
    /// Levels spent before each step's result.
    pub(super) depths: &'a [u32],
    pub(super) shape_at: ShapeAt<'a>,
    /// The level that the step starts at.
    pub(super) shape: LevelShape,
    /// The level of its result.
    pub(super) after: LevelShape,
    pub(super) settings: &'a SearchSettings,
    pub(super) memo: &'a Memo,
}

impl<'a> Expansion<'a> {
    pub(super) fn new(
        network: &'a Network,
        id: StepId,
        depths: &'a [u32],
        shape_at: ShapeAt<'a>,
        settings: &'a SearchSettings,
        memo: &'a Memo,
    ) -> Self {
        Expansion {
            network,
            id,
            depths,
            shape_at,
            shape: shape_at(depths[id] - network.steps[id].kind.levels()),
            after: shape_at(depths[id]),
            settings,
            memo,
        }
    }

    /// Levels spent before the step.
    pub(super) fn spent(&self) -> u32 {
        self.depths[self.id] - self.network.steps[self.id].kind.levels()
    }

    /// What happens to an operand one level before the step. Where there is none, as if the step's were that.
    pub(super) fn earlier(&self) -> Self {
        Expansion {
            shape: (self.shape_at)(self.spent().saturating_sub(1)),
            after: self.shape,
            ..*self
        }
    }

    fn expand(&self, state: &State, next: &mut Vec<State>, found: &mut Found) {
        let (prices, step) = (&self.settings.prices, &self.network.steps[self.id]);
        match &step.kind {
            StepKind::Input { shape, .. } => self.inputs(state, shape, next, found),
            // Of all states together.
            StepKind::Affine { .. } => {}
            StepKind::WindowSum { x, map } => {
                let samples = self.settings.batch as usize;
                match window_sums(map, &state.layouts[*x], state.period, samples) {
                    Some(windows) => {
                        let (windows, cost) =
                            windows.cheapest(|part| self.shape.rotate_sum(1, &part.terms(), prices));
                        let mut after = state.clone();
                        let parts = windows.parts.iter().flatten();
                        self.charge_keys(&mut after, parts.flat_map(|part| part.rotations()));
                        let layout = self.memo.layout(Arc::new(windows.layout.clone()));
                        next.push(after.with(Choice::Windows(windows), layout, cost));
                    }
                    None => self.reject(found, "windows at different places need different rotations"),
                }
            }
            StepKind::Square { x } => next.push(self.in_place(state, *x, 1)),
            StepKind::Multiply { x, y } => next.extend(self.meeting(state, [*x, *y], 1, found)),
            StepKind::Polynomial { x, .. } | StepKind::Shift { x }
                if !is_held(&state.layouts[*x], self.elements()) =>
            {
                self.reject(found, "an offset for zeros that stand in no slot");
            }
            StepKind::Polynomial {
                x,
                degree,
                per_element,
                unit,
            } => {
                let products = (2 * step.kind.levels().min(*degree) - 1) as usize;
                let layout = &state.layouts[*x];
                // The constant coefficient of one polynomial for all elements stands in every slot.
                let layout = if *unit && !per_element {
                    let filled = |cell| if cell == Cell::Zero { Cell::Unknown } else { cell };
                    self.memo.layout(Arc::new(layout.map(filled)))
                } else {
                    layout.clone()
                };
                next.push(self.slotwise(state, Choice::Pointwise, layout, products));
            }
            StepKind::Shift { x } | StepKind::Negate { x } => next.push(self.in_place(state, *x, 0)),
            StepKind::Add { x, y, .. } => next.extend(self.meeting(state, [*x, *y], 0, found)),
            StepKind::Refresh { x, .. } => {
                let layout = state.layouts[*x].clone();
                let refresh = self.settings.refresh.as_ref();
                let cost = refresh.map_or(0.0, |price| price.of(layout.tiles()));
                next.push(state.with(Choice::Pointwise, layout, cost));
            }
            StepKind::Relabel { x, from } => {
                let mut labels: HashMap<u32, u32> = HashMap::new();
                let old = self.network.steps[*x].elements as u32;
                for (to, from) in from.iter().enumerate() {
                    if let Some(from) = from {
                        labels.insert(*from, to as u32);
                    }
                }
                if labels.len() < from.iter().flatten().count() {
                    return self.reject(found, "an element is needed in two places");
                }
                let before = &state.layouts[*x];
                let new = step.elements as u32;
                let layout = Layout::from_fn(before.tiles(), before.slots(), |tile, slot| {
                    match before.cell(tile, slot) {
                        Cell::Element(e) => match labels.get(&(e % old)) {
                            Some(&to) => Cell::Element(to + e / old * new),
                            None => Cell::Unknown,
                        },
                        other => other,
                    }
                });
                let layout = self.memo.layout(Arc::new(layout));
                next.push(state.with(Choice::Pointwise, layout, 0.0));
            }
        }
    }

    /// The states that the states of a beam lead to.
    pub(super) fn all(&self, beam: &[State], found: &mut Found) -> Vec<State> {
        if let StepKind::Affine { x, map, geometry } = &self.network.steps[self.id].kind {
            return self.affine(beam, *x, map, *geometry, found);
        }
        let mut next = Vec::new();
        beam.iter().for_each(|state| self.expand(state, &mut next, found));
        next
    }

    /// What `f` makes of each item, on all cores; what it reports is added up in order.
    pub(super) fn in_parallel<'i, T: Sync, R: Send>(
        &self,
        items: &'i [T],
        found: &mut Found,
        f: impl Fn(&'i T, &mut Found) -> Option<R> + Sync,
    ) -> Vec<R> {
        let one = |item| {
            let mut reports = Found::default();
            (f(item, &mut reports), reports)
        };
        let made: Vec<(Option<R>, Found)> = items.par_iter().map(one).collect();
        let add = |(result, reports): (Option<R>, Found)| {
            found.add(reports);
            result
        };
        made.into_iter().filter_map(add).collect()
    }

    pub(super) fn reject(&self, found: &mut Found, reason: &str) {
        let step = self.network.steps[self.id].name.clone();
        *found
            .rejected
            .entry(Rejection {
                step,
                reason: reason.to_owned(),
            })
            .or_default() += 1;
    }

    /// Elements of the step, of all samples.
    pub(super) fn elements(&self) -> usize {
        self.network.steps[self.id].elements * self.settings.batch as usize
    }

    /// An operation on single slots of one operand: the layout stays.
    fn in_place(&self, state: &State, x: StepId, products: usize) -> State {
        self.slotwise(state, Choice::Pointwise, state.layouts[x].clone(), products)
    }

    /// Adds the time of an affine map, and its keys that nothing before has needed.
    pub(super) fn charge(&self, state: &mut State, priced: &Priced<'_>) {
        state.cost += priced.cost;
        let folds = priced.stages.iter().flatten();
        self.charge_keys(state, priced.steps.rotations.iter().chain(folds).copied());
        if priced.merge != Merge::None && !state.conjugates {
            state.conjugates = true;
            state.cost += self.after.key_bytes() as f64 * self.settings.key_byte;
        }
    }

    fn charge_keys(&self, state: &mut State, rotations: impl Iterator<Item = i32>) {
        let slots = self.settings.slots as i32;
        for rotation in rotations.map(|r| r.rem_euclid(slots) as usize) {
            if rotation != 0 && !state.rotations.contains(rotation) {
                state.rotations.insert(rotation);
                state.cost += self.shape.key_bytes() as f64 * self.settings.key_byte;
            }
        }
    }

    /// Whether only affine maps that may read merged tiles read this step.
    fn may_be_complex(&self) -> bool {
        let mut readers = self
            .network
            .steps
            .iter()
            .filter(|step| step.kind.operands().contains(&self.id));
        let is_output = self.network.outputs.iter().any(|(_, output)| *output == self.id);
        let reads = |step: &Step| matches!(&step.kind, StepKind::Affine { geometry, .. } if *geometry != Geometry::Diagonal);
        !is_output && readers.all(reads)
    }

    fn inputs(&self, state: &State, shape: &[u32], next: &mut Vec<State>, found: &mut Found) {
        let reader = self
            .network
            .first_reader(self.id)
            .map_or(Reader::Dense { outputs: 1 }, |reader| match &reader.kind {
                StepKind::Affine {
                    geometry:
                        Geometry::Image {
                            input,
                            output,
                            kernel,
                            stride,
                            padding,
                        },
                    ..
                } => Reader::Image(Image {
                    input: *input,
                    output: [output[1], output[2]],
                    kernel: *kernel,
                    stride: *stride,
                    padding: *padding,
                }),
                _ => Reader::Dense {
                    outputs: reader.elements as u32,
                },
            });
        let slots = self.settings.slots;
        let mut found_here = arrangements(shape, reader, slots as u32, self.settings.batch);
        if !self.may_be_complex() {
            found_here.retain(|(candidate, _)| !candidate.complex);
        }
        let families = found_here.len();
        for (index, (candidate, period)) in found_here.into_iter().enumerate() {
            found.tried += 1;
            let layout = self.memo.layout(Arc::new(candidate.arrangement.layout(slots)));
            let choice = Choice::Input {
                name: candidate.name,
                arrangement: candidate.arrangement,
                complex: candidate.complex,
            };
            let mut after = state.with(choice, layout, 0.0);
            after.family = state.family * families + index;
            after.period = period as usize;
            if let Some(anchors) = candidate.anchors {
                after.anchors.insert(self.id, Arc::new(anchors));
            }
            next.push(after);
        }
    }
}
