//! The rectified linear unit by a composite sign: `x (1 + sign(x)) / 2`.
//!
//! The error has two sources: where the sign holds, half its error times `|x|`, largest at the ends; and `x (1 - p(x)) / 2` below
//! `epsilon`, where the composite rises from 0. A smaller `epsilon` lowers the one and raises the other.
//!
//! Source: J. Lee et al., *Precise approximation of convolutional neural networks for homomorphically encrypted data*,
//! arXiv 2105.10879, 2021.

use super::cost::Cost;
use super::double::{Double, Real};
use super::error::Result;
use super::extrema::largest;
use super::interval::Interval;
use super::sign::{Sign, balance};
use std::fmt;

/// Points between 0 and `epsilon`, where the error has one extremum.
const GRID: usize = 256;

/// The rectified linear unit on `[-range, range]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Relu {
    sign: Sign,
    range: f64,
    error: f64,
}

impl Relu {
    /// By a sign with members of these degrees, whose `epsilon` makes the largest error the least. `noise` bounds what encryption
    /// adds to the operand of each member, relative to the range.
    ///
    /// # Errors
    /// As [`Sign::new`]; [`ApproxError::Interval`](super::ApproxError::Interval) unless `range` is positive and finite.
    pub fn new(degrees: &[usize], range: f64, noise: f64) -> Result<Self> {
        Interval::symmetric(range)?;
        let sign = balance(degrees, noise, |sign| {
            (0.5 * sign.error() / below_epsilon(sign)).ln()
        })?;
        Ok(Self {
            error: range * below_epsilon(&sign).max(0.5 * sign.error()),
            sign,
            range,
        })
    }

    /// The sign of `x / range`.
    #[must_use]
    pub fn sign(&self) -> &Sign {
        &self.sign
    }

    /// It holds on `[-range, range]`.
    #[must_use]
    pub fn range(&self) -> f64 {
        self.range
    }

    /// Largest absolute error on `[-range, range]`.
    #[must_use]
    pub fn error(&self) -> f64 {
        self.error
    }

    /// `-log2` of the error relative to the range.
    #[must_use]
    pub fn alpha(&self) -> f64 {
        -(self.error / self.range).log2()
    }

    /// Degree of the whole.
    #[must_use]
    pub fn degree(&self) -> usize {
        self.sign.degree() + 1
    }

    /// Multiplicative depth: that of the sign and one for the product with `x`.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.sign.depth() + 1
    }

    /// Products of two ciphertexts, and how many are relinearised.
    #[must_use]
    pub fn cost(&self) -> Cost {
        self.sign.cost() + Cost::single(1)
    }

    /// Products of two ciphertexts.
    #[must_use]
    pub fn products(&self) -> usize {
        self.cost().products
    }

    /// The approximation at `x`, `|x| <= range`, in the precision of `x`.
    #[must_use]
    pub fn evaluate<T: Real>(&self, x: T) -> T
    where
        f64: Into<T>,
    {
        let sign = self.sign.evaluate(x / T::from(self.range));
        T::from(0.5) * x * (T::from(1.0) + sign)
    }
}

/// Largest error below `epsilon` of the unit on `[-1, 1]`.
fn below_epsilon(sign: &Sign) -> f64 {
    let error = |x: f64| {
        let x = Double::from(x);
        x * (Double::from(1.0) - sign.evaluate(x)) * Double::from(0.5)
    };
    let domain = Interval::new(0.0, sign.epsilon());
    domain.map_or(0.0, |domain| largest(error, &[domain], GRID))
}

impl fmt::Display for Relu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let members = self.sign.members().iter();
        let degrees: Vec<usize> = members.map(|m| m.polynomial().degree()).collect();
        write!(
            f,
            "relu of degrees {degrees:?}, {} levels, {} products, error {:.1e} on [-{range}, {range}]",
            self.depth(),
            self.products(),
            self.error,
            range = self.range
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::approx::ApproxError;
    use proptest::prelude::*;

    /// The table of the source: degrees that reach an error of `2^-alpha`, and what they take.
    #[test]
    fn the_published_degrees_reach_their_precision() {
        for (degrees, alpha, depth) in [
            (&[7, 7][..], 7.0, 7),
            (&[7, 15], 8.0, 8),
            (&[15, 15], 9.0, 9),
            (&[7, 7, 13], 10.0, 11),
            (&[7, 7, 27], 11.0, 12),
            (&[7, 15, 27], 12.0, 13),
            (&[15, 15, 27], 13.0, 14),
            (&[15, 27, 29], 14.0, 15),
        ] {
            let relu = Relu::new(degrees, 1.0, 0.0).unwrap();
            // Theirs are the smallest that do: one bit more would take other degrees.
            assert!(
                (alpha..alpha + 1.0).contains(&relu.alpha()),
                "{relu}: {}",
                relu.alpha()
            );
            assert_eq!(relu.depth(), depth);
        }
    }

    #[test]
    fn no_other_epsilon_is_better() {
        let relu = Relu::new(&[7, 7, 13], 1.0, 0.0).unwrap();
        for factor in [0.9, 0.99, 1.01, 1.1] {
            let sign = Sign::new(&[7, 7, 13], factor * relu.sign().epsilon(), 0.0).unwrap();
            let error = below_epsilon(&sign).max(0.5 * sign.error());
            assert!(error > relu.error(), "{factor}: {error}");
        }
    }

    #[test]
    fn impossible_requests_are_errors() {
        for range in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(matches!(
                Relu::new(&[7, 7], range, 0.0),
                Err(ApproxError::Interval { .. })
            ));
        }
        assert_eq!(Relu::new(&[], 1.0, 0.0).unwrap_err(), ApproxError::NoMembers);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(8))]

        #[test]
        fn errors_are_as_reported(
            halves in prop::collection::vec(2usize..8, 1..4),
            range in 0.1f64..100.0,
            log_noise in -40.0f64..-20.0,
        ) {
            let degrees: Vec<usize> = halves.iter().map(|h| 2 * h + 1).collect();
            let relu = Relu::new(&degrees, range, log_noise.exp2()).unwrap();
            for i in 0..=6000 {
                // Half of the points evenly, half towards 0.
                let t = f64::from(i) / 6000.0;
                for x in [range * t, range * (-16.0 * t).exp2()] {
                    for x in [x, -x] {
                        let error = (relu.evaluate(Double::from(x)) - Double::from(x.max(0.0))).abs().to_f64();
                        prop_assert!(error <= relu.error(), "{} at {}: {}", relu, x, error);
                        prop_assert!((relu.evaluate(x) - x.max(0.0)).abs() <= relu.error() + 1e-12 * range);
                    }
                }
            }
        }
    }
}
