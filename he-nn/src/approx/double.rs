//! Double-double numbers: unevaluated sums of two f64 with 106 bits, in which errors of f64 results are measured.
//!
//! Relative errors: sum, product and quotient below 2^-102, square root and exponential below 2^-98.
//!
//! Source: T. J. Dekker, *A floating-point technique for extending the available precision*, Numer. Math. 18, 1971; quotient and
//! exponential as in Y. Hida, X. Li, D. Bailey, *Algorithms for quad-double precision floating point arithmetic*, ARITH-15, 2001.

use std::cmp::Ordering;
use std::f64::consts::{LN_2, PI};
use std::ops::{Add, Div, Mul, Neg, Sub};

/// `hi + lo` with `|lo| <= ulp(hi) / 2`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Double {
    hi: f64,
    lo: f64,
}

/// Arithmetic that f64 and double-double share.
pub trait Real:
    Copy + From<f64> + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Div<Output = Self>
{
}

impl<T> Real for T where
    T: Copy + From<f64> + Add<Output = T> + Sub<Output = T> + Mul<Output = T> + Div<Output = T>
{
}

/// What f64 leaves of π.
const PI_LO: f64 = 1.224_646_799_147_353_2e-16;
/// What f64 leaves of ln 2.
const LN_2_LO: f64 = 2.319_046_813_846_299_6e-17;
/// Halvings of the exponential's argument, undone by as many squares.
const HALVINGS: i32 = 9;
/// Terms of the exponential's series: the next is below 2^-107 for arguments up to `ln 2 / 2^(HALVINGS + 1)`.
const TERMS: u32 = 9;

/// The rounded sum and what rounding left of it.
fn two_sum(a: f64, b: f64) -> Double {
    let hi = a + b;
    let part = hi - a;
    Double {
        hi,
        lo: (a - (hi - part)) + (b - part),
    }
}

/// As [`two_sum`] for `|a| >= |b|`.
fn fast_two_sum(a: f64, b: f64) -> Double {
    let hi = a + b;
    Double { hi, lo: b - (hi - a) }
}

impl Double {
    /// Zero.
    pub(super) const ZERO: Double = Double { hi: 0.0, lo: 0.0 };

    /// π.
    pub const PI: Double = Double { hi: PI, lo: PI_LO };

    /// Rounded to f64.
    #[must_use]
    pub fn to_f64(self) -> f64 {
        self.hi
    }

    /// Absolute value.
    #[must_use]
    pub fn abs(self) -> Double {
        if self.hi < 0.0 { -self } else { self }
    }

    /// Neither NaN nor infinite.
    #[must_use]
    pub fn is_finite(self) -> bool {
        self.hi.is_finite()
    }

    /// `self * 2^n`, exact short of overflow and underflow.
    #[must_use]
    fn scaled(self, n: i32) -> Double {
        let factor = 2f64.powi(n);
        Double {
            hi: self.hi * factor,
            lo: self.lo * factor,
        }
    }

    /// Square root; NaN for negative numbers.
    #[must_use]
    pub fn sqrt(self) -> Double {
        if self.hi == 0.0 {
            return self;
        }
        // One step of Newton's method doubles the digits of the f64 root.
        let root = Double::from(self.hi.sqrt());
        root + (self - root * root).scaled(-1) / root
    }

    /// Exponential; 0 below -708, where f64 leaves no room for the lower half.
    #[must_use]
    pub fn exp(self) -> Double {
        if self.hi < -708.0 {
            return Double::from(0.0);
        }
        if self.hi > 709.0 {
            return Double::from(f64::INFINITY);
        }
        let ln_2 = Double {
            hi: LN_2,
            lo: LN_2_LO,
        };
        let power = (self.hi / LN_2).round();
        let r = (self - ln_2 * Double::from(power)).scaled(-HALVINGS);
        // exp(r) - 1 by its series; squares as (1 + s)^2 - 1 = 2 s + s^2, which keep the digits of s.
        let (mut term, mut s) = (r, r);
        for k in 2..=TERMS {
            term = term * r / Double::from(f64::from(k));
            s = s + term;
        }
        for _ in 0..HALVINGS {
            s = s.scaled(1) + s * s;
        }
        // In two factors: 2^1024 is no f64, but exp(709) is.
        let half = power as i32 / 2;
        (s + Double::from(1.0)).scaled(half).scaled(power as i32 - half)
    }
}

impl From<f64> for Double {
    fn from(x: f64) -> Self {
        Double { hi: x, lo: 0.0 }
    }
}

impl Neg for Double {
    type Output = Double;
    fn neg(self) -> Double {
        Double {
            hi: -self.hi,
            lo: -self.lo,
        }
    }
}

