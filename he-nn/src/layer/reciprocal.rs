//! What inverses and inverse square roots have in common: where they hold, what they cost, what they mean on floats.
//!
//! Levels are counted at compile time, so they follow from the interval and the precision alone. Notation: `m` the image of 0 under the map
//! of the interval to `[-1, 1]`, in size; `T_n` the Chebyshev polynomial.
//!
//! For the inverse the count is exact: `k` steps have the residual `1 / T_n(m)`, `n = 2^k` (see [`approx::Inverse`](crate::approx::Inverse)).
//! For the inverse square root no such formula is known. A seed of degree `d` is the best odd polynomial of degree `2 d + 1` for the sign on
//! `[r, 1]`, `r^2 = lo / hi`, whose error is asymptotically `exp(-v) sqrt(2 / (pi v))` with `v = (2 d + 1) artanh(r)` (A. Eremenko and
//! P. Yuditskii, *Uniform approximation of sgn(x) by polynomials and entire functions*, 2007), and for all `v` at most
//! `exp(-v) / sqrt(1 + 4 v / 3)`, by a tenth too much where it is small. The best step behind it has a closed form.

use crate::graph::{Form, Message, Op, Tensor};

/// Factor by which the interval of the approximation exceeds the stated one at either end: room for the errors that the operand has.
const ROOM: f64 = 17.0 / 16.0;
/// The widest interval, as `hi / lo`: beyond, ciphertexts do not resolve its lower end.
const SPAN_MAX: f64 = (1u64 << 20) as f64;
/// The least relative error that can be asked for.
const PRECISION_MIN: f64 = 1.0 / (1u64 << 30) as f64;
/// The largest one.
const PRECISION_MAX: f64 = 0.5;
/// Levels of a seed at most.
const SEED_LEVELS_MAX: u32 = 6;

/// Where the operand of [`inverse`](super::inverse()) or [`inverse_sqrt`](super::inverse_sqrt()) lies, and how precise the result is.
///
/// Nothing approximates `1 / x` near 0, so a positive lower end has to be stated; no calibration replaces it, since levels depend on it:
/// about `log2(hi / lo) / 2` of them, and `log2(log(1 / precision))`. Add a constant to a denominator that may vanish.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Positive {
    /// Smallest value.
    pub lo: f64,
    /// Largest value.
    pub hi: f64,
    /// Largest relative error of the approximation.
    pub precision: f64,
}

impl Positive {
    /// Values from `lo` to `hi`, with a relative error of at most 1/1000.
    pub const fn between(lo: f64, hi: f64) -> Positive {
        Positive {
            lo,
            hi,
            precision: 1e-3,
        }
    }

    /// Another relative error, from `2^-30` to 1/2.
    pub const fn precision(self, precision: f64) -> Positive {
        Positive { precision, ..self }
    }

    /// The interval of the approximation.
    pub(crate) const fn widened(self) -> [f64; 2] {
        [self.lo / ROOM, self.hi * ROOM]
    }

    /// Whether a value lies in the stated interval.
    pub(crate) fn holds(self, x: f64) -> bool {
        self.lo <= x && x <= self.hi
    }
}

/// A negative power.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Reciprocal {
    /// `1 / x`.
    Inverse(Positive),
    /// `1 / sqrt(x)`.
    InverseSqrt(Positive),
}

impl Reciprocal {
    /// The name the user wrote.
    pub const fn name(&self) -> &'static str {
        match self {
            Reciprocal::Inverse(_) => "inverse",
            Reciprocal::InverseSqrt(_) => "inverse_sqrt",
        }
    }

    /// Where it holds.
    pub const fn on(&self) -> Positive {
        match *self {
            Reciprocal::Inverse(on) | Reciprocal::InverseSqrt(on) => on,
        }
    }

    /// The function on floats.
    pub fn call(&self, x: f64) -> f64 {
        match self {
            Reciprocal::Inverse(_) => 1.0 / x,
            Reciprocal::InverseSqrt(_) => 1.0 / x.sqrt(),
        }
    }

    /// Levels of all steps at most, the one in front included, and of the longest.
    const fn levels(&self) -> [u32; 2] {
        match *self {
            Reciprocal::Inverse(on) => [1 + inverse_steps(on), 1],
            Reciprocal::InverseSqrt(on) => {
                let [seed, steps] = inverse_sqrt_steps(on);
                [1 + seed + 2 * steps, SEED_LEVELS_MAX]
            }
        }
    }
}

/// Steps of Goldschmidt's method from a constant: the least that reach the precision, and one at least.
pub(crate) const fn inverse_steps(on: Positive) -> u32 {
    let [lo, hi] = on.widened();
    // T_n(m) - 1, which doubling n takes to 2 (2 + ..) times as much.
    let mut above = 2.0 * lo / (hi - lo);
    let mut steps = 0;
    while (1.0 + above) * on.precision < 1.0 || steps == 0 {
        above = 2.0 * above * (2.0 + above);
        steps += 1;
    }
    steps
}

