//! A function replaced by one polynomial.

use super::chebyshev::interpolate;
use super::cost::Cost;
use super::double::Double;
use super::error::{ApproxError, Result};
use super::extrema::{grid, largest};
use super::interval::Interval;
use super::polynomial::Polynomial;
use super::remez::{Parity, Problem};
use super::symmetry::Symmetry;
use std::fmt;

/// Beyond this degree interpolation, at most 5 times worse, takes the place of the best polynomial, whose search is cubic.
const MAX_MINIMAX_DEGREE: usize = 127;
/// Points, for each coefficient, among which extrema of the error are sought.
const GRID: usize = 64;
/// As [`GRID`] for degrees that are not minimax, where time counts.
const COARSE_GRID: usize = 16;

/// A polynomial fitted to a function on an interval.
#[derive(Clone, Debug, PartialEq)]
pub struct Fit {
    polynomial: Polynomial,
    error: f64,
}

/// Fits a function known in f64 on `[-range, range]`; see [`fit_on`].
///
/// # Errors
/// As [`fit_on`].
pub fn fit(f: impl Fn(f64) -> f64, degree: usize, range: f64) -> Result<Fit> {
    fit_on(|x| Double::from(f(x)), degree, Interval::symmetric(range)?)
}

/// Fits `f` on an interval: the minimax polynomial up to degree 127, or the interpolation at Chebyshev points.
///
/// On a symmetric interval, functions that are odd up to a constant or even up to a linear term get polynomials that are so exactly,
/// with half the coefficients.
///
/// # Errors
/// [`ApproxError::Degree`] for degree 0; [`ApproxError::NonFinite`] if `f` is not finite somewhere on the interval.
pub fn fit_on(f: impl Fn(f64) -> Double, degree: usize, interval: Interval) -> Result<Fit> {
    check(&f, degree, interval)?;
    let symmetry = Symmetry::of(&f, interval);
    let best = (degree <= MAX_MINIMAX_DEGREE)
        .then(|| minimax(&f, degree, interval, symmetry))
        .flatten();
    let coefficients = best.unwrap_or_else(|| {
        let mut c = interpolate(|u| f(interval.from_unit(u)).to_f64(), degree);
        c.iter_mut().enumerate().for_each(|(k, c)| {
            if symmetry.excludes(k) {
                *c = 0.0;
            }
        });
        c
    });
    Ok(Fit::new(Polynomial::new(coefficients, interval), f))
}

/// Refuses degree 0 and functions that are not finite.
pub(super) fn check(f: impl Fn(f64) -> Double, degree: usize, interval: Interval) -> Result<()> {
    if degree == 0 {
        return Err(ApproxError::Degree {
            found: degree,
            expected: "at least 1",
        });
    }
    match grid(interval, COARSE_GRID * (degree + 1)).find(|&x| !f(x).is_finite()) {
        Some(at) => Err(ApproxError::NonFinite {
            at,
            found: f(at).to_f64(),
        }),
        None => Ok(()),
    }
}

/// Coefficients of the best polynomial; `None` if rounding hides it.
fn minimax(
    f: &impl Fn(f64) -> Double,
    degree: usize,
    interval: Interval,
    symmetry: Symmetry,
) -> Option<Vec<f64>> {
    let solve = |target: &dyn Fn(f64) -> Double, domain: Interval, parity: Parity| {
        let problem = Problem {
            target,
            weight: &|_| Double::from(1.0),
            intervals: &[domain],
            basis: interval,
            degree,
            parity,
        };
        Some(
            problem
                .minimax()?
                .into_iter()
                .map(Double::to_f64)
                .collect::<Vec<_>>(),
        )
    };
    let positive = Interval::new(0.0, interval.hi());
    let half = Double::from(0.5);
    Some(match symmetry {
        Symmetry::None => solve(f, interval, Parity::All)?,
        Symmetry::Odd => {
            let mut c = solve(&|x| (f(x) - f(-x)) * half, positive.ok()?, Parity::Odd)?;
            c[0] = f(0.0).to_f64();
            c
        }
        Symmetry::Even { slope } => {
            let mut c = solve(&|x| (f(x) + f(-x)) * half, positive.ok()?, Parity::Even)?;
            c[1] = slope * interval.hi();
            c
        }
    })
}

