//! The sign by composite minimax polynomials.
//!
//! Notation: on `epsilon <= |x| <= 1` the sign is `p_k(.. p_1(x))`. Each `p_i` is the odd polynomial nearest to the sign on the values
//! of the one before, which lie within `1 - t <= |y| <= 1 + t`, `t` being the error of that one. `alpha = -log2` of the last error.
//!
//! Values below `epsilon` stay within `1 + t` as well: that is the range contract of each member.
//!
//! Source: E. Lee, J.-W. Lee, J.-S. No, Y.-S. Kim, *Minimax approximation of sign function by composite polynomial for homomorphic
//! comparison*, IEEE TDSC 19(6), 2022 (ePrint 2020/834).

use super::cost::Cost;
use super::double::Real;
use super::error::{ApproxError, Result, between};
use super::member::Member;
use std::fmt;

/// The sign on `epsilon <= |x| <= 1`.
#[derive(Clone, Debug, PartialEq)]
pub struct Sign {
    members: Vec<Member>,
}

impl Sign {
    /// Members of these degrees for `epsilon <= |x| <= 1`. `noise` bounds what encryption adds to the operand of each member, whose
    /// intervals are wider by as much; 0 for exact arithmetic.
    ///
    /// # Errors
    /// [`ApproxError::NoMembers`], [`ApproxError::Degree`] unless all are odd and at least 3, [`ApproxError::Parameter`] unless
    /// `0 < epsilon < 1` and `noise` is neither negative nor as large as that. [`ApproxError::OutOfReach`] where noise leaves no
    /// sign, [`ApproxError::NoConvergence`] where rounding leaves no error to lower.
    pub fn new(degrees: &[usize], epsilon: f64, noise: f64) -> Result<Self> {
        between("epsilon", epsilon, 0.0, 1.0)?;
        if noise != 0.0 {
            between("the noise", noise, 0.0, epsilon)?;
        }
        if degrees.is_empty() {
            return Err(ApproxError::NoMembers);
        }
        let mut members: Vec<Member> = Vec::with_capacity(degrees.len());
        for &degree in degrees {
            let (lo, hi) = match members.last().map(Member::error) {
                None => (epsilon - noise, 1.0 + noise),
                Some(t) if t + noise < 1.0 => (1.0 - t - noise, 1.0 + t + noise),
                Some(t) => {
                    return Err(ApproxError::OutOfReach {
                        what: "a member of the sign",
                        found: t,
                        expected: 1.0 - noise,
                        help: "raise epsilon, or lower the noise",
                    });
                }
            };
            members.push(Member::new(degree, lo, hi)?);
        }
        Ok(Self { members })
    }

    /// Members of these degrees with the `epsilon` that equals the error: the largest precision `alpha` such that the error is
    /// `2^-alpha` on `2^-alpha <= |x| <= 1`.
    ///
    /// # Errors
    /// As [`Sign::new`].
    pub fn balanced(degrees: &[usize], noise: f64) -> Result<Self> {
        balance(degrees, noise, |sign| (sign.error() / sign.epsilon()).ln())
    }

    /// The members, first applied first.
    #[must_use]
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// The sign holds from this absolute value on.
    #[must_use]
    pub fn epsilon(&self) -> f64 {
        self.members.first().map_or(1.0, Member::lo)
    }

    /// Largest distance from the sign on `epsilon <= |x| <= 1`.
    #[must_use]
    pub fn error(&self) -> f64 {
        self.members.last().map_or(1.0, Member::error)
    }

    /// `-log2` of the error.
    #[must_use]
    pub fn alpha(&self) -> f64 {
        -self.error().log2()
    }

    /// Degree of the whole: the product of the members'.
    #[must_use]
    pub fn degree(&self) -> usize {
        self.members.iter().map(|m| m.polynomial().degree()).product()
    }

    /// Multiplicative depth: the sum of the members'.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.members.iter().map(|m| m.polynomial().depth()).sum()
    }

    /// Products of two ciphertexts, and how many are relinearised.
    #[must_use]
    pub fn cost(&self) -> Cost {
        self.members.iter().map(|m| m.polynomial().cost()).sum()
    }

    /// Products of two ciphertexts.
    #[must_use]
    pub fn products(&self) -> usize {
        self.cost().products
    }

    /// The composite at `x`, `|x| <= 1`, in the precision of `x`.
    #[must_use]
    pub fn evaluate<T: Real>(&self, x: T) -> T
    where
        f64: Into<T>,
    {
        self.members.iter().fold(x, |y, m| m.polynomial().evaluate(y))
    }
}