/// Levels of the seed and steps of Newton's method behind it that reach the precision at the least depth.
const fn inverse_sqrt_steps(on: Positive) -> [u32; 2] {
    let [lo, hi] = on.widened();
    let ratio = sqrt(lo / hi);
    let mut best = [0, u32::MAX];
    let (mut seed, mut least) = (1, u32::MAX);
    while seed <= SEED_LEVELS_MAX {
        let (mut error, mut steps) = (seed_error(ratio, (1 << seed) - 1), 0);
        // The plan's approximation is measured, and must not miss by a rounding.
        while error > 0.999 * on.precision {
            error = step_error(error);
            steps += 1;
        }
        if seed + 2 * steps < least {
            least = seed + 2 * steps;
            best = [seed, steps];
        }
        seed += 1;
    }
    best
}

/// A bound on the error of the best seed of a degree on `[ratio^2, 1]`.
const fn seed_error(ratio: f64, degree: u32) -> f64 {
    // exp(-2 artanh(r)) = (1 - r) / (1 + r), and artanh(r) > r + r^3 / 3.
    let square = (1.0 - ratio) / (1.0 + ratio);
    let mut power = sqrt(square);
    let mut i = 0;
    while i < degree {
        power *= square;
        i += 1;
    }
    let exponent = (2 * degree + 1) as f64 * ratio * (1.0 + ratio * ratio / 3.0);
    power / sqrt(1.0 + 4.0 * exponent / 3.0)
}

/// The error behind the best step: of the odd cubics `c s (3 + t^2 - s^2)`, equal at both ends of `1 - t <= s <= 1 + t`, the one that is as
/// far above 1 in between as it is below 1 there.
const fn step_error(t: f64) -> f64 {
    let third = 1.0 + t * t / 3.0;
    let ratio = (1.0 - t * t) / (third * sqrt(third));
    (1.0 - ratio) / (1.0 + ratio)
}

/// The square root of a number between `2^-30` and `2^30`, by Newton's method.
const fn sqrt(x: f64) -> f64 {
    let mut root = 1.0;
    let mut i = 0;
    while i < 24 {
        root = 0.5 * (root + x / root);
        i += 1;
    }
    root
}

/// Records a negative power.
#[track_caller]
pub(super) const fn record<'t>(x: Tensor<'t>, reciprocal: Reciprocal) -> Tensor<'t> {
    let Positive { lo, hi, precision } = reciprocal.on();
    if !(lo > 0.0 && lo < hi && hi.is_finite()) {
        Message::new("`")
            .text(reciprocal.name())
            .text("` has an interval that is not positive")
            .help("write `Positive::between(0.1, 10.0)`, with both ends positive and finite, the smaller one first")
            .raise();
    }
    if hi / lo > SPAN_MAX {
        Message::new("`")
            .text(reciprocal.name())
            .text("` has an interval whose ends differ by a factor of more than 2^20")
            .help("raise its lower end, or add a constant to the operand: ciphertexts do not resolve smaller values")
            .raise();
    }
    if !(precision >= PRECISION_MIN && precision <= PRECISION_MAX) {
        Message::new("`")
            .text(reciprocal.name())
            .text("` has a relative error outside of 2^-30 to 1/2")
            .help("write `.precision(1e-3)`")
            .raise();
    }
    let levels = reciprocal.levels();
    x.then_in_steps(Op::Reciprocal(reciprocal), x.shape(), levels, Form::Plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::approx::{Interval, Inverse, InverseSqrt};
    use proptest::prelude::*;

    fn widened(on: Positive) -> Interval {
        let [lo, hi] = on.widened();
        Interval::new(lo, hi).unwrap()
    }

    #[test]
    fn levels_by_hand() {
        // (m, T_2, T_4, ..) of [15/16, 17/8] or so: 2.3, 9.6, 185, 68000.
        let on = |precision| Positive::between(16.0 / 17.0 * 17.0 / 16.0, 2.0).precision(precision);
        assert_eq!(
            [0.3, 0.01, 1e-4].map(|precision| inverse_steps(on(precision))),
            [1, 2, 3]
        );
        // The widest and finest there is.
        let hardest = Positive::between(1.0, SPAN_MAX).precision(PRECISION_MIN);
        assert_eq!(Reciprocal::Inverse(hardest).levels(), [15, 1]);
        assert!((sqrt(2.0) - 2f64.sqrt()).abs() < 4.0 * f64::EPSILON);
        assert!((sqrt(1.0 / SPAN_MAX) * 1024.0 - 1.0).abs() < 4.0 * f64::EPSILON);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        /// What the approximations take is what was counted at compile time; at most, for the root.
        #[test]
        fn approximations_keep_to_the_count(span in 0.02f64..20.0, log_precision in -30.0f64..-1.0) {
            let on = Positive::between(0.3, 0.3 * span.exp2()).precision(log_precision.exp2());
            let inverse = Inverse::in_steps(widened(on), inverse_steps(on) as usize);
            prop_assert!(inverse.error() <= on.precision * (1.0 + 1e-6), "{inverse}");
            let one_less = Inverse::in_steps(widened(on), inverse_steps(on) as usize - 1);
            prop_assert!(one_less.error() > on.precision || inverse.depth() == 1, "{one_less}");
            let root = InverseSqrt::new(widened(on), on.precision).unwrap();
            let [levels, longest] = Reciprocal::InverseSqrt(on).levels();
            prop_assert!((1..=3).contains(&(levels - root.depth() as u32)), "{root}: {levels}");
            prop_assert!(root.seed().depth() as u32 <= longest);
        }
    }
}
