//! Polynomials in the Chebyshev basis of an interval.

use super::basis::{chebyshev_to_power, clenshaw};
use super::cost::Cost;
use super::double::Real;
use super::interval::Interval;
use he_core::ckks::polynomial::polynomial_levels;

/// `sum c_k T_k(u)`, where `u` is the affine map of the interval to `[-1, 1]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Polynomial {
    coefficients: Vec<f64>,
    interval: Interval,
}

impl Polynomial {
    /// From coefficients, constant first. Those that are lost in the rounding of the largest become zero, so that symmetric functions
    /// have symmetric polynomials.
    pub(super) fn new(mut coefficients: Vec<f64>, interval: Interval) -> Self {
        let largest = coefficients.iter().fold(0.0f64, |m, c| m.max(c.abs()));
        for c in &mut coefficients {
            if c.abs() < 0.5 * f64::EPSILON * largest {
                *c = 0.0;
            }
        }
        Self {
            coefficients,
            interval,
        }
    }

    /// Coefficients of `T_k(u)`, constant first: `degree() + 1`, of which leading ones may vanish.
    #[must_use]
    pub fn coefficients(&self) -> &[f64] {
        &self.coefficients
    }

    /// The interval of the basis.
    #[must_use]
    pub fn interval(&self) -> Interval {
        self.interval
    }

    /// Coefficients of powers of `x`, constant first, on a symmetric interval, else of powers of `u`; meaningful up to degree 20 or so.
    #[must_use]
    pub fn power_coefficients(&self) -> Vec<f64> {
        let range = if self.interval.is_symmetric() {
            self.interval.hi()
        } else {
            1.0
        };
        chebyshev_to_power(&self.coefficients, range)
    }

    /// The polynomial at `x`, in the precision of `x`.
    #[must_use]
    pub fn evaluate<T: Real>(&self, x: T) -> T
    where
        f64: Into<T>,
    {
        clenshaw(&self.coefficients, self.interval.to_unit(x))
    }

    /// Degree.
    #[must_use]
    pub fn degree(&self) -> usize {
        self.coefficients.len().saturating_sub(1)
    }

    /// Multiplicative depth: `ceil(log2(degree + 1))`.
    #[must_use]
    pub fn depth(&self) -> usize {
        polynomial_levels(self.degree())
    }

    /// Products of ciphertexts that the engine's evaluation takes at this depth.
    #[must_use]
    pub fn cost(&self) -> Cost {
        Cost::of(&self.coefficients)
    }
}