/// The sign of these degrees whose `epsilon` makes `excess`, which falls with it, vanish to 1e-3.
pub(super) fn balance(degrees: &[usize], noise: f64, excess: impl Fn(&Sign) -> f64) -> Result<Sign> {
    // A member of degree d magnifies small values at most d times: from here on it may leave a sign.
    let product: f64 = degrees.iter().map(|&d| d as f64).product();
    let mut low = (0.25 / product.max(1.0)).max(4.0 * noise);
    let mut sign = Sign::new(degrees, low, noise)?;
    let mut above = excess(&sign);
    if above <= 0.0 {
        return Ok(sign);
    }
    let mut high = low;
    let mut below = above;
    while below > 0.0 {
        (low, above) = (high, below);
        high = (2.0 * high).min(0.5 + 0.5 * high);
        sign = Sign::new(degrees, high, noise)?;
        below = excess(&sign);
    }
    // Regula falsi on logarithms, halving the weight of an end that stays (Illinois).
    let mut side = 0;
    for _ in 0..40 {
        if below.abs() < 1e-3 {
            break;
        }
        let share = above / (above - below);
        let middle = low.powf(1.0 - share) * high.powf(share);
        let candidate = Sign::new(degrees, middle, noise)?;
        let value = excess(&candidate);
        if value > 0.0 {
            (low, above) = (middle, value);
            below *= if side == 1 { 0.5 } else { 1.0 };
            side = 1;
        } else {
            (high, below, sign) = (middle, value, candidate);
            above *= if side == -1 { 0.5 } else { 1.0 };
            side = -1;
        }
    }
    Ok(sign)
}

