//! The streams that randomness comes from. Each use has a domain of its own, so that no two polynomials share their words.
//!
//! Public domains are part of the wire format: from them the receiver makes the uniform halves of ciphertexts and keys again. Indices:
//! of a ciphertext the prime, of a key `digit 2^16 + prime`, of an error the digit (0 where there is one polynomial only).

use crate::math::sample::{Seed, Stream};
use zeroize::Zeroize;

/// The secret key.
pub(super) const SECRET: u64 = 1;
/// Errors of a ciphertext; index 1 for the error of the second part under a public key.
pub(super) const CIPHERTEXT_ERROR: u64 = 2;
/// The uniform part of a ciphertext (public).
pub(super) const CIPHERTEXT_UNIFORM: u64 = 3;
/// The ternary polynomial of a public-key encryption.
pub(super) const EPHEMERAL: u64 = 4;
/// The uniform part of a public key (public).
pub(super) const PUBLIC_KEY_UNIFORM: u64 = 5;
/// The error of a public key.
pub(super) const PUBLIC_KEY_ERROR: u64 = 6;
/// The ephemeral sparse secret of bootstrapping.
pub(crate) const SPARSE_SECRET: u64 = 10;
/// The key from the secret to the sparse one, as the number of an automorphism: even, so that it is none.
pub(crate) const TO_SPARSE: u64 = 2;
/// The key back.
pub(crate) const TO_DENSE: u64 = 4;
/// The noise on numbers that are shown to others.
pub(super) const FLOOD: u64 = 11;
/// Seeds that are published, from a seed that is not.
const PUBLISHED_SEED: u64 = 7;

/// The uniform parts of a key-switching key (public).
pub(crate) fn key_uniform(galois: u64) -> u64 {
    galois << 8 | 8
}

/// The errors of a key-switching key.
pub(crate) fn key_error(galois: u64) -> u64 {
    galois << 8 | 9
}

/// A seed that may be published, derived one way from one that may not.
pub(crate) fn published_seed(secret: &Seed) -> Seed {
    let mut words = [0; 4];
    Stream::new(secret, PUBLISHED_SEED, 0).words(0, &mut words);
    let mut bytes = [0; 32];
    for (to, word) in bytes.chunks_exact_mut(8).zip(words) {
        to.copy_from_slice(&word.to_le_bytes());
    }
    words.zeroize();
    Seed::new(bytes)
}
