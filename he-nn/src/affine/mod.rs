//! The planner's view of a network: stages that spend the levels, with everything else folded into them.
//!
//! [`Stages::new`] turns a model into [`Stage`]s without weights: affine maps with their sparsity [`Pattern`]s, unweighted sums,
//! plaintext shifts, products and polynomials. Flatten, permute, slice and their like become index maps ([`View`]); batch norm,
//! standardisation, the divisor of an average pool and constant factors fold into a neighbouring affine map. The levels spent are
//! those that the graph's depth rule counted at compile time. [`Stages::load`] adds a checkpoint and gives the folded numbers;
//! [`Loaded::run`] evaluates them on floats, the reference of every lowering.

mod build;
mod clear;
mod composite;
mod fold;
mod groups;
mod pair;
mod pattern;
mod polynomial;
mod push;
mod reciprocal;
mod scales;
mod stage;
#[cfg(test)]
pub(crate) mod tests;
mod values;
mod view;
mod window;

use crate::clear::Ranges;
use crate::error::Result;
use crate::model::Model;
use std::fmt;

pub use composite::{GAIN, NOISE, Piece};
pub use pattern::Pattern;
pub use stage::{Affine, Kind, Offset, Stage, StageId};
pub use values::{AffineValues, Loaded, PolynomialValues};
pub use view::View;
pub use window::Window;

/// The stages of a model, operands first.
#[derive(Clone, Debug)]
pub struct Stages {
    model: &'static Model,
    list: Vec<Stage>,
}

impl Stages {
    /// Folds a model. `ranges` give the intervals of activations that state none themselves.
    ///
    /// # Errors
    /// [`Error::MissingRange`](crate::Error::MissingRange) if an activation has no interval,
    /// [`Error::Infeasible`](crate::Error::Infeasible) for layers without an encrypted form.
    pub fn new(model: &'static Model, ranges: Option<&Ranges>) -> Result<Self> {
        let mut list = live(build::Builder::run(model, ranges)?);
        scales::spread(&mut list);
        for stage in &mut list {
            if let Kind::Affine(affine) = &mut stage.kind {
                affine.pattern = affine.joined_pattern();
            }
        }
        Ok(Self { model, list })
    }

    /// The stages; each reads earlier ones only.
    #[must_use]
    pub fn list(&self) -> &[Stage] {
        &self.list
    }

    /// One stage.
    #[must_use]
    pub fn get(&self, id: StageId) -> &Stage {
        &self.list[id.index()]
    }

    /// The model folded.
    #[must_use]
    pub fn model(&self) -> &'static Model {
        self.model
    }

    /// Levels on the longest path.
    #[must_use]
    pub fn depth(&self) -> u32 {
        self.list.iter().map(|stage| stage.depth).max().unwrap_or(0)
    }

    /// The stages that read each stage.
    #[must_use]
    pub fn consumers(&self) -> Vec<Vec<StageId>> {
        let mut consumers = vec![Vec::new(); self.list.len()];
        for (i, stage) in self.list.iter().enumerate() {
            for operand in stage.kind.operands() {
                consumers[operand.index()].push(StageId(i as u32));
            }
        }
        consumers
    }
}

impl fmt::Display for Stages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines = self.list.iter().enumerate();
        lines.try_for_each(|(i, stage)| {
            writeln!(f, "{i}: {stage} for {}", self.model.node(stage.node).label())
        })
    }
}

/// Drops stages that no output reads; inputs stay.
fn live(mut stages: Vec<Stage>) -> Vec<Stage> {
    let mut live: Vec<bool> = stages
        .iter()
        .map(|s| matches!(s.kind, Kind::Input { .. } | Kind::Output { .. }))
        .collect();
    for i in (0..stages.len()).rev().filter(|&i| live[i]).collect::<Vec<_>>() {
        mark(&stages, StageId(i as u32), &mut live);
    }
    let mut next = 0;
    let numbers: Vec<u32> = live
        .iter()
        .map(|&live| {
            next += u32::from(live);
            next.saturating_sub(1)
        })
        .collect();
    let mut flags = live.iter();
    stages.retain(|_| *flags.next().unwrap_or(&false));
    for stage in &mut stages {
        stage.kind.renumber(|old| StageId(numbers[old.index()]));
    }
    stages
}

/// Marks everything that a live stage reads.
fn mark(stages: &[Stage], from: StageId, live: &mut [bool]) {
    let mut open = vec![from];
    while let Some(id) = open.pop() {
        for operand in stages[id.index()].kind.operands() {
            if !std::mem::replace(&mut live[operand.index()], true) {
                open.push(operand);
            }
        }
    }
}
