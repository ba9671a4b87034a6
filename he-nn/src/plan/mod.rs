//! Graph to plan: which ring, which packing, at what price.
//!
//! The passes, in order:
//!
//! | pass | does |
//! |---|---|
//! | [`mod@translate`] | folded stages to steps whose numbers are traced to the checkpoint |
//! | [`chain`] | ring degree, scale, a modulus for every level |
//! | [`placement`] | where values are refreshed, for models with `bootstrap` that have no levels otherwise |
//! | [`mod@search`] | the packing of every step, by beam search over [`packing`] candidates |
//! | [`crate::lower`] | the program; counted operation by operation and priced with [`price`] |
//! | [`mod@bounds`] | what weights say of it: magnitudes and errors |
//! | [`report`] | what was chosen, what it costs, why others were not |
//!
//! `planner` calls them: `demand` is what a network asks of its chain, a `candidate` what came of one packing on it.
//!
//! A plan is a pure function of model, ranges, goal and price table, so its bytes hold only those and a digest of the outcome.

pub(crate) mod bounds;
mod candidate;
pub mod chain;
mod codec;
pub mod cost;
mod demand;
mod goal;
mod insert;
mod limits;
pub mod network;
pub mod packing;
pub mod placement;
mod planner;
pub mod price;
mod refreshed;
mod report;
pub mod search;
mod spec;
pub mod translate;

use he_core::bootstrap::BootstrapSpec;
use he_core::ckks::KeySpec;
use he_core::params::Chain;
use he_core::program::count::Bill;
use he_core::program::error::{Contract, Range};
use he_core::program::keys::KeySet;
use he_core::program::{Op, ValueId, Verified};

use crate::affine::{Kind, Stages};
use crate::approx;
use crate::checkpoint::Checkpoint;
use crate::error::Result;
use crate::lower::{Power, Recipe, StepWeights};
use crate::model::Model;
pub use goal::{Goal, Objective};
pub use limits::{Footprint, Limit};
use network::{StepId, StepKind};
pub use price::PriceTable;
use search::{Choice, Packing, Rejection};
use translate::{Source, Translated, power_range};

/// How a model runs on ciphertexts.
#[derive(Debug)]
pub struct Plan {
    model: &'static Model,
    goal: Goal,
    stages: Stages,
    translated: Translated,
    packing: Packing,
    chain: Chain,
    program: Verified,
    recipes: Vec<Recipe>,
    values: Vec<ValueId>,
    powers: Vec<Power>,
    bill: Bill,
    digest: [u8; 32],
    tried: usize,
    alternatives: Vec<Alternative>,
    rejected: Vec<(Rejection, usize)>,
    plan_seconds: f64,
    /// Bound on the error with a checkpoint of this digest, where planning derived it.
    bound: Option<([u8; 32], f64)>,
}

/// A complete plan that was counted and not taken.
#[derive(Clone, Debug, PartialEq)]
pub struct Alternative {
    /// Ring degree.
    pub log_n: u32,
    /// Predicted seconds of a request on one thread.
    pub seconds: f64,
    /// Why it was not taken.
    pub reason: String,
}

/// How far a partial sum may exceed the bound of the whole.
pub const PARTIAL_SUMS: f64 = 2.0;

/// The range of numbers whose real and imaginary parts are within one.
fn complex(part: Range) -> Range {
    Range {
        largest: std::f64::consts::SQRT_2 * part.largest,
        typical: std::f64::consts::SQRT_2 * part.typical,
    }
}