impl Fit {
    /// Measures the error of a polynomial on its interval.
    pub(super) fn new(polynomial: Polynomial, f: impl Fn(f64) -> Double) -> Self {
        let points = if polynomial.degree() <= MAX_MINIMAX_DEGREE {
            GRID
        } else {
            COARSE_GRID
        };
        let error = |x: f64| f(x) - polynomial.evaluate(Double::from(x));
        Self {
            error: largest(
                error,
                &[polynomial.interval()],
                points * (polynomial.degree() + 1),
            ),
            polynomial,
        }
    }

    /// The polynomial.
    #[must_use]
    pub fn polynomial(&self) -> &Polynomial {
        &self.polynomial
    }

    /// Coefficients of `T_k(u)`, constant first.
    #[must_use]
    pub fn coefficients(&self) -> &[f64] {
        self.polynomial.coefficients()
    }

    /// The polynomial at `x`.
    #[must_use]
    pub fn evaluate(&self, x: f64) -> f64 {
        self.polynomial.evaluate(x)
    }

    /// Degree.
    #[must_use]
    pub fn degree(&self) -> usize {
        self.polynomial.degree()
    }

    /// Multiplicative depth.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.polynomial.depth()
    }

    /// Products of two ciphertexts, and how many are relinearised.
    #[must_use]
    pub fn cost(&self) -> Cost {
        self.polynomial.cost()
    }

    /// Products of two ciphertexts.
    #[must_use]
    pub fn products(&self) -> usize {
        self.cost().products
    }

    /// Largest absolute error on the interval.
    #[must_use]
    pub fn error(&self) -> f64 {
        self.error
    }
}