impl fmt::Display for Sign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let degrees: Vec<usize> = self.members.iter().map(|m| m.polynomial().degree()).collect();
        write!(
            f,
            "sign of degrees {degrees:?}, {} levels, {} products, error {:.1e} for {:.1e} <= |x| <= 1",
            self.depth(),
            self.products(),
            self.error(),
            self.epsilon()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::approx::Double;
    use proptest::prelude::*;

    /// The composite of J. Lee et al., *Precise approximation of convolutional neural networks for homomorphically encrypted data*
    /// (arXiv 2105.10879), for alpha = 13: with epsilon = 2^-9 its members stay within 1.9520, 1.5578 and 1 + 9.94e-5.
    #[test]
    fn the_published_composite_of_resnets_is_reached() {
        let sign = Sign::new(&[15, 15, 27], 2f64.powi(-9), 0.0).unwrap();
        let bounds: Vec<f64> = sign.members().iter().map(Member::bound).collect();
        for (bound, published) in bounds.iter().zip([1.9520, 1.5578, 1.000_099_4]) {
            assert!((bound - published).abs() < 1e-4 * (bound - 1.0), "{bounds:?}");
        }
        assert_eq!((sign.depth(), sign.degree()), (13, 15 * 15 * 27));
    }

    #[test]
    fn balanced_composites_reach_their_precision() {
        for (degrees, alpha, depth) in [
            (&[7, 7][..], 4.20, 6),
            (&[7, 7, 13], 6.83, 10),
            (&[15, 15, 27], 9.56, 13),
            (&[15, 15, 15, 27], 12.73, 17),
        ] {
            let sign = Sign::balanced(degrees, 0.0).unwrap();
            assert!((sign.error() / sign.epsilon() - 1.0).abs() < 2e-3, "{sign}");
            assert!((sign.alpha() - alpha).abs() < 0.01, "{sign}: {}", sign.alpha());
            assert_eq!(sign.depth(), depth);
        }
    }

    #[test]
    fn deep_composites_separate_numbers_that_differ_by_a_billionth() {
        let degrees = [15, 15, 15, 17, 31, 31, 31, 31];
        let sign = Sign::new(&degrees, 2f64.powi(-30), 2f64.powi(-35)).unwrap();
        assert!(sign.alpha() > 20.0, "{sign}");
        assert_eq!(sign.depth(), 3 * 4 + 5 * 5);
        let balanced = Sign::balanced(&degrees, 0.0).unwrap();
        assert!(balanced.alpha() > 29.0, "{balanced}");
    }

    /// Degrees of the source for comparisons `(1 + sign) / 2` to `2^-alpha` from `2^-alpha` on.
    #[test]
    fn the_published_comparisons_reach_their_precision() {
        for (alpha, degrees) in [
            (4, &[27][..]),
            (6, &[15, 15]),
            (7, &[7, 7, 13]),
            (8, &[7, 15, 15]),
            (10, &[7, 7, 13, 15]),
            (12, &[15, 15, 15, 15]),
        ] {
            let sign = Sign::new(degrees, 2f64.powi(-alpha), 0.0).unwrap();
            assert!(0.5 * sign.error() <= 2f64.powi(-alpha), "{sign}");
        }
    }

    #[test]
    fn impossible_requests_are_errors() {
        let error = |degrees: &[usize], epsilon, noise| Sign::new(degrees, epsilon, noise).unwrap_err();
        assert_eq!(error(&[], 0.1, 0.0), ApproxError::NoMembers);
        assert!(matches!(
            error(&[7, 8], 0.1, 0.0),
            ApproxError::Degree { found: 8, .. }
        ));
        assert!(matches!(
            error(&[0], 0.1, 0.0),
            ApproxError::Degree { found: 0, .. }
        ));
        for epsilon in [0.0, 1.0, -0.5, f64::NAN] {
            assert!(matches!(
                error(&[7], epsilon, 0.0),
                ApproxError::Parameter { what: "epsilon", .. }
            ));
        }
        for noise in [-0.1, 0.1, f64::NAN] {
            assert!(matches!(
                error(&[7], 0.1, noise),
                ApproxError::Parameter {
                    what: "the noise",
                    ..
                }
            ));
        }
        // From 1/2 on the first member leaves nothing to do, and noise of nearly epsilon hides the sign.
        assert!(matches!(
            error(&[63, 27], 0.5, 0.0),
            ApproxError::NoConvergence { degree: 27, .. }
        ));
        assert!(matches!(
            error(&[3, 7], 1e-3, 9.9e-4),
            ApproxError::OutOfReach { .. }
        ));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        /// Contracts hold at points that the search has not seen: between 0 and epsilon, on the interval, and with noise.
        #[test]
        fn members_keep_their_contracts(
            halves in prop::collection::vec(1usize..14, 1..4),
            log_epsilon in -9.0f64..-3.0,
            log_noise in -30.0f64..-14.0,
        ) {
            let degrees: Vec<usize> = halves.iter().map(|h| 2 * h + 1).collect();
            let (epsilon, noise) = (log_epsilon.exp2(), log_noise.exp2());
            let sign = match Sign::new(&degrees, epsilon, noise) {
                Ok(sign) => sign,
                Err(ApproxError::OutOfReach { .. }) => return Ok(()),
                // So close to the sign that the next error is below all rounding.
                Err(ApproxError::NoConvergence { lo, hi, .. }) if hi - lo < 0.05 => return Ok(()),
                Err(other) => panic!("{other}"),
            };
            prop_assert_eq!(sign.members().len(), degrees.len());
            for member in sign.members() {
                for i in 0..=3000 {
                    let x = member.hi() * f64::from(i) / 3000.0;
                    let y = member.polynomial().evaluate(Double::from(x));
                    let off = (y - Double::from(1.0)).abs().to_f64();
                    prop_assert!(x < member.lo() || off <= member.error(), "{} at {}: {}", sign, x, off);
                    prop_assert!((-1e-15..=member.bound()).contains(&y.to_f64()), "{} at {}: {:?}", sign, x, y);
                }
            }
            for i in 0..=4000 {
                let x = epsilon.powf(f64::from(i) / 4000.0);
                let jitter = if i % 2 == 0 { noise } else { -noise };
                let value = sign.members().iter().fold(x, |y, m| m.polynomial().evaluate(y + jitter));
                prop_assert!((value - 1.0).abs() <= sign.error() + 1e-13);
                prop_assert!((sign.evaluate(-x) + sign.evaluate(x)).abs() <= 1e-13);
            }
        }
    }
}
