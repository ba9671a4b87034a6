//! The inverse on a positive interval, by Goldschmidt's method with recentred squares.
//!
//! Notation: `y` approximates `1 / x`, `e = 1 - x y` is its residual and `t` the largest `|e|`. Goldschmidt's step `y (1 + e)` has
//! the residual `e^2`, which lies in `[0, t^2]`: the factor `c = 1 / (1 - t^2 / 2)` brings it to the middle, `c e^2 - (c - 1)`, and
//! halves it, to `t^2 / 2` or so. Where `t` is near 1 such a step counts for two.
//!
//! From the residual of least size, `T_n(u) / T_n(u(0))` with `n` = 1 (a constant `y`) or 3 (a quadratic `y`), steps lead to that of
//! least size again, with `2 n` for `n`. So the whole is the minimax polynomial of degree `n - 1` for the relative error, at the least
//! depth and with two products a step; `e` never needs to be computed from `x y`. No other seed is cheaper: one of degree `d` leaves
//! the residual of `n = d + 1`, and by Paterson and Stockmeyer's method costs at least what steps to this `n` do. Newton's method,
//! `y (2 - x y)`, has these values at twice the depth.
//!
//! Source: R. Goldschmidt, *Applications of division by convergence*, MIT 1964; relaxed steps as in J. Moon et al., *Adaptive
//! successive over-relaxation method for a faster iterative approximation of homomorphic operations*, 2024; the best
//! residual in J. Mason and D. Handscomb, *Chebyshev Polynomials*, 2002.

use super::chebyshev::interpolate;
use super::cost::Cost;
use super::double::{Double, Real};
use super::error::{ApproxError, Result, between};
use super::extrema::largest;
use super::interval::Interval;
use super::polynomial::Polynomial;
use std::fmt;

/// Points, for each extremum of the residual, among which it is sought.
const GRID: usize = 64;
/// Points at most: beyond, they fall on the residual at all phases.
const MAX_POINTS: usize = 1 << 16;
/// Steps at most: intervals with `hi / lo` up to 2^40 or so.
const MAX_STEPS: usize = 24;

/// The inverse on a positive interval.
#[derive(Clone, Debug, PartialEq)]
pub struct Inverse {
    seed: Polynomial,
    residual: Polynomial,
    factors: Vec<f64>,
    error: f64,
}

impl Inverse {
    /// The cheapest with a relative error of at most `precision`: of the least depth, and of these with the fewest products.
    ///
    /// # Errors
    /// [`ApproxError::Parameter`] unless the interval is positive and `0 < precision < 1`; [`ApproxError::OutOfReach`] where f64
    /// coefficients do not reach the precision.
    pub fn new(interval: Interval, precision: f64) -> Result<Self> {
        between(
            "the lower end of an inverse's interval",
            interval.lo(),
            0.0,
            f64::INFINITY,
        )?;
        between("the precision", precision, 0.0, 1.0)?;
        let found = [0, 2]
            .into_iter()
            .flat_map(|degree| (0..MAX_STEPS).map(move |steps| (degree, steps)))
            .filter(|&(degree, steps)| 1.0 / growth(interval, (degree + 1) << steps) <= precision)
            .map(|(degree, steps)| Self::with(interval, degree, steps))
            .min_by_key(|inverse| (inverse.depth(), inverse.cost()));
        let out_of_reach = |found: f64| ApproxError::OutOfReach {
            what: "the inverse",
            found,
            expected: precision,
            help: "narrow the interval, or ask for less",
        };
        let Some(mut inverse) = found else {
            return Err(out_of_reach(1.0 / growth(interval, 3 << (MAX_STEPS - 1))));
        };
        inverse.measure();
        // The best residual may be the precision asked for up to its rounding.
        if inverse.error > precision * (1.0 + 1e-6) {
            return Err(out_of_reach(inverse.error));
        }
        Ok(inverse)
    }

    /// A constant and so many steps, whatever their error.
    pub(crate) fn in_steps(interval: Interval, steps: usize) -> Self {
        let mut inverse = Self::with(interval, 0, steps);
        inverse.measure();
        inverse
    }

