//! The automorphisms `X -> X^g` of a limb in NTT order: whole cache lines move.
//!
//! Notation: word `i` of a transformed limb is the value at `psi^e(i)`, `e(i) = 2 brv(i) + 1` with `brv` the reversal of `log2 N` bits.
//! So `X -> X^g` is `out[i] = in[j]` with `e(j) = g e(i) mod 2N`: no signs, no transform.
//!
//! Line theorem: the eight words `8 l + k` of a cache line have exponents `e(8 l) + brv3(k) 2N/8`. Multiplied by the odd `g` these are
//! `r + t 2N/8` with `r = g e(8 l) mod 2N/8` and `t = g brv3(k) + carry mod 8`: a single line again, permuted by one of eight patterns,
//! which depend on `g mod 8` and the carry alone. The table holds the line and the carry: four bytes for eight words.

use super::kernels::{Kernels, Lines};
use super::tally::{self, Work};

/// The table of `X -> X^g` in one ring.
#[derive(Clone, Debug)]
pub struct Automorphism {
    galois: u64,
    /// The pattern of a line is its carry.
    lines: Lines,
}

/// `5^rotation mod 2n`, the exponent of the automorphism that moves slot `s + rotation` to slot `s`.
pub fn galois_of_rotation(n: usize, rotation: i64) -> u64 {
    let (two_n, slots) = (2 * n as u64, (n / 2).max(1) as i64);
    let mut galois = 1u64;
    let mut base = 5 % two_n;
    let mut exponent = rotation.rem_euclid(slots);
    while exponent > 0 {
        if exponent & 1 == 1 {
            galois = galois * base % two_n;
        }
        base = base * base % two_n;
        exponent >>= 1;
    }
    galois
}

/// `2n - 1`, the exponent of complex conjugation.
pub fn galois_of_conjugation(n: usize) -> u64 {
    2 * n as u64 - 1
}

/// The inverse of `galois` modulo `2n`.
pub fn galois_inverse(n: usize, galois: u64) -> u64 {
    // Newton's iteration doubles the number of correct low bits, from three.
    let mut inverse = galois;
    for _ in 0..5 {
        inverse = inverse.wrapping_mul(2u64.wrapping_sub(galois.wrapping_mul(inverse)));
    }
    inverse & (2 * n as u64 - 1)
}

impl Automorphism {
    /// `X -> X^galois` in the ring of degree `n`.
    ///
    /// # Panics
    /// If `n` is not a power of two from 16 to `2^28`, or `galois` is even.
    pub fn new(n: usize, galois: u64) -> Self {
        assert!(
            n.is_power_of_two() && (16..=1 << 28).contains(&n),
            "a ring has a degree 2^4 to 2^28, not {n}"
        );
        assert!(
            galois & 1 == 1,
            "an automorphism has an odd exponent, not {galois}"
        );
        let two_n = 2 * n as u64;
        let galois = galois & (two_n - 1);
        let log_lines = n.trailing_zeros() - 3;
        let reverse = |x: u64, bits: u32| x.reverse_bits() >> (64 - bits);
        let step = two_n / 8;
        let line_of = |l: u64| {
            let image = (galois * (2 * reverse(l, log_lines) + 1)) & (two_n - 1);
            let line = reverse((image & (step - 1)) >> 1, log_lines);
            (line as u32, (image / step) as u32)
        };
        let pattern =
            |carry: u64| std::array::from_fn(|k| reverse((galois * reverse(k as u64, 3) + carry) & 7, 3));
        Self {
            galois,
            lines: Lines::new(
                (0..n as u32 / 8).map(|l| line_of(l.into())),
                std::array::from_fn(|carry| pattern(carry as u64)),
            ),
        }
    }

    /// The exponent, reduced modulo `2N`.
    pub fn galois(&self) -> u64 {
        self.galois
    }

    /// Ring degree.
    pub fn n(&self) -> usize {
        self.lines.n()
    }

    /// `out(X) = a(X^g)`, both in NTT order. The same for every prime.
    ///
    /// # Panics
    /// If a length differs from the ring degree.
    pub fn apply(&self, kernels: &Kernels, out: &mut [u64], a: &[u64]) {
        tally::add(Work::AutomorphismWord, self.n());
        kernels.permute_lines(out, a, &self.lines);
    }

    pub(super) fn lines(&self) -> &Lines {
        &self.lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::kernels;
    use crate::math::modulus::Modulus;
    use crate::math::ntt::NttTable;
    use crate::math::prime::ntt_primes;

    /// `a(X^g) mod X^N + 1`, coefficient by coefficient.
    fn by_definition(q: &Modulus, a: &[u64], galois: u64) -> Vec<u64> {
        let n = a.len() as u64;
        let mut out = vec![0; a.len()];
        for (k, &a) in a.iter().enumerate() {
            let exponent = k as u64 * galois % (2 * n);
            out[(exponent % n) as usize] = if exponent < n { a } else { q.neg(a) };
        }
        out
    }

    #[test]
    fn equals_the_definition_on_coefficients() {
        let degrees: &[usize] = if cfg!(miri) { &[16] } else { &[16, 32, 128, 1024] };
        for &n in degrees {
            let q = Modulus::new(ntt_primes(50, 2 * n as u64).next().unwrap());
            let table = NttTable::new(n, q).unwrap();
            let a = (0..n as u64)
                .map(|k| q.reduce(k * k * 0x9e37_79b9 + 7))
                .collect::<Vec<_>>();
            let mut transformed = a.clone();
            table.forward(&mut transformed);
            for galois in (1..2 * n as u64)
                .step_by(if n < 100 { 2 } else { 62 })
                .chain([2 * n as u64 - 1])
            {
                let mut expected = by_definition(&q, &a, galois);
                table.forward(&mut expected);
                for kernels in kernels::available() {
                    let mut out = vec![0; n];
                    Automorphism::new(n, galois).apply(&kernels, &mut out, &transformed);
                    assert_eq!(out, expected, "n {n}, exponent {galois}, path {}", kernels.path());
                }
            }
        }
    }

    #[test]
    fn exponents() {
        assert_eq!(galois_of_rotation(16, 0), 1);
        assert_eq!(galois_of_rotation(16, 2), 25);
        assert_eq!(galois_of_rotation(1 << 16, -1), galois_inverse(1 << 16, 5));
        for galois in (1..512).step_by(2) {
            assert_eq!(galois * galois_inverse(256, galois) % 512, 1);
        }
        assert_eq!(
            galois_inverse(64, galois_of_conjugation(64)),
            galois_of_conjugation(64)
        );
    }
}
