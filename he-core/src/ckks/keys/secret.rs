//! The secret key.

use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::ckks::context::Context;
use crate::ckks::domain;
use crate::error::{Error, Result};
use crate::math::poly::{Ntt, Poly};
use crate::math::sample::{Seed, Stream};

/// A uniform ternary secret. It has no `Clone`, no `Debug` and no serialisation but [`to_bytes`](Self::to_bytes), and is overwritten
/// when dropped.
pub struct SecretKey {
    ternary: Vec<i8>,
    /// Transformed, on all primes of the chain.
    values: Poly<Ntt>,
}

impl SecretKey {
    /// A key from the operating system's randomness.
    pub fn generate(context: &Context) -> Result<Self> {
        let seed = Seed::from_os().map_err(|e| Error::Entropy(e.to_string()))?;
        Ok(Self::from_seed(context, &seed))
    }

    /// The key of a seed, which is then as secret as the key.
    pub fn from_seed(context: &Context, seed: &Seed) -> Self {
        let mut ternary = vec![0; context.degree()];
        Stream::new(seed, domain::SECRET, 0).ternary(&mut ternary);
        Self::from_ternary(context, ternary)
    }

    fn from_ternary(context: &Context, ternary: Vec<i8>) -> Self {
        let primes = context.primes(context.top_level(), true);
        let values = Poly::from_i8(context.ring(), &primes, &ternary).to_ntt(context.ring());
        Self { ternary, values }
    }

    /// The key itself, two bits a coefficient: for a file that only its owner can read.
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let byte = |four: &[i8]| four.iter().rev().fold(0u8, |byte, &c| byte << 2 | (c + 1) as u8);
        Zeroizing::new(self.ternary.chunks(4).map(byte).collect())
    }

    /// Reads [`to_bytes`](Self::to_bytes).
    pub fn from_bytes(context: &Context, bytes: &[u8]) -> Result<Self> {
        let expected = context.degree() / 4;
        if bytes.len() != expected {
            return Err(Error::Truncated {
                what: "secret key",
                found: bytes.len(),
                expected,
            });
        }
        let ternary: Vec<i8> = bytes
            .iter()
            .flat_map(|b| (0..4).map(move |i| (b >> (2 * i) & 3) as i8 - 1))
            .collect();
        // A fold looks at all coefficients: which one is wrong must not show in the time taken.
        if ternary.iter().fold(false, |wrong, &c| wrong | (c == 2)) {
            return Err(Error::Corrupted {
                what: "secret key",
                reason: "a coefficient is not ternary",
            });
        }
        Ok(Self::from_ternary(context, ternary))
    }

    /// Its transformed limb modulo a prime.
    pub(crate) fn limb(&self, prime: u16) -> &[u64] {
        self.values.limb(usize::from(prime))
    }
}

impl Drop for SecretKey {
    fn drop(&mut self) {
        self.ternary.zeroize();
        self.values.zeroize();
    }
}

impl ZeroizeOnDrop for SecretKey {}
