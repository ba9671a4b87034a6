//! Intervals, and the map of one to `[-1, 1]`.

use super::double::Real;
use super::error::{ApproxError, Result};
use std::fmt;

/// `[lo, hi]` with `lo < hi`, both finite.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    lo: f64,
    hi: f64,
}

impl Interval {
    /// # Errors
    /// [`ApproxError::Interval`] unless `lo < hi` and both are finite.
    pub fn new(lo: f64, hi: f64) -> Result<Self> {
        if lo < hi && (hi - lo).is_finite() {
            Ok(Self { lo, hi })
        } else {
            Err(ApproxError::Interval { lo, hi })
        }
    }

    /// `[-range, range]`.
    ///
    /// # Errors
    /// [`ApproxError::Interval`] unless `range` is positive and finite.
    pub fn symmetric(range: f64) -> Result<Self> {
        Self::new(-range, range)
    }

    /// Lower end.
    #[must_use]
    pub fn lo(self) -> f64 {
        self.lo
    }

    /// Upper end.
    #[must_use]
    pub fn hi(self) -> f64 {
        self.hi
    }

    /// Whether it is `[-range, range]`.
    #[must_use]
    pub fn is_symmetric(self) -> bool {
        self.lo == -self.hi
    }

    /// The affine map to `[-1, 1]`.
    #[must_use]
    pub fn to_unit<T: Real>(self, x: T) -> T {
        let (lo, hi) = (T::from(self.lo), T::from(self.hi));
        (x + x - (lo + hi)) / (hi - lo)
    }

    /// The affine map from `[-1, 1]`, never beyond the ends.
    #[must_use]
    pub fn from_unit(self, u: f64) -> f64 {
        (0.5 * (1.0 - u) * self.lo + 0.5 * (1.0 + u) * self.hi).clamp(self.lo, self.hi)
    }
}

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}, {}]", self.lo, self.hi)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn empty_and_infinite_intervals_are_errors() {
        for (lo, hi) in [
            (1.0, 1.0),
            (2.0, 1.0),
            (f64::NAN, 1.0),
            (0.0, f64::NAN),
            (0.0, f64::INFINITY),
        ] {
            assert!(Interval::new(lo, hi).is_err(), "{lo} {hi}");
        }
        assert_eq!(
            Interval::symmetric(-1.0).unwrap_err(),
            ApproxError::Interval { lo: 1.0, hi: -1.0 }
        );
    }

    proptest! {
        #[test]
        fn the_maps_undo_each_other(lo in -10.0f64..10.0, length in 0.01f64..10.0, u in -1.0f64..1.0) {
            let interval = Interval::new(lo, lo + length).unwrap();
            prop_assert!((interval.to_unit(interval.from_unit(u)) - u).abs() <= 1e-15 * (1.0 + lo.abs() / length) * 8.0);
            prop_assert_eq!([interval.from_unit(-1.0), interval.from_unit(1.0)], [interval.lo(), interval.hi()]);
        }
    }
}
