//! The number-theoretic transform of one limb: negacyclic, in place, coefficients in order to values in bit-reversed order.
//!
//! Notation: `psi` a primitive `2N`-th root of 1 modulo `q`. Word `i` of a transformed limb is the value of the polynomial at
//! `psi^(2 brv(i) + 1)`. Which `psi` is meant is part of the wire format, since uniform polynomials are sampled transformed; `root.rs`
//! defines it and the tests pin it.
//!
//! Two implementations give the same words: `ifma.rs`, where its instructions exist, and the `tfhe-ntt` crate, which is the reference
//! and serves everywhere else. This is the only file that names that crate. Moduli stay below `2^50`; between `2^50.4` and `2^51`
//! version 0.7.1 of it gives wrong products for some primes.

#[cfg(target_arch = "x86_64")]
mod ifma;
#[cfg(any(target_arch = "x86_64", test))]
mod root;

use super::cpu::{self, Path};
use super::kernels;
use super::modulus::Modulus;
use super::ring::RingError;
use super::tally::{self, Work};
use concrete_ntt::prime64::Plan;

/// The tables of the transform for one ring degree and one prime.
pub struct NttTable {
    n: usize,
    modulus: Modulus,
    tables: Tables,
}

enum Tables {
    Reference(Plan),
    #[cfg(target_arch = "x86_64")]
    Ifma(ifma::Tables),
}

impl std::fmt::Debug for NttTable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NttTable")
            .field("n", &self.n)
            .field("q", &self.modulus.value())
            .finish()
    }
}

impl NttTable {
    /// Tables for the ring of degree `n` modulo `modulus`, on the active path.
    pub fn new(n: usize, modulus: Modulus) -> Result<Self, RingError> {
        Self::with_path(n, modulus, cpu::active())
    }

    /// Tables for the path given. The reference chooses its instructions itself, so below AVX-512 the path only keeps ours from being
    /// used.
    pub fn with_path(n: usize, modulus: Modulus, path: Path) -> Result<Self, RingError> {
        if !n.is_power_of_two() || !(16..=1 << 20).contains(&n) {
            return Err(RingError::Degree { found: n });
        }
        let refusal = RingError::Prime {
            found: modulus.value(),
            two_n: 2 * n as u64,
        };
        match path {
            #[cfg(target_arch = "x86_64")]
            Path::Avx512 if super::prime::is_prime(modulus.value()) => {
                let psi = root::primitive_root(&modulus, n).ok_or_else(|| refusal.clone())?;
                if let Some(tables) = ifma::Tables::new(n, modulus, psi) {
                    return Ok(Self {
                        n,
                        modulus,
                        tables: Tables::Ifma(tables),
                    });
                }
            }
            _ => {}
        }
        let plan = Plan::try_new(n, modulus.value()).ok_or(refusal)?;
        Ok(Self {
            n,
            modulus,
            tables: Tables::Reference(plan),
        })
    }

    /// Ring degree.
    pub fn n(&self) -> usize {
        self.n
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
        tally::add(Work::Ntt, 1);
        match &self.tables {
            Tables::Reference(plan) => plan.fwd(limb),
            #[cfg(target_arch = "x86_64")]
            Tables::Ifma(tables) => tables.forward(limb),
        }
    }

    /// Values to coefficients: the exact inverse of [`Self::forward`].
    ///
    /// # Panics
    /// If the limb does not have the ring's length.
    pub fn inverse(&self, limb: &mut [u64]) {
        self.inverse_scaled(limb, 1);
    }

    /// Values to coefficients, each times `scale < q`: a constant that follows costs nothing here.
    ///
    /// # Panics
    /// If the limb does not have the ring's length.
    pub fn inverse_scaled(&self, limb: &mut [u64], scale: u64) {
        tally::add(Work::Ntt, 1);
        match &self.tables {
            Tables::Reference(plan) => self.reference_inverse(plan, limb, scale),
            #[cfg(target_arch = "x86_64")]
            Tables::Ifma(tables) => tables.inverse(limb, scale),
        }
    }

    /// [`Self::inverse_scaled`] of `values`, to `limb`.
    ///
    /// # Panics
    /// If a limb does not have the ring's length.
    pub fn inverse_scaled_to(&self, limb: &mut [u64], values: &[u64], scale: u64) {
        tally::add(Work::Ntt, 1);
        match &self.tables {
            Tables::Reference(plan) => {
                limb.copy_from_slice(values);
                self.reference_inverse(plan, limb, scale);
            }
            #[cfg(target_arch = "x86_64")]
            Tables::Ifma(tables) => tables.inverse_to(limb, values, scale),
        }
    }

    fn reference_inverse(&self, plan: &Plan, limb: &mut [u64], scale: u64) {
        plan.inv(limb);
        let factor = self
            .modulus
            .inv(self.n as u64)
            .map_or(0, |inverse| self.modulus.mul(inverse, scale));
        kernels::active().mul_scalar_assign(&self.modulus, limb, factor);
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
        let all = [(16usize, 50), (64, 30), (256, 41), (512, 50)];
        let rings = if cfg!(miri) { &all[..2] } else { &all };
        for &(n, bits) in rings {
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
    fn every_path_gives_the_words_of_the_reference() {
        let paths = cpu::paths_available();
        println!("paths: {paths:?}");
        let largest = if cfg!(miri) { 5 } else { 16 };
        for log_n in 4..=largest {
            let n = 1 << log_n;
            for bits in [50, 49, 48, 47, 46, 40, 31] {
                let q = Modulus::new(ntt_primes(bits, 2 * n as u64).next().unwrap());
                let plan = Plan::try_new(n, q.value()).unwrap();
                for a in [words(n, &q, log_n), vec![q.value() - 1; n]] {
                    let (mut forward, mut inverse) = (a.clone(), a.clone());
                    plan.fwd(&mut forward);
                    plan.inv(&mut inverse);
                    plan.normalize(&mut inverse);
                    for &path in &paths {
                        let table = NttTable::with_path(n, q, path).unwrap();
                        let mut b = a.clone();
                        table.forward(&mut b);
                        assert!(b == forward, "forward, path {path}, N 2^{log_n}, {bits} bits");
                        table.inverse(&mut b);
                        assert!(b == a, "round trip, path {path}, N 2^{log_n}, {bits} bits");
                        table.inverse(&mut b);
                        assert!(b == inverse, "inverse, path {path}, N 2^{log_n}, {bits} bits");
                        table.inverse_scaled_to(&mut b, &a, 12345);
                        let scaled = inverse.iter().map(|&x| q.mul(x, 12345)).collect::<Vec<_>>();
                        assert!(
                            b == scaled,
                            "scaled inverse, path {path}, N 2^{log_n}, {bits} bits"
                        );
                    }
                }
            }
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
