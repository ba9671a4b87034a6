//! What leaves the owner of a secret key, as an attacker sees it: samples of learning with errors, by modulus and secret.
//!
//! A security card lists these; keys and ciphertexts are held against the same limits before they are published.

use super::{Chain, Security};

/// Distribution of a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Secret {
    /// Every coefficient uniform on -1, 0, 1.
    Ternary,
    /// Ternary with exactly this many coefficients that are not zero.
    Sparse {
        /// Their number.
        weight: usize,
    },
}

/// Weight of the ephemeral secret of bootstrapping: the only sparse one there is.
pub const SPARSE_WEIGHT: usize = 32;
/// log2 of the modulus up to which it is taken to have 128 bits of security: no table covers it, estimates of hybrid attacks do
/// (docs/security/card.json).
const SPARSE_CAP_BITS: u32 = 101;
/// Smallest ring degree, as a logarithm, for which that holds.
const SPARSE_LOG_N_MIN: u32 = 15;

impl Secret {
    /// Largest log2 of a modulus that samples under this secret may have; zero where they may not be published at all.
    pub const fn cap_bits(self, log_n: u32, security: Security) -> u32 {
        match (self, security) {
            (Secret::Ternary, _) => security.cap_bits(log_n),
            (
                Secret::Sparse {
                    weight: SPARSE_WEIGHT,
                },
                Security::Bits128,
            ) if log_n >= SPARSE_LOG_N_MIN => SPARSE_CAP_BITS,
            (Secret::Sparse { .. }, _) => 0,
        }
    }
}

/// One family of samples.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Published {
    /// What they are.
    pub family: &'static str,
    /// log2 of the largest modulus they are published with.
    pub log2_modulus: f64,
    /// The secret they are made with.
    pub secret: Secret,
}

impl Chain {
    /// What users of this chain publish, bootstrapping aside.
    pub fn published(&self) -> Vec<Published> {
        let ternary = |family, log2_modulus| Published {
            family,
            log2_modulus,
            secret: Secret::Ternary,
        };
        vec![
            ternary("ciphertexts", self.log_q(self.top_level())),
            ternary("public key", self.log_qp()),
            ternary("relinearisation, rotation and conjugation keys", self.log_qp()),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sparse_secrets_are_allowed_where_estimates_cover_them_only() {
        let sparse = |weight| Secret::Sparse { weight };
        assert_eq!(sparse(32).cap_bits(15, Security::Bits128), 101);
        assert_eq!(sparse(32).cap_bits(14, Security::Bits128), 0);
        assert_eq!(sparse(32).cap_bits(16, Security::Bits192), 0);
        assert_eq!(sparse(24).cap_bits(16, Security::Bits128), 0);
        assert_eq!(Secret::Ternary.cap_bits(13, Security::Bits192), 147);
    }
}
