//! How wrong the answer may be: bounds on slot values and slot errors of a program, derived before it runs.
//!
//! Notation: `A` bound on |slot|; `e` error of a slot, complex; `sigma^2 = E|e|^2`; everything relative to the scale, so in units of
//! the values themselves. Noise of coefficient variance V is noise of slot variance N V / S^2 ([`ckks::noise`](crate::ckks::noise)).
//!
//! **Magnitudes** are propagated slot by slot with absolute values, `A_y = sum |p| A_x`, and cut to the *ranges* the caller vouches
//! for (calibrated on samples): intervals alone grow by the 1-norm of every row, data by its 2-norm.
//!
//! **Errors** start at each operation (encryption, rounding of plaintexts, key switching, division) with the deviation that the
//! formulas give, and travel through the program as the first-order rules say: `p e`, `x e_y + y e_x + e_x e_y`, `f'(x) e`, sums.
//! Which errors meet in phase is what makes bounds good or useless: a value replicated in a thousand slots has *one* error, and
//! summing its copies multiplies it by a thousand, while a thousand independent errors grow by 32. Adding variances would be unsafe,
//! adding deviations would overshoot by orders of magnitude. So the noise itself is propagated: some samples of it, drawn
//! reproducibly, each with the signs of its own input, but with every factor `|x|` raised to its bound `A`, or to the typical size
//! of its tensor where the caller vouches for one: where errors of many elements add up, `sum (2 x_i e_i)^2` is governed by the mean
//! square of the x_i. The deviation of a slot is the root mean square over the samples.
//!
//! Where the caller vouches for it by a [`Contract`], a polynomial does not pass its operand's error on: a slope that is steep near a jump says
//! nothing of what happens away from it.
//!
//! **Bound** of a tile: ten times the largest deviation of its slots, plus what floats lose in encoding and decoding. A complex
//! Gaussian exceeds ten deviations with probability e^-100. With 12 samples of two degrees of freedom a deviation is estimated a
//! factor 2.5 too low with probability below 10^-6, and then still has four true deviations of room; in a tile the largest of all
//! slots is taken, which errs upwards.

mod draw;
mod linear;
mod pass;
mod polynomial;
mod refresh;
mod rules;
mod tile;
mod typical;

use super::clear::ClearError;
use super::infer::State;
use super::op::{Program, ValueId};
use super::slots::{PlainSource, Slots};
use super::verify::Verified;
use crate::params::Chain;

/// Deviations in a bound.
pub const DEVIATIONS: f64 = 10.0;

/// What floats lose, relative to the largest slot: some units of 2^-53 for each of at most 17 stages of a transform.
pub const FLOAT_LOSS: f64 = 1.0 / (1u64 << 46) as f64;

/// Why no bound can be given.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
#[expect(
    missing_docs,
    reason = "the fields are explained by the message above each variant"
)]
pub enum BoundError {
    /// Plaintexts or inputs do not fit the program.
    #[error(transparent)]
    Clear(#[from] ClearError),
    /// A value that may exceed the bound within which it is refreshed, or a program without a specification of refreshing.
    #[error(
        "operation {op}: values up to {found} are to be refreshed within {bound}; help: assume a range that keeps it there, or refresh within a larger bound"
    )]
    Refresh { op: usize, found: f64, bound: f64 },
    /// A polynomial outside its interval.
    #[error(
        "operation {op}: a polynomial on [-1, 1] meets values up to {found}; help: assume a range that keeps it there, or scale its input"
    )]
    Domain { op: usize, found: f64 },
    /// A polynomial that cannot be evaluated at its level.
    #[error("operation {op}: {error}")]
    Polynomial { op: usize, error: crate::error::Error },
    /// An error that a polynomial with a contract has no room for.
    #[error(
        "operation {op}: a polynomial has room for errors of {room:.1e}, and its operand has up to {found:.1e}; help: plan for a smaller error, or narrow the range"
    )]
    Room { op: usize, found: f64, room: f64 },
    /// A list of ranges of the wrong length.
    #[error("expected {expected} ranges, found {found}")]
    Ranges { expected: usize, found: usize },
}

/// How an input is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encryption {
    /// Under the secret key.
    Secret,
    /// Under the public key: more noise.
    Public,
}

