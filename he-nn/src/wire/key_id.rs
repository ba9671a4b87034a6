//! Which secret key something belongs to, and which plan.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// Names a secret key without depending on it: random, drawn with the key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct KeyId([u8; 16]);

impl KeyId {
    pub(crate) const fn new(bytes: [u8; 16]) -> Self {
        KeyId(bytes)
    }

    /// The bytes.
    #[must_use]
    pub const fn bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().take(8).try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({self})")
    }
}

/// Refuses what was made for another plan.
pub(crate) fn check_plan(what: &str, found: &[u8; 32], expected: &[u8; 32]) -> Result<()> {
    let short = |digest: &[u8; 32]| {
        digest
            .iter()
            .take(8)
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>()
    };
    if found == expected {
        return Ok(());
    }
    Err(Error::PlanMismatch {
        what: what.into(),
        found: short(found),
        expected: short(expected),
    })
}

/// Refuses what belongs to another secret key.
pub(crate) fn check_key(what: &str, found: KeyId, expected: KeyId) -> Result<()> {
    if found == expected {
        return Ok(());
    }
    Err(Error::KeyMismatch {
        what: what.into(),
        found: found.to_string(),
        expected: expected.to_string(),
    })
}
