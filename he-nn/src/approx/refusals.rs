//! What approximations to a relative precision on a positive interval refuse, whatever their method.

use super::error::{ApproxError, Result};
use super::interval::Interval;

/// Intervals that are not positive, precisions that are none, and `(lo, precision)` on `[lo, 1]` that the method does not reach.
pub(super) fn assert_refused<T>(new: impl Fn(Interval, f64) -> Result<T>, out_of_reach: &[(f64, f64)]) {
    let refused = |&(lo, precision): &(f64, f64)| {
        let interval = Interval::new(lo, 1.0).expect("an interval");
        new(interval, precision)
            .err()
            .unwrap_or_else(|| panic!("{precision} on {interval} was accepted"))
    };
    for request in [(0.0, 1e-3), (-1.0, 1e-3), (0.1, 0.0), (0.1, 1.0), (0.1, f64::NAN)] {
        let error = refused(&request);
        assert!(matches!(error, ApproxError::Parameter { .. }), "{error}");
    }
    for request in out_of_reach {
        let error = refused(request);
        assert!(matches!(error, ApproxError::OutOfReach { .. }), "{error}");
    }
}