/// What samples tell about the slots of a value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    /// The largest |slot| that occurs.
    pub largest: f64,
    /// The largest root mean square of |slot| over the elements of one tensor that occurs.
    pub typical: f64,
}

impl Range {
    /// Nothing is known.
    pub const UNKNOWN: Range = Range {
        largest: f64::INFINITY,
        typical: f64::INFINITY,
    };

    /// A bound, and nothing about what is typical.
    pub const fn within(largest: f64) -> Self {
        Range {
            largest,
            typical: f64::INFINITY,
        }
    }
}

/// A polynomial that maps to nearly the same wherever its operand stands near one of several values, as the members of a composite
/// sign do: what its operand is off by is lost in it, and its result is measured against what it is nearly the same as.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Contract {
    /// The result of the polynomial.
    pub value: ValueId,
    /// The largest error of the operand for which that holds.
    pub room: f64,
    /// How far the result of an operand without encryption may be from what it is measured against; 0 if only another polynomial with a
    /// contract reads it, whose room is for what arises here.
    pub distance: f64,
}

/// What is known about the values before the program runs.
pub struct Assumptions<'a> {
    /// For every input, for every tile, the largest |slot| it may hold: unused slots are zero here.
    pub inputs: &'a [Vec<Slots>],
    /// For every value, what is known of its slots. Empty if nothing is known at all.
    pub ranges: &'a [Range],
    /// Polynomials of which the caller vouches for more than that they are polynomials.
    pub contracts: &'a [Contract],
    /// How inputs are encrypted.
    pub encryption: Encryption,
    /// Samples of noise: 12 for a bound, fewer for an estimate.
    pub samples: usize,
}

/// Bounds of one value, the largest over its slots.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ValueBound {
    /// On |slot|.
    pub magnitude: f64,
    /// Standard deviation of the error.
    pub sigma: f64,
    /// Bits between the value, at its scale, and half the modulus of its level: it wraps around where this is negative. The product
    /// that was rescaled into the value is included.
    pub headroom_bits: f64,
}

/// Bounds of a program.
#[derive(Clone, Debug, PartialEq)]
pub struct ErrorReport {
    /// One entry per value.
    pub values: Vec<ValueBound>,
    /// For every output, for every tile, a bound on |error|.
    pub outputs: Vec<Vec<f64>>,
}

impl ErrorReport {
    /// The largest bound of all outputs.
    pub fn worst(&self) -> f64 {
        self.outputs.iter().flatten().fold(0.0, |worst, &b| worst.max(b))
    }

    /// The value with the least room before it wraps around.
    pub fn tightest(&self) -> Option<(ValueId, f64)> {
        let rooms = self
            .values
            .iter()
            .enumerate()
            .map(|(i, v)| (ValueId(i as u32), v.headroom_bits));
        rooms.min_by(|a, b| a.1.total_cmp(&b.1))
    }
}

/// Bounds the values and errors of `program` on `chain`.
pub fn bound(
    program: &Verified,
    chain: &Chain,
    plains: &dyn PlainSource,
    assumptions: &Assumptions<'_>,
) -> Result<ErrorReport, BoundError> {
    pass::run(program, chain, plains, assumptions)
}

/// The largest |slot| of every value over some inputs, times `margin`: ranges for [`Assumptions`].
pub fn observe(
    program: &Program,
    plains: &dyn PlainSource,
    samples: &[Vec<Vec<Slots>>],
    margin: f64,
) -> Result<Vec<Range>, ClearError> {
    let mut ranges = vec![0.0f64; program.ops.len()];
    for inputs in samples {
        super::clear::run_observed(program, plains, inputs, |id, tiles| {
            let largest = tiles.iter().map(Slots::max_abs).fold(0.0, f64::max);
            ranges[id.0 as usize] = ranges[id.0 as usize].max(largest);
        })?;
    }
    Ok(ranges
        .into_iter()
        .map(|largest| Range::within(largest * margin))
        .collect())
}

/// Bits between `magnitude` at `state` and half the modulus of its level.
fn headroom(chain: &Chain, level: u32, scale: f64, magnitude: f64) -> f64 {
    chain.log_q(level as usize) - 1.0 - (scale * magnitude.max(f64::MIN_POSITIVE)).log2()
}

fn room(chain: &Chain, state: State, magnitude: f64) -> f64 {
    headroom(chain, state.level, state.scale, magnitude)
}
