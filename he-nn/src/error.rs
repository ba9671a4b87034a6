//! Everything that can go wrong at run time, in one typed enumeration.
//!
//! Each variant carries what was found and what was expected. Messages are lower case, without a full stop, and end in `help:`
//! wherever an action exists. Compile-time errors (shape, depth, security) never come here: rustc reports those.

mod mismatch;

use std::path::{Path, PathBuf};

pub use mismatch::Mismatch;
use mismatch::{List, help};

/// What is printed in two digits of this times a number is above it.
const ROUNDED_UP: f64 = 1.06;

/// Result with the error of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A run-time error.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A tensor has another shape than the model states.
    #[error("{what} has shape {found:?}, expected {expected:?}")]
    Shape {
        /// Which tensor.
        what: String,
        /// Shape found.
        found: Vec<usize>,
        /// Shape the model states.
        expected: Vec<usize>,
    },
    /// A flat slice holds no whole number of samples, or too many.
    #[error(
        "{what} holds {found} values, expected {expected} a sample\nhelp: pass one sample, or several one after the other, row-major"
    )]
    Length {
        /// Which slice.
        what: String,
        /// Number of values found.
        found: usize,
        /// Number of values of one sample.
        expected: usize,
    },
    /// A value is NaN or infinite.
    #[error("{what} is {found} at index {index}, expected a finite number\nhelp: {help}")]
    NonFinite {
        /// Which tensor or layer.
        what: String,
        /// Flat index of the first such value.
        index: usize,
        /// The value.
        found: f64,
        /// What to do.
        help: &'static str,
    },
    /// A value leaves the interval on which an activation is approximated, or the range of an input.
    #[error(
        "value {found} entering {layer} leaves its range, expected |value| <= {expected}\nhelp: calibrate on more samples, or state a wider `.range(..)` (`range = ..` in the model's attribute for its inputs)"
    )]
    OutOfRange {
        /// The activation or input.
        layer: String,
        /// The value.
        found: f64,
        /// Largest absolute value allowed.
        expected: f64,
    },
    /// A value leaves the interval on which an inverse is approximated.
    #[error(
        "value {found} entering {layer} leaves its interval, expected {lo} <= value <= {hi}\nhelp: state a wider `Positive::between(..)`, or add a constant to a value that may vanish"
    )]
    OutsideInterval {
        /// The inverse.
        layer: String,
        /// The value.
        found: f64,
        /// Smallest value allowed.
        lo: f64,
        /// Largest value allowed.
        hi: f64,
    },
    /// An activation has neither a stated nor a calibrated range.
    #[error(
        "{layer} has no range, expected a stated or calibrated one\nhelp: write `.range(..)`, or pass `model.calibrate(..)?` to the goal"
    )]
    MissingRange {
        /// The activation.
        layer: String,
    },
    /// Something made for one model met another.
    #[error(
        "{what} belong to model {found}, expected {expected}\nhelp: calibrate this model, or load its own file"
    )]
    ModelMismatch {
        /// What was presented.
        what: String,
        /// The model it was made for.
        found: String,
        /// The model at hand.
        expected: String,
    },
    /// An input that the model does not have, or that is missing or given twice.
    #[error("input {found} does not fit, expected each of {expected:?} once")]
    UnknownInput {
        /// The name given, or what is wrong with it.
        found: String,
        /// The model's inputs.
        expected: Vec<String>,
    },
    /// Something made for one plan met another.
    #[error(
        "{what} belongs to plan {found}, expected plan {expected}\nhelp: use the client specification of the plan that the server runs"
    )]
    PlanMismatch {
        /// What was presented.
        what: String,
        /// Its plan hash.
        found: String,
        /// The plan hash in force.
        expected: String,
    },
    /// A ciphertext or evaluation key belongs to another secret key.
    #[error(
        "{what} belongs to key {found}, expected key {expected}\nhelp: send the evaluation keys of the client that encrypted the request"
    )]
    KeyMismatch {
        /// What was presented.
        what: String,
        /// Its key id.
        found: String,
        /// The key id in force.
        expected: String,
    },
    /// Bytes of another format version.
    #[error(
        "{what} is in format version {found}, expected {expected}\nhelp: write it anew with this version of the library"
    )]
    Version {
        /// What was read.
        what: String,
        /// Version found.
        found: u32,
        /// Version understood.
        expected: u32,
    },
    /// Bytes end too early.
    #[error(
        "{what} ends after {found} bytes, expected {expected}\nhelp: the file or message was cut short; copy it again"
    )]
    Truncated {
        /// What was read.
        what: String,
        /// Bytes found.
        found: u64,
        /// Bytes expected, at least.
        expected: u64,
    },
    /// Bytes that cannot be what they claim to be.
    #[error("{what} is corrupted: found {found}, expected {expected}")]
    Corrupted {
        /// What was read.
        what: String,
        /// What was found.
        found: String,
        /// What was expected.
        expected: String,
    },
    /// The checkpoint does not fit the model; lists every mismatch.
    #[error("checkpoint does not fit model `{model}`: {}\nhelp: {}", List(.mismatches), help(.mismatches))]
    Checkpoint {
        /// The model.
        model: String,
        /// Every mismatch, by parameter name.
        mismatches: Vec<Mismatch>,
    },
    /// No plan keeps within a limit, or the library has no encrypted form of a step yet.
    #[error("{what}: found {found}, expected {expected}\nhelp: {help}")]
    Infeasible {
        /// The layer and the limit.
        what: String,
        /// What it would take.
        found: String,
        /// What is allowed.
        expected: String,
        /// What to change.
        help: String,
    },
    /// No plan keeps the goal's limit on memory or keys.
    #[cfg(feature = "server")]
    #[error(transparent)]
    OverLimit(OverLimit),
    /// Values can grow too large for the plan's parameters, so that they would wrap around.
    #[error(
        "values of {layer} reach {found:.3e}, expected at most {expected:.3e}\nhelp: calibrate the ranges with this checkpoint and plan again"
    )]
    Overflow {
        /// The layer.
        layer: String,
        /// Bound on the absolute value.
        found: f64,
        /// What the modulus holds at that point.
        expected: f64,
    },
    /// More security was asked for than the parameters of bootstrapping have.
    #[error(
        "refreshing in `{model}`: {found} bits of security, expected 128: the sets for bootstrapping, and their sparse secret, have no more\nhelp: ask for 128 bits (`Goal::security`), or make the network shallow enough for a plan without refreshes"
    )]
    BootstrapSecurity {
        /// The model.
        model: String,
        /// Bits asked for.
        found: u32,
    },
    /// With parameters that planning does not change, the bound on the error is above the goal's.
    #[error(
        "the bound on the error of `{model}` is {found:.1e}, expected at most {expected:.1e}\nhelp: plan for errors of {:.1e} (`Goal::error`), calibrate tighter ranges, or {}",
        ROUNDED_UP * .found,
        if *.refreshes { "refresh with parameters of more precision (`Goal::bootstrap`)" } else { "pin parameters with a larger scale" }
    )]
    ErrorGoal {
        /// The model.
        model: String,
        /// The bound.
        found: f64,
        /// The goal's.
        expected: f64,
        /// Whether the parameters are those of bootstrapping, and not pinned ones.
        refreshes: bool,
    },
    /// Only ranges keep a value where the plan needs it, and a bound was asked for that believes none.
    #[error(
        "values entering {layer} may reach {found:.3e} for some inputs, expected at most {expected:.3e}: only ranges keep them there\nhelp: `Plan::worst_error_within_ranges` bounds the error if you vouch for the ranges of the goal; without them, state a smaller `range = ..` of the inputs"
    )]
    Unvouched {
        /// The refreshed value or the polynomial.
        layer: String,
        /// Bound on the absolute value that follows from the inputs' ranges.
        found: f64,
        /// Largest absolute value that is computed with rightly.
        expected: f64,
    },
    /// Hiding a computation's error from others takes more noise than is tolerated.
    #[error(
        "hiding errors of {error:.3e} takes noise of deviation {found:.3e}, expected at most {expected:.3e}\nhelp: plan for errors of at most {needed:.1e} (`Goal::error`; where the plan refreshes, by parameters of more precision: `Goal::bootstrap`), share fewer results, or tolerate more"
    )]
    SharedPrecision {
        /// Deviation of the noise.
        found: f64,
        /// Deviation tolerated.
        expected: f64,
        /// Bound on the computation's error.
        error: f64,
        /// The bound that would do.
        needed: f64,
    },
    /// As many results of this secret key were shared as its noise was chosen for.
    #[error("all {expected} results of this key that may be shared were shared\nhelp: make a new key")]
    SharedTooOften {
        /// How many may be.
        expected: u64,
    },
    /// Results of one secret key were to be shared under two policies.
    #[error(
        "shared under {found}, expected {expected}\nhelp: a key has one policy; make a new key for another"
    )]
    SharedOtherwise {
        /// The policy asked for.
        found: String,
        /// The policy of the first shared result.
        expected: String,
    },
    /// The callback ended a run.
    #[error("cancelled in layer `{layer}`, after {found} operations, expected {expected}")]
    Cancelled {
        /// Where.
        layer: String,
        /// Operations done.
        found: usize,
        /// Operations of the program.
        expected: usize,
    },
    /// The weights do not encode.
    #[cfg(feature = "server")]
    #[error(transparent)]
    Encode(he_core::program::store::StoreError),
    /// An approximation that does not exist or was not found.
    #[cfg(feature = "server")]
    #[error(transparent)]
    Approx(#[from] crate::approx::ApproxError),
    /// No bound on the error follows from the weights.
    #[cfg(feature = "server")]
    #[error(transparent)]
    Bound(he_core::program::error::BoundError),
    /// An operation failed on ciphertexts.
    #[cfg(feature = "server")]
    #[error(transparent)]
    Run(he_core::program::run::RunError),
    /// The encryption layer refused.
    #[error(transparent)]
    Engine(he_core::error::Error),
    /// A file could not be read or written.
    #[error("cannot access {}: {source}", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The operating system's answer.
        source: std::io::Error,
    },
}

