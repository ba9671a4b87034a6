//! What weights and ranges say about a program before it runs: that nothing wraps around, and how wrong the answer may be.

use he_core::program::error::{Assumptions, BoundError, Encryption, ErrorReport, Range, bound};
use he_core::program::slots::Slots;
use he_core::program::{PlainSource, Program};

use super::search::Memo;
use super::{Goal, Plan};
use crate::checkpoint::Checkpoint;
use crate::client::ClientSpec;
use crate::error::{Error, Result};
use crate::lower::FilledWeights;
use crate::model::Model;

/// Samples of noise that make an estimate a bound.
const NOISE_SAMPLES: usize = 12;
/// Plans made, each for a smaller error, before an error counts as out of reach.
const TRIES: usize = 6;

impl Model {
    /// [`plan`](Self::plan)s so that the bound on the error that follows from these weights keeps within the goal's: a plan without
    /// weights estimates it, and may miss by a bit or two. Parameters that are pinned, or those of bootstrapping, are not changed: where the
    /// bound is above the goal's with them, there is no plan.
    ///
    /// What clients see of such a plan, its scale, tells them about the size of the weights what the error bound does.
    ///
    /// # Errors
    /// As [`plan`](Self::plan) and [`Plan::predicted_error`]; [`Error::ErrorGoal`] if the parameters are given and do not keep the error
    /// that small; [`Error::Infeasible`] if no scale does.
    pub fn plan_for(&'static self, goal: &Goal, checkpoint: &Checkpoint) -> Result<Plan> {
        let asked = goal.error;
        let mut goal = goal.clone();
        let (mut least, memo) = (f64::INFINITY, Memo::default());
        for _ in 0..TRIES {
            let mut plan = self.plan_with(&goal, &memo)?;
            let bound = plan.predicted_error(checkpoint)?;
            plan.bound = Some((checkpoint.digest(), bound));
            // The scale of refreshing is that of its parameters.
            let is_fixed = goal.chain.is_some() || self.params().is_some() || plan.bootstrap().is_some();
            if bound <= asked {
                return Ok(plan);
            }
            if is_fixed {
                return Err(Error::ErrorGoal {
                    model: self.name().into(),
                    found: bound,
                    expected: asked,
                    refreshes: plan.bootstrap().is_some(),
                });
            }
            least = least.min(bound);
            goal.error *= asked / bound;
        }
        Err(Error::Infeasible {
            what: "error".into(),
            found: format!("{least:.1e}"),
            expected: format!("{asked:.1e}"),
            help: "accept a larger error, or calibrate with samples that show what values are typical".into(),
        })
    }
}

impl Plan {
    /// Bound on the error of every number of an answer with these weights; see [`Server::predicted_error`](crate::Server::predicted_error).
    ///
    /// # Errors
    /// [`Error::Checkpoint`] lists all that does not fit the model; [`Error::Overflow`] names the layer whose values are too large
    /// for the plan's parameters.
    pub fn predicted_error(&self, checkpoint: &Checkpoint) -> Result<f64> {
        if let Some(bound) = self.known_error(checkpoint) {
            return Ok(bound);
        }
        let weights = self.weights(checkpoint)?;
        let plains = FilledWeights::new(self.recipes(), &weights);
        self.error_with(&self.client_spec(), &plains)
    }

    /// Bound on the error of every number of a reply for any inputs within the range of their ports, whoever encrypts them: what
    /// [`Sharing`](crate::Sharing) has to hide. Unlike [`predicted_error`](Self::predicted_error) it believes no calibration, which an
    /// input chosen by an adversary need not respect, and is larger for that; and it is not rounded to single precision.
    ///
    /// # Errors
    /// [`Error::Checkpoint`], [`Error::Overflow`]; [`Error::Unvouched`] where nothing but ranges keeps values within the interval of a
    /// polynomial, or within what they are refreshed within: nearly always where a plan refreshes.
    pub fn worst_error(&self, checkpoint: &Checkpoint) -> Result<f64> {
        self.shared_error(checkpoint, &[])
    }

    /// [`worst_error`](Self::worst_error) for inputs whose values all stay within the ranges of the goal, which the caller vouches for: what
    /// [`Sharing`](crate::Sharing) has to hide of plans that refresh.
    ///
    /// Nothing checks that on encrypted values. A value outside its range may be refreshed, or go through a polynomial, to something else:
    /// the answer is wrong then, its error larger than this bound, and noise chosen by the bound does not hide it. So the ranges must hold
    /// for every input that anyone may send whose result is shared, not only for samples; [`Ranges::assumed`](crate::Ranges::assumed)
    /// or a wider calibration widen them. Of the ranges only the largest values are believed, not what is typical; sums inside of affine
    /// maps are taken to stay within [`PARTIAL_SUMS`](super::PARTIAL_SUMS) times the range of the whole.
    ///
    /// # Errors
    /// As [`worst_error`](Self::worst_error).
    pub fn worst_error_within_ranges(&self, checkpoint: &Checkpoint) -> Result<f64> {
        let ranges = self.value_ranges().into_iter();
        let ranges: Vec<Range> = ranges.map(|range| Range::within(range.largest)).collect();
        self.shared_error(checkpoint, &ranges)
    }

