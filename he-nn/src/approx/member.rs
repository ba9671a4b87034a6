//! One polynomial of a composite sign.
//!
//! It is the best odd one for 1 on a positive interval, and rises there from 0: it has one coefficient less than errors of its largest
//! size on the interval, so that all positive zeros of its derivative lie between these. So it stays within its largest value for
//! smaller operands as well.

use super::double::Double;
use super::error::{ApproxError, Result};
use super::extrema::largest;
use super::interval::Interval;
use super::polynomial::Polynomial;
use super::remez::{Parity, Problem};

/// Points, for each coefficient, among which extrema of the error are sought.
const GRID: usize = 64;

/// One polynomial of a composite: within `error` of the sign on `lo <= |x| <= hi`, within `1 + error` of zero on `|x| <= hi`.
#[derive(Clone, Debug, PartialEq)]
pub struct Member {
    polynomial: Polynomial,
    lo: f64,
    error: f64,
}

impl Member {
    /// The best odd polynomial of this degree for the sign on `lo <= |x| <= hi`.
    pub(super) fn new(degree: usize, lo: f64, hi: f64) -> Result<Self> {
        if degree < 3 || degree.is_multiple_of(2) {
            return Err(ApproxError::Degree {
                found: degree,
                expected: "odd and at least 3, as for a member of the sign",
            });
        }
        let one = |_: f64| Double::from(1.0);
        let (domain, basis) = (Interval::new(lo, hi)?, Interval::symmetric(hi)?);
        let problem = Problem {
            target: &one,
            weight: &one,
            intervals: &[domain],
            basis,
            degree,
            parity: Parity::Odd,
        };
        let coefficients = problem
            .minimax()
            .ok_or(ApproxError::NoConvergence { degree, lo, hi })?;
        let coefficients = coefficients.into_iter().map(Double::to_f64).collect();
        let polynomial = Polynomial::new(coefficients, basis);
        let error = |x: f64| one(x) - polynomial.evaluate(Double::from(x));
        Ok(Self {
            error: largest(error, &[domain], GRID * (degree + 1)),
            polynomial,
            lo,
        })
    }

    /// The polynomial, in the basis of `[-hi, hi]`.
    #[must_use]
    pub fn polynomial(&self) -> &Polynomial {
        &self.polynomial
    }

    /// Lower end of the positive interval.
    #[must_use]
    pub fn lo(&self) -> f64 {
        self.lo
    }

    /// Upper end of the positive interval: no operand may be larger.
    #[must_use]
    pub fn hi(&self) -> f64 {
        self.polynomial.interval().hi()
    }

    /// Largest distance from the sign on the interval.
    #[must_use]
    pub fn error(&self) -> f64 {
        self.error
    }

    /// No value is larger.
    #[must_use]
    pub fn bound(&self) -> f64 {
        1.0 + self.error
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::approx::extrema::{extrema, runs};
    use proptest::prelude::*;

    #[test]
    fn the_cubic_is_known() {
        // Towards lo = 0 the best cubic on [0, 1] is 3 sqrt(3) x (1 - x²), of error 1.
        let cubic = Member::new(3, 1e-6, 1.0).unwrap();
        let slope = cubic.polynomial().evaluate(1e-6) / 1e-6;
        assert!((slope - 27f64.sqrt()).abs() < 1e-4, "{slope}");
        assert!((cubic.error() - 1.0).abs() < 1e-5);
    }

    #[test]
    fn even_and_small_degrees_are_errors() {
        for degree in [0, 1, 2, 8] {
            let found = Member::new(degree, 0.1, 1.0).unwrap_err();
            assert!(
                matches!(found, ApproxError::Degree { found, .. } if found == degree),
                "{found}"
            );
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        /// Errors of one size alternate once more than there are coefficients, and below the interval nothing exceeds them.
        #[test]
        fn members_equioscillate_and_rise(half in 1usize..16, log_lo in -12.0f64..-2.0, hi in 0.9f64..2.0) {
            let member = Member::new(2 * half + 1, log_lo.exp2(), hi).unwrap();
            let error = |x: f64| Double::from(1.0) - member.polynomial().evaluate(Double::from(x));
            let domain = Interval::new(member.lo(), hi).unwrap();
            let found = runs(extrema(error, &[domain], 4000));
            let full = found.iter().filter(|e| e.1.abs().to_f64() > (1.0 - 1e-6) * member.error()).count();
            // Where f64 coefficients round the errors away there is nothing to see.
            prop_assert!(full >= half + 2 || member.error() < 1e-9, "{} of {}", full, half + 2);
            let mut before = 0.0;
            for i in 0..=1000 {
                let y = member.polynomial().evaluate(member.lo() * f64::from(i) / 1000.0);
                prop_assert!(y >= before - 1e-14 && y <= 1.0);
                before = y;
            }
        }
    }
}
