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
}