    /// For inputs of any encryption, not rounded to single precision.
    fn shared_error(&self, checkpoint: &Checkpoint, ranges: &[Range]) -> Result<f64> {
        let weights = self.weights(checkpoint)?;
        let plains = FilledWeights::new(self.recipes(), &weights);
        let how = (Encryption::Public, 0.0);
        match self.largest_error(&self.client_spec(), ranges, &plains, how) {
            Err(Error::Bound(BoundError::Refresh {
                op,
                found,
                bound: expected,
            })) => Err(self.unvouched(op, found, expected)),
            Err(Error::Bound(BoundError::Domain { op, found })) => Err(self.unvouched(op, found, 1.0)),
            bound => bound,
        }
    }

    fn unvouched(&self, op: usize, found: f64, expected: f64) -> Error {
        let layer = self.program.values.get(op).map(|info| info.layer as usize);
        Error::Unvouched {
            layer: layer
                .and_then(|layer| self.program.layers.get(layer))
                .cloned()
                .unwrap_or_default(),
            found,
            expected,
        }
    }

    /// The largest difference between an output, as the client reads it, and the clear one; an error if a value can wrap around.
    pub(crate) fn error_with(&self, spec: &ClientSpec, plains: &dyn PlainSource) -> Result<f64> {
        // Both answers, the client's and the clear one, are rounded to single precision.
        let how = (Encryption::Secret, f64::from(f32::EPSILON));
        self.largest_error(spec, &self.value_ranges(), plains, how)
    }

    /// The largest error of an output of inputs encrypted one way, and rounded by a share of the largest value. `ranges` bounds every
    /// value.
    fn largest_error(
        &self,
        spec: &ClientSpec,
        ranges: &[Range],
        plains: &dyn PlainSource,
        (encryption, rounding): (Encryption, f64),
    ) -> Result<f64> {
        let (program, inputs, contracts) = (
            self.program(),
            input_bounds(self.program(), spec),
            self.contracts(),
        );
        let assumptions = Assumptions {
            inputs: &inputs,
            ranges,
            contracts: &contracts,
            encryption,
            samples: NOISE_SAMPLES,
        };
        let report = bound(program, &spec.chain, plains, &assumptions)?;
        refuse_overflow(program, &report)?;
        let mut worst = 0.0f64;
        for (port, tiles) in program.outputs.iter().zip(&report.outputs) {
            let factor = spec
                .outputs
                .iter()
                .find(|known| known.name == port.name)
                .map_or(1.0, |known| known.factor.abs());
            let magnitude = report
                .values
                .get(port.value.0 as usize)
                .map_or(0.0, |value| value.magnitude);
            let largest = tiles.iter().copied().fold(0.0, f64::max);
            worst = worst.max(factor * (largest + magnitude * rounding));
        }
        Ok(worst)
    }

    /// The bound that planning derived with this checkpoint.
    pub(crate) fn known_error(&self, checkpoint: &Checkpoint) -> Option<f64> {
        let (digest, bound) = self.bound?;
        (digest == checkpoint.digest()).then_some(bound)
    }
}

/// For every input of the program, for every tile, the largest value of each slot.
fn input_bounds(program: &Program, spec: &ClientSpec) -> Vec<Vec<Slots>> {
    let tiles = |name: &str| {
        let port = spec.inputs.iter().find(|port| port.name == name)?;
        let layout = port.arrangement.layout(spec.slots());
        Some(
            port.slots(&layout, |_| port.range)
                .into_iter()
                .map(Slots::from)
                .collect(),
        )
    };
    program
        .inputs
        .iter()
        .map(|port| tiles(&port.name).unwrap_or_default())
        .collect()
}

/// Refuses outputs that could wrap around. Nothing else has to fit: sums, products, rescaling and rotations are exact modulo the
/// modulus of their level, which divides that of the level above, so that what wraps around in between comes back.
fn refuse_overflow(program: &Program, report: &ErrorReport) -> Result<()> {
    for port in &program.outputs {
        let index = port.value.0 as usize;
        let (Some(info), Some(value)) = (program.values.get(index), report.values.get(index)) else {
            continue;
        };
        if value.headroom_bits >= 0.0 {
            continue;
        }
        return Err(Error::Overflow {
            layer: program
                .layers
                .get(info.layer as usize)
                .cloned()
                .unwrap_or_default(),
            found: value.magnitude,
            expected: value.magnitude * value.headroom_bits.exp2(),
        });
    }
    Ok(())
}
