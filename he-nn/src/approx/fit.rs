//! A function replaced by a polynomial, and what that costs.

use super::basis::{chebyshev_to_power, clenshaw};
use super::chebyshev::interpolate;
use super::remez::minimax;
use crate::error::{Error, Result};
use std::f64::consts::PI;
use std::fmt;

/// Beyond this degree interpolation, at most 5 times worse, takes the place of the best polynomial, whose search is cubic.
const MAX_MINIMAX_DEGREE: usize = 127;
/// Points of the grid on which the error is measured, for each degree.
const GRID: usize = 64;

/// A polynomial fitted to a function on `[-range, range]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Fit {
    coefficients: Vec<f64>,
    range: f64,
    max_error: f64,
}

/// Fits `f` on `[-range, range]`: the better of minimax and interpolation, by the error measured on a dense grid.
///
/// # Errors
/// [`Error::NonFinite`] if `f` is not finite somewhere on the interval.
pub fn fit(f: impl Fn(f64) -> f64, degree: usize, range: f64) -> Result<Fit> {
    let scaled = |u: f64| f(range * u);
    let grid: Vec<f64> = (0..=GRID * (degree + 1))
        .map(|i| -(PI * i as f64 / (GRID * (degree + 1)) as f64).cos())
        .collect();
    let values: Vec<f64> = grid.iter().map(|&u| scaled(u)).collect();
    if let Some(index) = values.iter().position(|v| !v.is_finite()) {
        return Err(Error::NonFinite {
            what: format!("the function to fit, at {}", range * grid[index]),
            index,
            found: values[index],
            help: "narrow the range to where the function is defined",
        });
    }
    let measured = |coefficients: Vec<f64>| {
        let errors = grid
            .iter()
            .zip(&values)
            .map(|(&u, v)| (v - clenshaw(&coefficients, u)).abs());
        Fit {
            max_error: errors.fold(0.0, f64::max),
            coefficients,
            range,
        }
    };
    let interpolation = measured(interpolate(scaled, degree));
    let best = (degree <= MAX_MINIMAX_DEGREE)
        .then(|| minimax(scaled, degree))
        .flatten()
        .map(measured);
    Ok(best
        .filter(|best| best.max_error < interpolation.max_error)
        .unwrap_or(interpolation))
}

impl Fit {
    /// Coefficients of `T_k(x / range)`, constant first.
    #[must_use]
    pub fn coefficients(&self) -> &[f64] {
        &self.coefficients
    }

    /// Coefficients of powers of `x`, constant first; meaningful up to degree 20 or so.
    #[must_use]
    pub fn power_coefficients(&self) -> Vec<f64> {
        chebyshev_to_power(&self.coefficients, self.range)
    }

    /// The polynomial at `x`.
    #[must_use]
    pub fn call(&self, x: f64) -> f64 {
        clenshaw(&self.coefficients, x / self.range)
    }

    /// Degree.
    #[must_use]
    pub fn degree(&self) -> usize {
        self.coefficients.len() - 1
    }

    /// The fit holds on `[-range, range]`.
    #[must_use]
    pub fn range(&self) -> f64 {
        self.range
    }

    /// Largest error on a dense grid.
    #[must_use]
    pub fn max_error(&self) -> f64 {
        self.max_error
    }

    /// Multiplicative depth: `ceil(log2(degree + 1))`.
    #[must_use]
    pub fn levels(&self) -> u32 {
        self.coefficients.len().next_power_of_two().trailing_zeros()
    }

    /// Products of two values that Paterson and Stockmeyer's method takes at this depth: with baby steps below `2^m`, `2^m - 2` for
    /// the babies, one for each of the `levels - m` giants, and one to join each further block of `2^m` coefficients.
    #[must_use]
    pub fn products(&self) -> usize {
        let (levels, count) = (self.levels(), self.coefficients.len());
        let with = |m: u32| (1usize << m) - 2 + (levels - m) as usize + count.div_ceil(1 << m) - 1;
        (1..=levels).map(with).min().unwrap_or(0)
    }
}