impl Plan {
    /// The model planned.
    pub fn model(&self) -> &'static Model {
        self.model
    }

    /// The goal it was planned for.
    pub fn goal(&self) -> &Goal {
        &self.goal
    }

    /// Parameters: ring degree, primes, scales.
    pub fn chain(&self) -> &Chain {
        &self.chain
    }

    /// The program the server runs.
    pub fn program(&self) -> &Verified {
        &self.program
    }

    /// How each plaintext of the program follows from the weights.
    pub fn recipes(&self) -> &[Recipe] {
        &self.recipes
    }

    /// Everything the program counts.
    pub fn bill(&self) -> &Bill {
        &self.bill
    }

    /// Agreement of client and server: goes into every specification, request and reply.
    pub fn digest(&self) -> [u8; 32] {
        self.digest
    }

    /// Seconds that planning took.
    pub fn plan_seconds(&self) -> f64 {
        self.plan_seconds
    }

    /// Predicted seconds of a request on one thread, from counts and prices alone.
    pub fn predicted_seconds(&self) -> f64 {
        self.goal
            .prices
            .nanoseconds(&self.bill.total, self.chain.degree())
            * 1e-9
    }

    /// Predicted bytes of keys, weights and ciphertexts that the server holds at most.
    pub fn predicted_peak_bytes(&self) -> u64 {
        self.footprint().memory()
    }

    /// What the plan takes, term by term: what [`Goal::memory`] and [`Goal::keys`] limit.
    pub fn footprint(&self) -> Footprint {
        Footprint::new(&self.bill, &self.program, &self.chain)
    }

    /// The numbers of every step, folded from a checkpoint.
    ///
    /// # Errors
    /// [`Error::Checkpoint`](crate::Error::Checkpoint) listing every mismatch.
    pub fn weights(&self, checkpoint: &Checkpoint) -> Result<Vec<StepWeights>> {
        self.translated.weights(&self.stages, checkpoint)
    }

    /// What the ranges vouch for in every value of the program.
    ///
    /// What enters an affine map may be merged to complex numbers there. The sums inside it, and the slots that end up holding none of
    /// its elements, are parts of sums of the same terms: they are taken to stay within [`PARTIAL_SUMS`] times the map's bound.
    pub fn value_ranges(&self) -> Vec<Range> {
        let mut ranges = vec![Range::UNKNOWN; self.program.values.len()];
        for id in 0..self.translated.network.steps.len() {
            let known = self.translated.ranges[id];
            if let Some((entering, sums)) = self.ranges_inside(id) {
                let mut is_sum = false;
                let layers = self.program.values.iter().map(|info| info.layer as usize);
                for ((layer, op), range) in layers.zip(&self.program.ops).zip(&mut ranges) {
                    if layer == id {
                        is_sum |= matches!(op, Op::Linear { .. });
                        *range = if is_sum { sums } else { entering };
                    }
                }
            }
            let known = match self.packing.choices[id] {
                Choice::Input { complex: true, .. } => complex(known),
                _ => known,
            };
            ranges[self.values[id].0 as usize] = known;
        }
        for power in &self.powers {
            if let Source::Polynomial(id) = self.translated.sources[power.step]
                && let Kind::Polynomial { argument, .. } = self.stages.get(id).kind
            {
                let bound = approx::power_bound(power.n, power_range(argument));
                ranges[power.value.0 as usize] = Range::within(bound);
            }
        }
        ranges
    }

    /// What holds for the members of composites, by value.
    pub(crate) fn contracts(&self) -> Vec<Contract> {
        let contract = |(id, source): (StepId, &Source)| {
            let Source::Polynomial(stage) = *source else {
                return None;
            };
            let stage = self.stages.get(stage);
            let (piece, Kind::Polynomial { factor, .. }) = (stage.piece()?, &stage.kind) else {
                return None;
            };
            Some(Contract {
                value: self.values[id],
                room: piece.room(),
                distance: piece.distance() * factor.abs(),
            })
        };
        self.translated
            .sources
            .iter()
            .enumerate()
            .filter_map(contract)
            .collect()
    }

    /// Ranges of what enters the affine map of a step, and of the sums inside it; none where there is no map.
    fn ranges_inside(&self, id: StepId) -> Option<(Range, Range)> {
        let (ranges, kind) = (&self.translated.ranges, &self.translated.network.steps[id].kind);
        let sums = |range: Range| Range::within(PARTIAL_SUMS * range.largest);
        match (kind, &self.packing.choices[id]) {
            (StepKind::Affine { x, .. }, _) => Some((complex(ranges[*x]), sums(ranges[id]))),
            // Elements of one operand, merged or not, and the other, which may change its level meanwhile.
            (_, Choice::Brought { .. }) => {
                let either = kind.operands().iter().map(|&x| ranges[x]).reduce(|a, b| Range {
                    largest: a.largest.max(b.largest),
                    typical: a.typical.max(b.typical),
                })?;
                Some((complex(either), complex(either)))
            }
            _ => None,
        }
    }

    /// The evaluation keys the program needs, each up to the level it is used at.
    pub fn key_spec(&self) -> KeySpec {
        KeySpec::from(&KeySet::of(&self.program))
    }

    /// How values are refreshed, if any are.
    pub fn bootstrap(&self) -> Option<&BootstrapSpec> {
        self.program.refreshing()
    }
}

// A plan is made once and read by every thread of a server.
const _: () = {
    const fn shared<T: Send + Sync>() {}
    shared::<Plan>();
};

#[cfg(test)]
mod tests;
