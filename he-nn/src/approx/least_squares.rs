//! The polynomial whose mean square error is least where a density says the values lie.
//!
//! Beside minimax it trades the ends of the interval, which few values reach, for the middle.
//!
//! Source: J. Mason and D. Handscomb, *Chebyshev Polynomials*, 2002, chapter 4; integrals by Gauss and Chebyshev's rule.

use super::double::Double;
use super::error::{ApproxError, Result};
use super::fit::{Fit, check};
use super::interval::Interval;
use super::polynomial::Polynomial;
use super::remez::solve;
use std::f64::consts::PI;

/// Points of the integrals for each coefficient.
const POINTS: usize = 32;

/// Fits `f` on an interval so that the integral of `density(x) (f(x) - p(x))^2` is least. The error reported is the largest absolute
/// one, as for every fit.
///
/// # Errors
/// [`ApproxError::Degree`] for degree 0, [`ApproxError::NonFinite`] if `f` is not finite somewhere on the interval,
/// [`ApproxError::Parameter`] if the density is negative or not finite somewhere, or almost nowhere positive.
pub fn least_squares(
    f: impl Fn(f64) -> Double,
    density: impl Fn(f64) -> f64,
    degree: usize,
    interval: Interval,
) -> Result<Fit> {
    check(&f, degree, interval)?;
    let steps = POINTS * (degree + 1);
    // Moments of the density with T_k up to k = 2 degree, and of the function with it up to degree.
    let mut weights = vec![Double::ZERO; 2 * degree + 1];
    let mut values = vec![Double::ZERO; degree + 1];
    let mut mass = 0.0;
    for i in 0..steps {
        let angle = PI * (i as f64 + 0.5) / steps as f64;
        let x = interval.from_unit(angle.cos());
        let weight = density(x) * angle.sin();
        if !(weight >= 0.0 && weight.is_finite()) {
            return Err(invalid(density(x)));
        }
        mass += weight;
        let (u, value) = (interval.to_unit(Double::from(x)), f(x));
        let (mut before, mut t) = (u, Double::from(1.0));
        for (k, moment) in weights.iter_mut().enumerate() {
            let term = t * Double::from(weight);
            *moment = *moment + term;
            if let Some(moment) = values.get_mut(k) {
                *moment = *moment + term * value;
            }
            (before, t) = (t, (u + u) * t - before);
        }
    }
    // 2 T_j T_k = T_{j+k} + T_|j-k|
    let half = Double::from(0.5);
    let row = |j: usize| {
        let products = (0..=degree).map(|k| (weights[j + k] + weights[j.abs_diff(k)]) * half);
        products.chain([values[j]]).collect()
    };
    let solution = solve((0..=degree).map(row).collect()).ok_or_else(|| invalid(mass))?;
    let coefficients = solution.into_iter().map(Double::to_f64).collect();
    Ok(Fit::new(Polynomial::new(coefficients, interval), f))
}

fn invalid(found: f64) -> ApproxError {
    ApproxError::Parameter {
        what: "the density",
        found,
        lo: 0.0,
        hi: f64::INFINITY,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::approx::{fit_on, functions};
    use proptest::prelude::*;

    #[test]
    fn the_sigmoid_of_the_regressions_has_its_published_errors() {
        // data/logreg_heart/meta.json: 0.0607, 0.0217 and 0.0075 on [-5, 5], by sums over a grid instead of integrals.
        for (degree, expected) in [(3, 0.0607), (5, 0.0217), (7, 0.0075)] {
            let interval = Interval::symmetric(5.0).unwrap();
            let fit = least_squares(functions::sigmoid, |_| 1.0, degree, interval).unwrap();
            assert!((fit.error() - expected).abs() < 3e-4, "{fit}");
        }
    }

    #[test]
    fn densities_without_mass_are_errors() {
        let interval = Interval::symmetric(1.0).unwrap();
        for density in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            let found = least_squares(functions::exp, |_| density, 3, interval).unwrap_err();
            assert!(
                matches!(
                    found,
                    ApproxError::Parameter {
                        what: "the density",
                        ..
                    }
                ),
                "{found}"
            );
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]

        /// The mean square under the density is least: that of minimax, and of every small change, is larger.
        #[test]
        fn nothing_has_a_smaller_mean_square(degree in 1usize..12, spread in 0.3f64..2.0, changed in 0usize..12) {
            let interval = Interval::symmetric(4.0).unwrap();
            let density = |x: f64| (-0.5 * (x / spread).powi(2)).exp();
            let square = |p: &Polynomial| {
                let steps = 4000;
                let term = |i: usize| {
                    let x = -4.0 + 8.0 * (i as f64 + 0.5) / f64::from(steps);
                    density(x) * (functions::gelu(x) - p.evaluate(Double::from(x))).to_f64().powi(2)
                };
                (0..steps as usize).map(term).sum::<f64>()
            };
            let best = least_squares(functions::gelu, density, degree, interval).unwrap();
            let least = square(best.polynomial());
            let minimax = fit_on(functions::gelu, degree, interval).unwrap();
            prop_assert!(least <= square(minimax.polynomial()) * (1.0 + 1e-9));
            for sign in [-1.0, 1.0] {
                let mut c = best.coefficients().to_vec();
                c[changed % (degree + 1)] += sign * 1e-3 * best.error();
                prop_assert!(least < square(&Polynomial::new(c, interval)));
            }
        }
    }
}
