//! Chebyshev interpolation.

use super::basis::clenshaw;

/// A polynomial fitted to a function on `[-range, range]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Fit {
    coefficients: Vec<f64>,
    range: f64,
    max_error: f64,
}

impl Fit {
    /// Coefficients of `T_k(x / range)`.
    #[must_use]
    pub fn coefficients(&self) -> &[f64] {
        &self.coefficients
    }
}

/// Interpolates `f` at the Chebyshev points of `[-range, range]`.
pub fn fit(f: impl Fn(f64) -> f64, degree: usize, range: f64) -> Fit {
    let count = degree + 1;
    let angle = |i: usize| std::f64::consts::PI * (i as f64 + 0.5) / count as f64;
    let values: Vec<f64> = (0..count).map(|i| f(range * angle(i).cos())).collect();
    let coefficients: Vec<f64> = (0..count)
        .map(|k| {
            let sum: f64 = values
                .iter()
                .enumerate()
                .map(|(i, v)| v * (k as f64 * angle(i)).cos())
                .sum();
            sum * if k == 0 { 1.0 } else { 2.0 } / count as f64
        })
        .collect();
    let max_error = (0..=1000)
        .map(|i| f64::from(i) / 500.0 - 1.0)
        .map(|u| (f(range * u) - clenshaw(&coefficients, u)).abs());
    let max_error = max_error.fold(0.0, f64::max);
    Fit {
        coefficients,
        range,
        max_error,
    }
}
