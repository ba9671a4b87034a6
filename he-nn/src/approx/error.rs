//! What can be wrong with a request for an approximation.

/// Result with the error of this module.
pub type Result<T, E = ApproxError> = std::result::Result<T, E>;

/// An approximation that does not exist or was not found.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ApproxError {
    /// An interval without interior.
    #[error("interval [{lo}, {hi}] is empty or not finite, expected two numbers in ascending order")]
    Interval {
        /// Lower end.
        lo: f64,
        /// Upper end.
        hi: f64,
    },
    /// A degree that the method does not serve.
    #[error("degree {found} is not {expected}")]
    Degree {
        /// The degree.
        found: usize,
        /// What it should be.
        expected: &'static str,
    },
    /// A composite without members.
    #[error("no degrees, expected one for each member of the composite")]
    NoMembers,
    /// A number that must lie between two others.
    #[error("{what} is {found}, expected a number between {lo} and {hi}")]
    Parameter {
        /// Which.
        what: &'static str,
        /// Its value.
        found: f64,
        /// Lower limit, excluded.
        lo: f64,
        /// Upper limit, excluded.
        hi: f64,
    },
    /// The function is not finite somewhere on the interval.
    #[error(
        "the function to approximate is {found} at {at}, expected a finite number\nhelp: narrow the range to where the function is defined"
    )]
    NonFinite {
        /// Where.
        at: f64,
        /// Its value.
        found: f64,
    },
    /// The exchange of references does not settle.
    #[error(
        "the best polynomial of degree {degree} on [{lo}, {hi}] was not found\nhelp: lower the degree, or widen the interval: its error is lost in rounding"
    )]
    NoConvergence {
        /// Degree asked for.
        degree: usize,
        /// Lower end of the first interval.
        lo: f64,
        /// Upper end of the last.
        hi: f64,
    },
    /// The precision is beyond what these members, or f64 coefficients, reach.
    #[error("{what} reaches an error of {found:e}, expected {expected:e}\nhelp: {help}")]
    OutOfReach {
        /// What was approximated.
        what: &'static str,
        /// Error reached.
        found: f64,
        /// Error asked for.
        expected: f64,
        /// What to do.
        help: &'static str,
    },
}

/// A number strictly between two others.
pub(super) fn between(what: &'static str, found: f64, lo: f64, hi: f64) -> Result<f64> {
    if found > lo && found < hi {
        Ok(found)
    } else {
        Err(ApproxError::Parameter { what, found, lo, hi })
    }
}
