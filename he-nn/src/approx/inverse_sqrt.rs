//! The inverse square root on a positive interval, by Newton's method with recentred steps from a minimax seed.
//!
//! Notation: `y` approximates `1 / sqrt(x)`, `s = y sqrt(x)` should be 1 and lies within `1 - t <= s <= 1 + t`. Newton's step
//! `y (3 - x y^2) / 2` maps `s` to `s (3 - s^2) / 2`, which is at most 1: the odd cubic `a s + b s^3` that is nearest to 1 on the
//! interval, `y (a + b x y^2)`, halves the distance where `t` is small, and where `s` may be near 0 magnifies it 2.6 times instead
//! of 1.5.
//!
//! A step takes two levels, `x y` and `y^2` and then their product, and three products; Goldschmidt's coupled iteration takes as many
//! of both and one level more to start. The seed is the polynomial of least relative error of its degree: a higher one saves steps, and
//! the cheapest combination is chosen.
//!
//! Source: P. Soderquist and M. Leeser, *Area and performance tradeoffs in floating-point divide and square-root implementations*,
//! ACM Computing Surveys 28, 1996; relaxed steps as in J. Moon et al., *Adaptive successive
//! over-relaxation method for a faster iterative approximation of homomorphic operations*, 2024.

use super::cost::Cost;
use super::double::{Double, Real};
use super::error::{ApproxError, Result, between};
use super::extrema::largest;
use super::interval::Interval;
use super::member::Member;
use super::polynomial::Polynomial;
use super::remez::{Parity, Problem};
use std::fmt;

/// Levels of a seed at most: degrees up to 63.
const MAX_SEED_DEPTH: usize = 6;
/// Steps at most.
const MAX_STEPS: usize = 24;
/// Points, for each coefficient of the seed, among which extrema of the error are sought.
const GRID: usize = 64;

/// The inverse square root on a positive interval.
#[derive(Clone, Debug, PartialEq)]
pub struct InverseSqrt {
    seed: Polynomial,
    steps: Vec<[f64; 2]>,
    error: f64,
}

impl InverseSqrt {
    /// The cheapest with a relative error of at most `precision`: of the least depth, and of these with the fewest products.
    ///
    /// # Errors
    /// [`ApproxError::Parameter`] unless the interval is positive and `0 < precision < 1`; [`ApproxError::OutOfReach`] where f64
    /// coefficients do not reach the precision, [`ApproxError::NoConvergence`] where no seed was found.
    pub fn new(interval: Interval, precision: f64) -> Result<Self> {
        let what = "the lower end of an inverse square root's interval";
        between(what, interval.lo(), 0.0, f64::INFINITY)?;
        between("the precision", precision, 0.0, 1.0)?;
        let mut best: Option<Self> = None;
        for seed_depth in 1..=MAX_SEED_DEPTH {
            // The longest seed of this depth says how many steps are left, the shortest that needs no more is the cheapest.
            let (mut low, mut high) = (1 << (seed_depth - 1), (1 << seed_depth) - 1);
            let mut found = Self::with(interval, high, precision)?;
            if best.as_ref().is_some_and(|best| found.depth() > best.depth()) {
                continue;
            }
            while low < high {
                let middle = (low + high) / 2;
                let candidate = Self::with(interval, middle, precision)?;
                if candidate.steps.len() <= found.steps.len() {
                    (high, found) = (middle, candidate);
                } else {
                    low = middle + 1;
                }
            }
            let key = |a: &Self| (a.depth(), a.cost());
            let last = found.steps.is_empty();
            if best.as_ref().is_none_or(|best| key(&found) < key(best)) {
                best = Some(found);
            }
            if last {
                break;
            }
        }
        let error = best.as_ref().map_or(1.0, |best| best.error);
        best.filter(|best| best.error <= precision)
            .ok_or(ApproxError::OutOfReach {
                what: "the inverse square root",
                found: error,
                expected: precision,
                help: "narrow the interval, or ask for less",
            })
    }

    /// A seed of this degree, and as many steps as the precision takes.
    fn with(interval: Interval, degree: usize, precision: f64) -> Result<Self> {
        let root = |x: f64| Double::from(x).sqrt();
        let problem = Problem {
            target: &|x| Double::from(1.0) / root(x),
            weight: &root,
            intervals: &[interval],
            basis: interval,
            degree,
            parity: Parity::All,
        };
        let coefficients = problem.minimax().ok_or(ApproxError::NoConvergence {
            degree,
            lo: interval.lo(),
            hi: interval.hi(),
        })?;
        let coefficients = coefficients.into_iter().map(Double::to_f64).collect();
        let mut found = Self {
            seed: Polynomial::new(coefficients, interval),
            steps: vec![],
            error: 1.0,
        };
        found.error = found.measured();
        while found.error > precision && found.steps.len() < MAX_STEPS && found.error > 1e-14 {
            let cubic = Member::new(3, 1.0 - found.error, 1.0 + found.error)?;
            let power = cubic.polynomial().power_coefficients();
            found.steps.push([power[1], power[3]]);
            found.error = cubic.error().max(found.measured());
        }
        Ok(found)
    }