impl fmt::Display for Fit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "degree {}, {} levels, {} products, error {:.1e} on [-{range}, {range}]",
            self.degree(),
            self.levels(),
            self.products(),
            self.max_error,
            range = self.range
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layer::Function;

    const ALL: [Function; 5] = [
        Function::Gelu,
        Function::Silu,
        Function::Sigmoid,
        Function::Tanh,
        Function::Exp,
    ];

    /// An error that alternates `degree + 2` times at nearly its largest size cannot be improved by more than the rest.
    #[test]
    fn fits_of_the_activations_are_the_best_there_are() {
        for function in ALL {
            for (degree, range) in [(3, 2.0), (7, 4.0), (8, 4.0), (15, 8.0), (27, 8.0), (59, 16.0)] {
                let fit = fit(|x| function.call(x), degree, range).unwrap();
                let rounding = 16.0 * f64::EPSILON * function.call(range).abs().max(1.0);
                let (mut runs, mut sign) = (0, 0.0);
                for i in 0..=20_000 {
                    let x = -range * (PI * f64::from(i) / 20_000.0).cos();
                    let e = function.call(x) - fit.call(x);
                    assert!(
                        e.abs() <= fit.max_error() * 1.001 + rounding,
                        "{} {degree}: {e}",
                        function.name()
                    );
                    if e.abs() >= 0.99 * fit.max_error() && e * sign <= 0.0 {
                        (runs, sign) = (runs + 1, e.signum());
                    }
                }
                let exact = fit.max_error() < 1000.0 * rounding;
                assert!(
                    exact || runs >= degree + 2,
                    "{} degree {degree}: {runs} runs",
                    function.name()
                );
            }
        }
    }

    #[test]
    fn the_sigmoid_of_the_regressions_is_better_than_least_squares() {
        // Least squares of degree 3, 5 and 7 on [-5, 5] leave 0.0607, 0.0217 and 0.0075 (data/logreg_heart/meta.json).
        for (degree, least_squares) in [(3, 0.0607), (5, 0.0217), (7, 0.0075)] {
            let fit = fit(|x| Function::Sigmoid.call(x), degree, 5.0).unwrap();
            let error = fit.max_error();
            assert!(
                error < least_squares && error > 0.4 * least_squares,
                "degree {degree}: {error}"
            );
        }
    }

    #[test]
    fn both_bases_hold_the_same_polynomial() {
        let fit = fit(|x| Function::Silu.call(x), 7, 4.0).unwrap();
        let power = fit.power_coefficients();
        for i in -40..=40 {
            let x = f64::from(i) / 10.0;
            let horner = power.iter().rev().fold(0.0, |y, c| y * x + c);
            assert!((horner - fit.call(x)).abs() < 1e-13);
        }
    }

    #[test]
    fn large_degrees_converge_as_the_poles_allow() {
        // tanh has poles at +- i π / 2, so u at +- i y: coefficients fall like (y + sqrt(1 + y²))^-k.
        let (degree, range) = (255, 16.0);
        let y = PI / 2.0 / range;
        let rate = y + (1.0 + y * y).sqrt();
        let fit = fit(|x| Function::Tanh.call(x), degree, range).unwrap();
        assert!(fit.max_error() < 4.0 * rate.powi(-(degree as i32)), "{fit}");
    }

    #[test]
    fn costs_are_those_of_paterson_and_stockmeyer() {
        let table = [
            (1, 1, 0),
            (2, 2, 2),
            (3, 2, 2),
            (7, 3, 4),
            (15, 4, 7),
            (27, 5, 11),
            (31, 5, 11),
        ];
        for (degree, levels, products) in table {
            let fit = fit(f64::exp, degree, 1.0).unwrap();
            assert_eq!(
                (fit.levels(), fit.products()),
                (levels, products),
                "degree {degree}"
            );
        }
        assert_eq!(
            fit(|x| Function::Gelu.call(x), 7, 4.0)
                .unwrap()
                .to_string()
                .split(", error")
                .next(),
            Some("degree 7, 3 levels, 4 products")
        );
    }

    #[test]
    fn a_function_undefined_on_the_interval_is_an_error() {
        let text = fit(f64::sqrt, 4, 2.0).unwrap_err().to_string();
        assert!(
            text.starts_with("the function to fit, at -2 is NaN at index 0"),
            "{text}"
        );
    }
}