/// No plan keeps a limit: what the one takes that comes closest, of all that were searched. A goal with that limit is planned.
#[cfg(feature = "server")]
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "no plan for `{model}` keeps its limit on {limit}: found {} bytes at the least ({least}; {} bytes of keys travel), expected at most {allowed}\nhelp: most are {}, and {}; or allow {} bytes",
    .least.of(*.limit), .least.sent_keys, .least.dominant(*.limit).0, .least.dominant(*.limit).1, .least.of(*.limit)
)]
pub struct OverLimit {
    /// The model.
    pub model: String,
    /// What is limited. Where no plan keeps either limit, memory, by itself.
    pub limit: crate::plan::Limit,
    /// What the plan takes that takes the least of it.
    pub least: crate::plan::Footprint,
    /// The goal's limit, in bytes.
    pub allowed: u64,
}

impl Error {
    /// What went wrong with a file.
    pub(crate) fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Error::Io { path, source }
    }
}

impl From<he_core::error::Error> for Error {
    fn from(error: he_core::error::Error) -> Self {
        use he_core::error::Error as Engine;
        match error {
            Engine::Truncated {
                what,
                found,
                expected,
            } => Error::Truncated {
                what: what.into(),
                found: found as u64,
                expected: expected as u64,
            },
            Engine::Corrupted { what, reason } => Error::Corrupted {
                what: what.into(),
                found: reason.into(),
                expected: "what this version of the library writes".into(),
            },
            other => Error::Engine(other),
        }
    }
}

#[cfg(feature = "server")]
impl From<he_core::program::store::StoreError> for Error {
    fn from(error: he_core::program::store::StoreError) -> Self {
        Error::Encode(error)
    }
}

#[cfg(feature = "server")]
impl From<he_core::program::error::BoundError> for Error {
    fn from(error: he_core::program::error::BoundError) -> Self {
        Error::Bound(error)
    }
}

#[cfg(feature = "server")]
impl From<he_core::program::run::RunError> for Error {
    fn from(error: he_core::program::run::RunError) -> Self {
        match error {
            he_core::program::run::RunError::Cancelled { layer, done, total } => Error::Cancelled {
                layer,
                found: done,
                expected: total,
            },
            other => Error::Run(other),
        }
    }
}
