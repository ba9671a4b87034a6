//! The tables of one parameter set: one ring degree, one list of primes.
//!
//! A prime is named by its position in the list (ciphertext primes first, then special primes), a `u16`.

use super::kernels::{self, Kernels};
use super::modulus::{MODULUS_LIMIT, Modulus};
use super::ntt::NttTable;
use super::prime::is_prime;

/// Why tables cannot be built.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RingError {
    /// The ring degree is no power of two, too small or too large.
    #[error("ring degree {found}, expected a power of two from 16 to 2^20")]
    Degree {
        /// The degree asked for.
        found: usize,
    },
    /// The modulus is composite, too large, or has no `2N`-th roots of 1.
    #[error(
        "modulus {found}, expected a prime below 2^50 that is 1 modulo {two_n}\nhelp: take primes from math::prime::ntt_primes"
    )]
    Prime {
        /// The modulus asked for.
        found: u64,
        /// Twice the ring degree.
        two_n: u64,
    },
    /// The same prime twice.
    #[error("modulus {found} stands twice in the list, expected distinct primes")]
    Repeated {
        /// The modulus.
        found: u64,
    },
}

/// Tables for every prime of a parameter set.
#[derive(Debug)]
pub struct Ring {
    n: usize,
    moduli: Vec<Modulus>,
    tables: Vec<NttTable>,
    kernels: Kernels,
}

impl Ring {
    /// Tables for degree `n` and the primes given, on the active path.
    pub fn new(n: usize, primes: &[u64]) -> Result<Self, RingError> {
        Self::with_kernels(n, primes, kernels::active())
    }

    /// Tables for degree `n` and the primes given, on the path of `kernels`.
    pub fn with_kernels(n: usize, primes: &[u64], kernels: Kernels) -> Result<Self, RingError> {
        let two_n = 2 * n as u64;
        let mut moduli = Vec::with_capacity(primes.len());
        let mut tables = Vec::with_capacity(primes.len());
        for (i, &found) in primes.iter().enumerate() {
            if found >= MODULUS_LIMIT || !is_prime(found) || found < 3 {
                return Err(RingError::Prime { found, two_n });
            }
            if primes[..i].contains(&found) {
                return Err(RingError::Repeated { found });
            }
            let modulus = Modulus::new(found);
            moduli.push(modulus);
            tables.push(NttTable::with_path(n, modulus, kernels.path())?);
        }
        Ok(Self {
            n,
            moduli,
            tables,
            kernels,
        })
    }

    /// Ring degree.
    pub fn n(&self) -> usize {
        self.n
    }

    /// All primes, in order.
    pub fn moduli(&self) -> &[Modulus] {
        &self.moduli
    }

    /// Prime `index`.
    pub fn modulus(&self, index: u16) -> &Modulus {
        &self.moduli[index as usize]
    }

    /// The transform modulo prime `index`.
    pub fn ntt(&self, index: u16) -> &NttTable {
        &self.tables[index as usize]
    }

    /// The kernels to use.
    pub fn kernels(&self) -> &Kernels {
        &self.kernels
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_is_no_list_of_distinct_ntt_primes() {
        let good = 1111361812955137;
        assert_eq!(
            Ring::new(64, &[good, 1068236801]).map(|ring| ring.moduli().len()),
            Ok(2)
        );
        let refusal = |primes: &[u64]| Ring::new(64, primes).map(|_| ()).unwrap_err();
        assert_eq!(refusal(&[good, good]), RingError::Repeated { found: good });
        assert_eq!(
            refusal(&[1 << 50]),
            RingError::Prime {
                found: 1 << 50,
                two_n: 128
            }
        );
        assert_eq!(refusal(&[0]), RingError::Prime { found: 0, two_n: 128 });
        assert_eq!(
            refusal(&[127]),
            RingError::Prime {
                found: 127,
                two_n: 128
            }
        );
    }
}