    /// The seed of a degree, 0 or 2, and so many steps.
    fn with(interval: Interval, degree: usize, steps: usize) -> Self {
        let n = degree + 1;
        let mut residual = vec![0.0; n + 1];
        // T_n(u(0)) has the sign of (-1)^n, n odd.
        residual[n] = -1.0 / growth(interval, n);
        let residual = Polynomial::new(residual, interval);
        let seed = |u: f64| {
            let x = interval.from_unit(u);
            ((Double::from(1.0) - residual.evaluate(Double::from(x))) / Double::from(x)).to_f64()
        };
        let factor = |step: usize| {
            let t = 1.0 / growth(interval, n << step);
            1.0 / (1.0 - 0.5 * t * t)
        };
        Self {
            seed: Polynomial::new(interpolate(seed, degree), interval),
            residual,
            factors: (0..steps).map(factor).collect(),
            error: 1.0 / growth(interval, n << steps),
        }
    }

    /// Raises the error to what is found on a grid, with f64 coefficients.
    fn measure(&mut self) {
        let one = Double::from(1.0);
        let error = |x: f64| one - Double::from(x) * self.evaluate(Double::from(x));
        let points = (GRID * (self.degree() + 2)).min(MAX_POINTS);
        self.error = self.error.max(largest(error, &[self.interval()], points));
    }

    /// The interval on which it holds.
    #[must_use]
    pub fn interval(&self) -> Interval {
        self.seed.interval()
    }

    /// The first `y`: a constant, or a quadratic that shares `T_2` with the [residual](Inverse::residual).
    #[must_use]
    pub fn seed(&self) -> &Polynomial {
        &self.seed
    }

    /// The first `e = 1 - x y`: a multiple of `T_1` or `T_3`.
    #[must_use]
    pub fn residual(&self) -> &Polynomial {
        &self.residual
    }

    /// `c` of each step `y <- c y (1 + e)`, `e <- c e^2 - (c - 1)`.
    #[must_use]
    pub fn factors(&self) -> &[f64] {
        &self.factors
    }

    /// Largest relative error, `|1 - x y|`.
    #[must_use]
    pub fn error(&self) -> f64 {
        self.error
    }

    /// Degree of the whole.
    #[must_use]
    pub fn degree(&self) -> usize {
        (self.residual.degree() << self.factors.len()) - 1
    }

    /// Multiplicative depth: that of the residual, which is linear in `x` and free for a constant seed, and one a step.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.factors.len() + if self.seed.degree() == 0 { 0 } else { 2 }
    }

    /// Products of ciphertexts: two a step, but for the last square and, where the seed is constant, the first product with it; `T_2`
    /// and `T_3` for a quadratic one.
    #[must_use]
    pub fn cost(&self) -> Cost {
        let steps = self.factors.len();
        Cost::single(match (self.seed.degree(), steps) {
            (0, _) => 2 * steps.saturating_sub(1),
            (_, 0) => 1,
            _ => 2 * steps + 1,
        })
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
        let one = T::from(1.0);
        let start = (self.seed.evaluate(x), self.residual.evaluate(x));
        let step = |(y, e): (T, T), &c: &f64| {
            let c = T::from(c);
            (c * y * (one + e), c * e * e - (c - one))
        };
        self.factors.iter().fold(start, step).0
    }
}

/// `T_n(u(0))` in size: how far the polynomial of degree `n` that is at most 1 on the interval can be from it at 0.
fn growth(interval: Interval, n: usize) -> f64 {
    // cosh(n arcosh(m)) with m = (hi + lo) / (hi - lo), and arcosh(m) = 2 arsinh(sqrt((m - 1) / 2)) without cancellation.
    let angle = 2.0 * (interval.lo() / (interval.hi() - interval.lo())).sqrt().asinh();
    (n as f64 * angle).cosh()
}

