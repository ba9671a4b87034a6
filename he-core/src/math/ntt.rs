//! The number-theoretic transform of one limb: negacyclic, in place, coefficients in order to values in bit-reversed order.
//!
//! Notation: `psi` a primitive `2N`-th root of 1 modulo `q`. Word `i` of a transformed limb is the value of the polynomial at
//! `psi^(2 brv(i) + 1)`. Which `psi` is meant is part of the wire format, since uniform polynomials are sampled transformed: it is the
//! one the `tfhe-ntt` crate finds, and the tests pin it.
//!
//! This is the only file that names that crate: it is the reference, and the transform wherever ours does not apply. Moduli stay below
//! `2^50`; between `2^50.4` and `2^51` version 0.7.1 of the crate gives wrong products for some primes.

use super::modulus::Modulus;
use super::ring::RingError;
use concrete_ntt::prime64::Plan;

/// The tables of the transform for one ring degree and one prime.
pub struct NttTable {
    modulus: Modulus,
    plan: Plan,
}

impl std::fmt::Debug for NttTable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NttTable")
            .field("n", &self.n())
            .field("q", &self.modulus.value())
            .finish()
    }
}

impl NttTable {
    /// Tables for the ring of degree `n` modulo `modulus`.
    pub fn new(n: usize, modulus: Modulus) -> Result<Self, RingError> {
        if !n.is_power_of_two() || !(16..=1 << 20).contains(&n) {
            return Err(RingError::Degree { found: n });
        }
        let q = modulus.value();
        let plan = Plan::try_new(n, q).ok_or(RingError::Prime {
            found: q,
            two_n: 2 * n as u64,
        })?;
        Ok(Self { modulus, plan })
    }

    /// Ring degree.
    pub fn n(&self) -> usize {
        self.plan.ntt_size()
    }

    /// The prime.
    pub fn modulus(&self) -> &Modulus {
        &self.modulus
    }

    /// Coefficients to values.
    ///
    /// # Panics
    /// If the limb does not have the ring's length.
    pub fn forward(&self, limb: &mut [u64]) {
        self.plan.fwd(limb);
    }

    /// Values to coefficients: the exact inverse of [`Self::forward`].
    ///
    /// # Panics
    /// If the limb does not have the ring's length.
    pub fn inverse(&self, limb: &mut [u64]) {
        self.plan.inv(limb);
        self.plan.normalize(limb);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::prime::ntt_primes;

    fn words(n: usize, q: &Modulus, seed: u64) -> Vec<u64> {
        let mut state = seed;
        let mut next = || {
            state = state
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            q.reduce(state ^ state >> 29)
        };
        (0..n).map(|_| next()).collect()
    }

    #[test]
    fn values_stand_in_bit_reversed_order_at_the_pinned_root() {
        let n = 32;
        let table = NttTable::new(n, Modulus::new(1111361812955137)).unwrap();
        let q = table.modulus();
        let mut x = vec![0; n];
        x[1] = 1;
        table.forward(&mut x);
        let psi = x[0];
        assert_eq!(psi, 370031039226770);
        assert_eq!(q.pow(psi, n as u64), q.value() - 1);
        let a = words(n, q, 1);
        let mut values = a.clone();
        table.forward(&mut values);
        for (i, &value) in values.iter().enumerate() {
            let point = q.pow(psi, 2 * (i.reverse_bits() >> (64 - 5)) as u64 + 1);
            assert_eq!(
                value,
                a.iter().rev().fold(0, |sum, &a| q.add(q.mul(sum, point), a))
            );
        }
    }

    #[test]
    fn products_of_values_are_negacyclic_products() {
        for (n, bits) in [(16usize, 50), (64, 30), (256, 41), (512, 50)] {
            let table =
                NttTable::new(n, Modulus::new(ntt_primes(bits, 2 * n as u64).next().unwrap())).unwrap();
            let q = table.modulus();
            let (mut a, mut b) = (words(n, q, 2), words(n, q, 3));
            let mut expected = vec![0; n];
            for (i, &a) in a.iter().enumerate() {
                for (j, &b) in b.iter().enumerate() {
                    let product = q.mul(a, b);
                    let at = &mut expected[(i + j) % n];
                    *at = if i + j < n {
                        q.add(*at, product)
                    } else {
                        q.sub(*at, product)
                    };
                }
            }
            table.forward(&mut a);
            table.forward(&mut b);
            for (a, &b) in a.iter_mut().zip(&b) {
                *a = q.mul(*a, b);
            }
            table.inverse(&mut a);
            assert_eq!(a, expected, "n {n}, {bits} bits");
        }
    }

    #[test]
    fn refusals() {
        let q = Modulus::new(1111361812955137);
        assert!(matches!(
            NttTable::new(24, q),
            Err(RingError::Degree { found: 24 })
        ));
        assert!(matches!(NttTable::new(8, q), Err(RingError::Degree { found: 8 })));
        assert!(matches!(
            NttTable::new(16, Modulus::new(1111361812955135)),
            Err(RingError::Prime { .. })
        ));
        assert!(matches!(
            NttTable::new(1 << 19, q),
            Err(RingError::Prime { two_n: 1048576, .. })
        ));
    }
}
