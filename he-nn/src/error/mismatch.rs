//! How a checkpoint differs from what a model needs.

use std::fmt;

/// One way in which a checkpoint differs from a model's manifest.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Mismatch {
    /// The model needs it, the file lacks it.
    Missing {
        /// Parameter.
        name: String,
        /// Shape the model states.
        expected: Vec<usize>,
    },
    /// The file has it, the model does not know it.
    Extra {
        /// Tensor.
        name: String,
        /// Its shape.
        found: Vec<usize>,
    },
    /// Both have it, in different shapes.
    Shape {
        /// Parameter.
        name: String,
        /// Shape in the file.
        found: Vec<usize>,
        /// Shape the model states.
        expected: Vec<usize>,
    },
    /// It is not stored as a floating-point type.
    Type {
        /// Parameter.
        name: String,
        /// Element type in the file.
        found: String,
    },
    /// It contains NaN or an infinity.
    NonFinite {
        /// Parameter.
        name: String,
        /// Flat index of the first such value.
        index: usize,
        /// The value.
        found: f64,
    },
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { name, expected } => write!(f, "missing `{name}`, expected {expected:?}"),
            Self::Extra { name, found } => write!(f, "extra `{name}`, found {found:?}"),
            Self::Shape {
                name,
                found,
                expected,
            } => {
                write!(f, "mis-shaped `{name}`, found {found:?}, expected {expected:?}")
            }
            Self::Type { name, found } => {
                write!(
                    f,
                    "unreadable `{name}`, found type {found}, expected f16, bf16, f32 or f64"
                )
            }
            Self::NonFinite { name, index, found } => {
                write!(
                    f,
                    "non-finite `{name}`, found {found} at index {index}, expected finite numbers"
                )
            }
        }
    }
}

/// All of them: how many, and a line each.
pub(super) struct List<'a>(pub(super) &'a [Mismatch]);

impl fmt::Display for List<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.0.len() == 1 {
            "mismatch"
        } else {
            "mismatches"
        };
        write!(f, "{} {plural}", self.0.len())?;
        self.0.iter().try_for_each(|m| write!(f, "\n  {m}"))
    }
}

/// What to do about some.
pub(super) fn help(mismatches: &[Mismatch]) -> &'static str {
    if mismatches.iter().all(|m| matches!(m, Mismatch::Extra { .. })) {
        "`.allow_extra()` on the checkpoint ignores tensors that the model does not name"
    } else {
        "`model.manifest()` lists the names and shapes that the model expects"
    }
}