impl fmt::Display for Inverse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "inverse by a seed of degree {} and {} steps, {} levels, {} products, relative error {:.1e} on {}",
            self.seed.degree(),
            self.factors.len(),
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
    use he_core::ckks::polynomial::polynomial_levels;
    use proptest::prelude::*;

    fn inverse(lo: f64, hi: f64, precision: f64) -> Result<Inverse> {
        Inverse::new(Interval::new(lo, hi)?, precision)
    }

    #[test]
    fn steps_by_hand() {
        // On [1, 3], u = x - 2: y = 1/2, e = -u / 2, t = 1/2; c = 8/7, and y (1 + e) c = (4 - x) 2/7 with 1 - x y = T_2(u) / 7.
        let (interval, one) = (Interval::new(1.0, 3.0).unwrap(), Inverse::with);
        let step = one(interval, 0, 1);
        for x in [1.0f64, 1.5, 2.0, 3.0] {
            assert!((step.evaluate(x) - (4.0 - x) * 2.0 / 7.0).abs() < 1e-15);
            assert!((one(interval, 0, 0).evaluate(x) - 0.5).abs() < 1e-15);
        }
        assert!((step.error - 1.0 / 7.0).abs() < 1e-15);
        assert_eq!((step.degree(), step.depth(), step.products()), (1, 1, 0));
    }

    #[test]
    fn steps_keep_the_best_residual() {
        let interval = Interval::new(0.01, 1.0).unwrap();
        for (degree, steps) in [(0, 3), (0, 5), (2, 2), (2, 4)] {
            let inverse = Inverse::with(interval, degree, steps);
            let n = inverse.degree() + 1;
            for i in 0..=200 {
                let u = f64::from(i) / 100.0 - 1.0;
                let x = interval.from_unit(u);
                let sign = if n.is_multiple_of(2) { 1.0 } else { -1.0 };
                let best = sign * (n as f64 * u.acos()).cos() / growth(interval, n);
                let found = 1.0 - x * inverse.evaluate(x);
                assert!(
                    (found - best).abs() < 1e-11,
                    "{degree} {steps} at {u}: {found} {best}"
                );
            }
        }
    }

    /// Plain Goldschmidt on (0, 1] takes 7, 10, 13 and 17 steps to a relative error of 1e-3 from 1e-1, 1e-2, 1e-3 and 1e-4 on, with
    /// `x` scaled into (0, 1]: `(1 - lo)^(2^k)`.
    #[test]
    fn recentred_steps_halve_the_depth() {
        for (lo, plain, depth, products) in [
            (1e-1, 7, 4, 5),
            (1e-2, 10, 6, 9),
            (1e-3, 13, 7, 12),
            (1e-4, 17, 9, 15),
        ] {
            let reached = |steps: i32| (1.0f64 - lo).powi(1 << steps) <= 1e-3;
            assert!(reached(plain) && !reached(plain - 1));
            let inverse = inverse(lo, 1.0, 1e-3).unwrap();
            assert_eq!(
                (inverse.depth(), inverse.products()),
                (depth, products),
                "{inverse}"
            );
        }
    }

    #[test]
    fn steps_cost_no_more_than_the_polynomial() {
        let interval = Interval::new(0.1, 1.0).unwrap();
        for (degree, steps) in (0..=6).map(|k| (0, k)).chain((0..=5).map(|k| (2, k))) {
            let inverse = Inverse::with(interval, degree, steps);
            let direct = vec![1.0; inverse.degree() + 1];
            assert_eq!(inverse.depth(), polynomial_levels(inverse.degree()), "{inverse}");
            assert!(inverse.products() <= Cost::of(&direct).products, "{inverse}");
        }
    }

    #[test]
    fn impossible_requests_are_errors() {
        assert_refused(Inverse::new, &[(1e-20, 1e-3), (1e-3, 1e-17)]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn errors_are_as_reported(log_lo in -12.0f64..4.0, log_ratio in 0.1f64..16.0, log_precision in -30.0f64..-1.0) {
            let (lo, precision) = (log_lo.exp2(), log_precision.exp2());
            let inverse = inverse(lo, lo * log_ratio.exp2(), precision).unwrap();
            prop_assert!(inverse.error() <= precision * (1.0 + 1e-6));
            let cheaper = Inverse::with(inverse.interval(), 0, inverse.depth().saturating_sub(1));
            prop_assert!(cheaper.error > precision || inverse.depth() == 0, "a level less would do: {}", inverse);
            for i in 0..=4000 {
                let x = Double::from(lo) * Double::from((log_ratio * f64::from(i) / 4000.0).exp2());
                let x = Double::from(x.to_f64().min(inverse.interval().hi()));
                let residual = (Double::from(1.0) - x * inverse.evaluate(x)).abs().to_f64();
                prop_assert!(residual <= inverse.error(), "{} at {:?}: {}", inverse, x, residual);
            }
        }
    }
}
