//! The transform of short polynomials: those in X^g, which repeated plaintexts are.
//!
//! Notation: psi the 2N-th root of the ring's transform modulo a prime. A polynomial in Y = X^g of m = N/g coefficients has in
//! bit-reversed order runs of g equal words, one for each value at (psi^g)^(2 brv(i) + 1), i < m. Its butterflies turn by
//! (psi^g)^brv_m(k) = psi^brv_N(k): the same table for every g, of which a short polynomial uses the beginning.
//!
//! Source: Longa and Naehrig, CANS 2016, algorithm 1.

use crate::math::modulus::{Modulus, Shoup};
use crate::math::ring::Ring;

/// Longest polynomial that is transformed here; longer ones take the ring's transform.
const LENGTH_MAX: usize = 1024;

/// psi^brv(k) modulo one prime.
pub(crate) struct Subring {
    turns: Vec<Shoup>,
}

impl Subring {
    pub(crate) fn new(ring: &Ring, prime: u16) -> Self {
        let (n, q) = (ring.n(), ring.modulus(prime));
        let mut limb = vec![0; n];
        limb[1] = 1;
        ring.ntt(prime).forward(&mut limb);
        let psi = limb[0];
        let length = LENGTH_MAX.min(n / 2);
        let mut turns = vec![q.shoup(1)];
        // brv(k + 2^b) = brv(k) + N / 2^(b + 1) for k < 2^b.
        while turns.len() < length {
            let step = q.pow(psi, (n / (2 * turns.len())) as u64);
            let next: Vec<Shoup> = turns.iter().map(|turn| q.shoup(q.mul(turn.w, step))).collect();
            turns.extend(next);
        }
        Self { turns }
    }

    /// Whether polynomials of this length are transformed here.
    pub(crate) fn reaches(&self, length: usize) -> bool {
        length <= self.turns.len()
    }

    /// Coefficients to values in bit-reversed order, in place.
    pub(crate) fn forward(&self, q: &Modulus, a: &mut [u64]) {
        let mut half = a.len() / 2;
        let mut blocks = 1;
        while half > 0 {
            for (block, turn) in a.chunks_exact_mut(2 * half).zip(&self.turns[blocks..]) {
                let (low, high) = block.split_at_mut(half);
                for (u, v) in low.iter_mut().zip(high) {
                    let turned = q.mul_shoup(*v, *turn);
                    (*u, *v) = (q.add(*u, turned), q.sub(*u, turned));
                }
            }
            half /= 2;
            blocks *= 2;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::prime::ntt_primes;

    #[test]
    fn agrees_with_the_transform_of_the_ring() {
        let n = 256;
        let ring = Ring::new(n, &ntt_primes(45, 2 * n as u64).take(1).collect::<Vec<_>>()).unwrap();
        let (q, subring) = (ring.modulus(0), Subring::new(&ring, 0));
        for length in [2, 4, 16, 128] {
            let mut short: Vec<u64> = (0..length as u64)
                .map(|k| q.reduce((k * k).wrapping_mul(0x9e37_79b9_7f4a_7c15)))
                .collect();
            let run = n / length;
            let mut limb = vec![0; n];
            limb.iter_mut()
                .step_by(run)
                .zip(&short)
                .for_each(|(to, from)| *to = *from);
            ring.ntt(0).forward(&mut limb);
            assert!(subring.reaches(length));
            subring.forward(q, &mut short);
            assert!(
                limb.chunks(run)
                    .zip(&short)
                    .all(|(run, word)| run.iter().all(|x| x == word)),
                "length {length}"
            );
        }
        assert!(!subring.reaches(n));
    }
}