    /// The largest error on a grid, with f64 coefficients.
    fn measured(&self) -> f64 {
        let error = |x: f64| {
            let x = Double::from(x);
            x.sqrt() * self.evaluate(x) - Double::from(1.0)
        };
        // The error has the extrema of the seed's, and zeros in between.
        largest(error, &[self.interval()], GRID * (self.seed.degree() + 2))
    }

    /// The interval on which it holds.
    #[must_use]
    pub fn interval(&self) -> Interval {
        self.seed.interval()
    }

    /// The first `y`.
    #[must_use]
    pub fn seed(&self) -> &Polynomial {
        &self.seed
    }

    /// `[a, b]` of each step `y <- y (a + b x y^2)`.
    #[must_use]
    pub fn steps(&self) -> &[[f64; 2]] {
        &self.steps
    }

    /// Largest relative error, `|1 - y sqrt(x)|`.
    #[must_use]
    pub fn error(&self) -> f64 {
        self.error
    }

    /// Degree of the whole.
    #[must_use]
    pub fn degree(&self) -> usize {
        self.steps
            .iter()
            .fold(self.seed.degree(), |degree, _| 3 * degree + 1)
    }

    /// Multiplicative depth: that of the seed, and two a step.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.seed.depth() + 2 * self.steps.len()
    }

    /// Products of ciphertexts: those of the seed, and three a step.
    #[must_use]
    pub fn cost(&self) -> Cost {
        self.seed.cost() + Cost::single(3 * self.steps.len())
    }

    /// Products of two ciphertexts.
    #[must_use]
    pub fn products(&self) -> usize {
        self.cost().products
    }

    /// The approximation at `x`, in the precision of `x`.
    #[must_use]
    pub fn evaluate<T: Real>(&self, x: T) -> T
    where
        f64: Into<T>,
    {
        let step = |y: T, &[a, b]: &[f64; 2]| y * (T::from(a) + T::from(b) * x * y * y);
        self.steps.iter().fold(self.seed.evaluate(x), step)
    }
}

impl fmt::Display for InverseSqrt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "inverse square root by a seed of degree {} and {} steps, {} levels, {} products, relative error {:.1e} on {}",
            self.seed.degree(),
            self.steps.len(),
            self.depth(),
            self.products(),
            self.error,
            self.interval()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::super::refusals::assert_refused;
    use super::*;
    use proptest::prelude::*;

    fn inverse_sqrt(lo: f64, hi: f64, precision: f64) -> Result<InverseSqrt> {
        InverseSqrt::new(Interval::new(lo, hi)?, precision)
    }

    #[test]
    fn steps_on_a_narrow_interval_are_newtons() {
        let found = InverseSqrt::with(Interval::new(1.0, 1.01).unwrap(), 1, 1e-9).unwrap();
        let [a, b] = found.steps()[0];
        assert!((a - 1.5).abs() < 1e-5 && (b + 0.5).abs() < 1e-5, "{a} {b}");
        assert_eq!(found.degree(), 4);
    }

    #[test]
    fn seeds_and_steps_share_the_work() {
        for (lo, precision, seed, steps, depth) in [
            (1e-1, 1e-3, 9, 0, 4),
            (1e-2, 1e-6, 61, 0, 6),
            (1e-3, 1e-3, 40, 1, 8),
            (1e-6, 1e-4, 46, 5, 16),
        ] {
            let found = inverse_sqrt(lo, 1.0, precision).unwrap();
            assert_eq!(
                (found.seed.degree(), found.steps.len(), found.depth()),
                (seed, steps, depth),
                "{found}"
            );
            // No seed of other degree does with a level less.
            for degree in [1, 3, 7, 15, 31, 63] {
                let other = InverseSqrt::with(found.interval(), degree, precision).unwrap();
                assert!(other.depth() >= depth, "{other}");
            }
        }
    }

    #[test]
    fn impossible_requests_are_errors() {
        assert_refused(InverseSqrt::new, &[(1e-3, 1e-17)]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(12))]

        #[test]
        fn errors_are_as_reported(log_lo in -12.0f64..4.0, log_ratio in 0.1f64..16.0, log_precision in -30.0f64..-1.0) {
            let (lo, precision) = (log_lo.exp2(), log_precision.exp2());
            let found = inverse_sqrt(lo, lo * log_ratio.exp2(), precision).unwrap();
            prop_assert!(found.error() <= precision);
            for i in 0..=4000 {
                let x = lo * (log_ratio * f64::from(i) / 4000.0).exp2();
                let x = Double::from(x.min(found.interval().hi()));
                let off = (x.sqrt() * found.evaluate(x) - Double::from(1.0)).abs().to_f64();
                prop_assert!(off <= found.error(), "{} at {:?}: {}", found, x, off);
            }
        }
    }
}
