//! What a program needs to know about a modulus chain to give every value a level and a scale.
//!
//! Notation: level `l` = rescales left; `S_l` canonical scale of level `l`; `D_l` what rescaling from `l` to `l - 1`
//! divides by; `S_{l-1} = S_l^2 / D_l`. No ciphertext, no prime: a planner can build programs from this alone.

use serde::{Deserialize, Serialize};

use crate::params::Chain;
pub use crate::params::{SCALE_TOLERANCE, same_scale};

/// The scales of a chain.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChainView {
    /// `S_l`, level 0 first; the last entry is the level of a fresh ciphertext.
    pub scales: Vec<f64>,
    /// `D_l`, same indices; `dropped[0]` is not used (level 0 cannot be rescaled) and is 1.
    pub dropped: Vec<f64>,
}

impl From<&Chain> for ChainView {
    fn from(chain: &Chain) -> Self {
        let dropped = (0..=chain.top_level()).map(|l| if l == 0 { 1.0 } else { chain.divisor(l) });
        Self {
            scales: chain.scales().to_vec(),
            dropped: dropped.collect(),
        }
    }
}

impl ChainView {
    /// Highest level.
    pub fn top(&self) -> u32 {
        self.scales.len().saturating_sub(1) as u32
    }

    /// `S_level`, if the chain has that level.
    pub fn scale(&self, level: u32) -> Option<f64> {
        self.scales.get(level as usize).copied()
    }

    /// `D_level`, if `level` can be rescaled.
    pub fn dropped(&self, level: u32) -> Option<f64> {
        if level == 0 {
            None
        } else {
            self.dropped.get(level as usize).copied()
        }
    }

    /// The scale at which a factor of a ciphertext `(level, scale)` is encoded so that product and rescale land on `S_{level-1}`.
    pub fn factor_scale(&self, level: u32, scale: f64) -> Option<f64> {
        Some(self.scale(level.checked_sub(1)?)? * self.dropped(level)? / scale)
    }

    /// Whether `scale` is canonical at `level`.
    pub fn is_canonical(&self, level: u32, scale: f64) -> bool {
        self.scale(level).is_some_and(|s| same_scale(s, scale))
    }

    /// A chain of `levels` rescales with every `D_l` and the top scale equal to `2^log2_scale`: for tests and for planning by hand.
    pub fn uniform(levels: u32, log2_scale: f64) -> Self {
        let s = log2_scale.exp2();
        let count = levels as usize + 1;
        let mut dropped = vec![s; count];
        dropped[0] = 1.0;
        Self {
            scales: vec![s; count],
            dropped,
        }
    }
}