impl Add for Double {
    type Output = Double;
    fn add(self, other: Double) -> Double {
        let upper = two_sum(self.hi, other.hi);
        let lower = two_sum(self.lo, other.lo);
        let sum = fast_two_sum(upper.hi, upper.lo + lower.hi);
        fast_two_sum(sum.hi, sum.lo + lower.lo)
    }
}

impl Sub for Double {
    type Output = Double;
    fn sub(self, other: Double) -> Double {
        self + -other
    }
}

impl Mul for Double {
    type Output = Double;
    fn mul(self, other: Double) -> Double {
        let hi = self.hi * other.hi;
        let lo = self.hi.mul_add(other.hi, -hi);
        fast_two_sum(hi, lo + (self.hi * other.lo + self.lo * other.hi))
    }
}

impl Div for Double {
    type Output = Double;
    fn div(self, other: Double) -> Double {
        // Long division: each digit is the f64 quotient of what is left.
        let first = self.hi / other.hi;
        let rest = self - other * Double::from(first);
        let second = rest.hi / other.hi;
        let rest = rest - other * Double::from(second);
        let third = rest.hi / other.hi;
        fast_two_sum(first, second) + Double::from(third)
    }
}

impl PartialOrd for Double {
    fn partial_cmp(&self, other: &Double) -> Option<Ordering> {
        match self.hi.partial_cmp(&other.hi) {
            Some(Ordering::Equal) => self.lo.partial_cmp(&other.lo),
            order => order,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn double(x: f64) -> Double {
        Double::from(x)
    }

    /// `|a - b| <= bound |b|`.
    fn close(a: Double, b: Double, bound: f64) -> bool {
        (a - b).abs().to_f64() <= bound * b.to_f64().abs()
    }

    #[test]
    fn constants_match_their_digits() {
        // Fifteen decimals a group.
        let digits = |whole: f64, groups: [f64; 2]| {
            let unit = double(1e15);
            double(whole) + (double(groups[0]) + double(groups[1]) / unit) / unit
        };
        // OEIS A001113, A000796, A002193, A002162.
        let e = digits(2.0, [718_281_828_459_045.0, 235_360_287_471_353.0]);
        assert!(close(double(1.0).exp(), e, 1e-29));
        let pi = digits(3.0, [141_592_653_589_793.0, 238_462_643_383_280.0]);
        assert!(close(Double::PI, pi, 1e-29));
        let root = digits(1.0, [414_213_562_373_095.0, 48_801_688_724_210.0]);
        assert!(close(double(2.0).sqrt(), root, 1e-29));
        let ln_2 = digits(0.0, [693_147_180_559_945.0, 309_417_232_121_458.0]);
        assert!(close(ln_2.exp(), double(2.0), 1e-29));
    }

    #[test]
    fn what_f64_would_lose_is_kept() {
        let tiny = double(2f64.powi(-80));
        assert_eq!(double(1.0) + tiny - double(1.0), tiny);
        let third = double(1.0) / double(3.0);
        assert!((third * double(3.0) - double(1.0)).abs().to_f64() < 2f64.powi(-104));
        assert!(third < third + tiny && double(2.0) > third);
    }

    #[test]
    fn the_ends_of_the_range() {
        assert_eq!(double(-1000.0).exp(), double(0.0));
        assert!(!double(1000.0).exp().is_finite());
        assert!(double(708.9).exp().is_finite());
        assert_eq!(double(0.0).sqrt(), double(0.0));
        assert!(!double(-1.0).sqrt().is_finite());
    }

    proptest! {
        #[test]
        fn operations_undo_each_other(a in -1e3f64..1e3, b in 0.01f64..1e3, c in 0.01f64..1e3) {
            let (x, y) = (double(a) + double(b) / double(7e17), double(b) + double(c) / double(7e17));
            prop_assert!(((x + y) - y - x).abs().to_f64() <= 1e-30 * (a.abs() + b));
            prop_assert!(close(x * y / y, x, 1e-30));
            prop_assert!(close(y.sqrt() * y.sqrt(), y, 1e-29));
            prop_assert!(y.sqrt() * y.sqrt() + double(1e-20) > y);
        }

        /// exp(a + b) = exp(a) exp(b), and f64 agrees.
        #[test]
        fn exponentials_multiply(a in -300.0f64..300.0, b in -300.0f64..300.0) {
            let (x, y) = (double(a) / double(3.0), double(b) / double(7.0));
            prop_assert!(close(x.exp() * y.exp(), (x + y).exp(), 1e-27));
            prop_assert!(close(x.exp(), double(x.to_f64().exp()), 1e-13));
        }
    }
}