impl fmt::Display for Fit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "degree {}, {} levels, {} products, error {:.1e} on {}",
            self.degree(),
            self.depth(),
            self.products(),
            self.error,
            self.polynomial.interval()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::approx::functions;
    use crate::layer::Function;
    use proptest::prelude::*;
    use std::f64::consts::PI;

    type Named = (&'static str, fn(f64) -> Double);

    const ALL: [Named; 5] = [
        ("gelu", functions::gelu),
        ("silu", functions::silu),
        ("sigmoid", functions::sigmoid),
        ("tanh", functions::tanh),
        ("exp", functions::exp),
    ];

    /// An error that alternates `degree + 2` times at nearly its largest size cannot be improved by more than the rest.
    #[test]
    fn fits_of_the_activations_are_the_best_there_are() {
        for (name, function) in ALL {
            for (degree, range) in [(3, 2.0), (7, 4.0), (8, 4.0), (15, 8.0), (27, 8.0), (59, 16.0)] {
                let fit = fit_on(function, degree, Interval::symmetric(range).unwrap()).unwrap();
                let rounding = 16.0 * f64::EPSILON * function(range).to_f64().max(1.0);
                let (mut runs, mut sign) = (0, 0.0);
                for i in 0..=20_000 {
                    let x = -range * (PI * f64::from(i) / 20_000.0).cos();
                    let e = (function(x) - fit.polynomial().evaluate(Double::from(x))).to_f64();
                    assert!(e.abs() <= fit.error(), "{name} {degree}: {e}");
                    if e.abs() >= 0.999 * fit.error() && e * sign <= 0.0 {
                        (runs, sign) = (runs + 1, e.signum());
                    }
                }
                let exact = fit.error() < 1000.0 * rounding;
                assert!(exact || runs >= degree + 2, "{name} degree {degree}: {runs} runs");
            }
        }
    }

    #[test]
    fn symmetric_functions_have_symmetric_polynomials() {
        let zeros = |f: fn(f64) -> Double| {
            let fit = fit_on(f, 27, Interval::symmetric(8.0).unwrap()).unwrap();
            fit.coefficients().iter().filter(|c| **c == 0.0).count()
        };
        // exp has no symmetry; tanh is odd, sigmoid odd up to 1/2, gelu and silu even up to x/2.
        assert_eq!(zeros(functions::exp), 0);
        assert_eq!(zeros(functions::tanh), 14);
        for f in [functions::sigmoid, functions::gelu, functions::silu] {
            assert_eq!(zeros(f), 13);
        }
    }

    #[test]
    fn the_sigmoid_of_the_regressions_is_better_than_least_squares() {
        // Least squares of degree 3, 5 and 7 on [-5, 5] leave 0.0607, 0.0217 and 0.0075 (data/logreg_heart/meta.json).
        for (degree, least_squares) in [(3, 0.0607), (5, 0.0217), (7, 0.0075)] {
            let fit = fit(|x| Function::Sigmoid.call(x), degree, 5.0).unwrap();
            let error = fit.error();
            assert!(
                error < least_squares && error > 0.4 * least_squares,
                "degree {degree}: {error}"
            );
        }
    }

    #[test]
    fn both_bases_hold_the_same_polynomial() {
        let fit = fit(|x| Function::Silu.call(x), 7, 4.0).unwrap();
        let power = fit.polynomial().power_coefficients();
        for i in -40..=40 {
            let x = f64::from(i) / 10.0;
            let horner = power.iter().rev().fold(0.0, |y, c| y * x + c);
            assert!((horner - fit.evaluate(x)).abs() < 1e-13);
        }
    }

    #[test]
    fn large_degrees_converge_as_the_poles_allow() {
        // tanh has poles at +- i π / 2, so u at +- i y: coefficients fall like (y + sqrt(1 + y²))^-k.
        let (degree, range) = (255, 16.0);
        let y = PI / 2.0 / range;
        let rate = y + (1.0 + y * y).sqrt();
        let fit = fit(|x| Function::Tanh.call(x), degree, range).unwrap();
        assert!(fit.error() < 4.0 * rate.powi(-(degree as i32)), "{fit}");
    }

    #[test]
    fn costs_are_those_of_paterson_and_stockmeyer() {
        let table = [
            (1, 1, 0),
            (2, 2, 1),
            (3, 2, 2),
            (7, 3, 4),
            (15, 4, 7),
            (31, 5, 10),
            (63, 6, 15),
        ];
        for (degree, depth, relinearisations) in table {
            let fit = fit(|x| (x - 0.3).abs(), degree, 4.0).unwrap();
            assert_eq!(
                (fit.depth(), fit.cost().relinearisations),
                (depth, relinearisations),
                "degree {degree}"
            );
        }
        assert_eq!(
            fit(f64::exp, 7, 4.0).unwrap().to_string().split(", error").next(),
            Some("degree 7, 3 levels, 5 products")
        );
    }

    #[test]
    fn impossible_requests_are_errors() {
        let found = fit(f64::sqrt, 4, 2.0).unwrap_err();
        assert!(
            matches!(found, ApproxError::NonFinite { at: -2.0, found } if found.is_nan()),
            "{found}"
        );
        assert!(matches!(
            fit(f64::exp, 0, 2.0),
            Err(ApproxError::Degree { found: 0, .. })
        ));
        assert!(matches!(
            fit(f64::exp, 3, f64::NAN),
            Err(ApproxError::Interval { .. })
        ));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        /// On any interval the error stays below the reported one, at points that the fit has not seen.
        #[test]
        fn errors_are_as_reported(
            which in 0usize..5,
            lo in -8.0f64..4.0,
            length in 0.5f64..12.0,
            degree in 1usize..24,
        ) {
            let (name, function) = ALL[which];
            let interval = Interval::new(lo, lo + length).unwrap();
            let fit = fit_on(function, degree, interval).unwrap();
            let mut reached = 0.0f64;
            for i in 0..=2000 {
                let x = lo + length * f64::from(i) / 2000.0;
                let e = (function(x) - fit.polynomial().evaluate(Double::from(x))).abs().to_f64();
                prop_assert!(e <= fit.error(), "{} {} at {}: {} {}", name, degree, x, e, fit.error());
                reached = reached.max(e);
            }
            prop_assert!(reached >= 0.9 * fit.error(), "{} {}", reached, fit.error());
        }
    }
}
