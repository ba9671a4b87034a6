//! Steps that are put into a translated network: refreshes behind others, and products in front of composites and inverses.

use std::sync::Arc;

use super::network::{Geometry, Network, Step, StepId, StepKind};
use super::packing::sparse::SparseMap;
use super::translate::{OutputView, Source, Translated};
use crate::affine::Stages;

impl Translated {
    /// The same network with the results of some steps refreshed, within their ranges, for all their readers. Outputs stay as they are.
    pub fn refreshed(&self, places: &[StepId]) -> Self {
        self.with_steps(places, &[])
    }

    /// The number of a step in the network without refreshes.
    pub fn unrefreshed(&self, id: StepId) -> StepId {
        let before = self.network.steps[..id].iter();
        id - before
            .filter(|step| matches!(step.kind, StepKind::Refresh { .. }))
            .count()
    }

    /// The same network with refreshed results, and with polynomials and shifts whose operand is cleared.
    fn with_steps(&self, places: &[StepId], fronts: &[StepId]) -> Self {
        let mut network = Network::default();
        let (mut sources, mut ranges) = (vec![], vec![]);
        // The step that holds each old step's result, and the one that readers read.
        let (mut held, mut read): (Vec<StepId>, Vec<StepId>) = (vec![], vec![]);
        for (id, step) in self.network.steps.iter().enumerate() {
            let mut step = step.clone();
            step.kind.renumber(|old| read[old]);
            if fronts.contains(&id)
                && let (&[old], &[x], Source::Polynomial(stage) | Source::Shift(stage)) = (
                    self.network.steps[id].kind.operands().as_slice(),
                    step.kind.operands().as_slice(),
                    self.sources[id],
                )
            {
                step.kind.renumber(|_| network.steps.len());
                network.steps.push(Step {
                    name: format!("{} (front)", step.name),
                    ..front(x, self.network.steps[old].elements)
                });
                sources.push(Source::Front(stage));
                ranges.push(self.ranges[old]);
            }
            held.push(network.steps.len());
            if self.network.spared.contains(&id) {
                network.spared.insert(network.steps.len());
            }
            let name = format!("{} (refresh)", step.name);
            let elements = step.elements;
            network.steps.push(step);
            sources.push(self.sources[id]);
            ranges.push(self.ranges[id]);
            if places.contains(&id) {
                let kind = StepKind::Refresh {
                    x: held[id],
                    bound: self.ranges[id].largest,
                };
                network.steps.push(Step { name, kind, elements });
                sources.push(Source::None);
                ranges.push(self.ranges[id]);
            }
            read.push(network.steps.len() - 1);
        }
        let outputs = self.network.outputs.iter();
        network.outputs = outputs.map(|(name, id)| (name.clone(), held[*id])).collect();
        let outputs = self.outputs.iter().cloned();
        let outputs = outputs.map(|view| OutputView {
            step: held[view.step],
            ..view
        });
        Translated {
            network,
            sources,
            ranges,
            outputs: outputs.collect(),
        }
    }

    /// The steps at which composites and inverses start: the first member's polynomial, the shift in front of the steps of an inverse.
    pub fn guarded(&self, stages: &Stages) -> Vec<StepId> {
        let is_guarded = |source: &Source| match source {
            Source::Polynomial(id) | Source::Shift(id) => stages.get(*id).is_guarded(),
            _ => false,
        };
        let sources = self.sources.iter().enumerate();
        sources
            .filter(|(_, source)| is_guarded(source))
            .map(|(id, _)| id)
            .collect()
    }

    /// The same network in which the operands of these steps have nothing but zeros beside their elements.
    pub fn cleared(&self, steps: &[StepId]) -> Self {
        self.with_steps(&[], steps)
    }
}

/// A constant times each element of `x`, and zero in all other slots.
pub(super) fn front(x: StepId, elements: usize) -> Step {
    let map = SparseMap::collect(elements, elements, |visit| {
        (0..elements as u32).for_each(|element| visit(element, element, 0));
    });
    let kind = StepKind::Affine {
        x,
        map: Arc::new(map),
        geometry: Geometry::Diagonal,
    };
    Step {
        name: String::new(),
        kind,
        elements,
    }
}
