//! The root of unity behind a transform.
//!
//! Starting from -1, square roots are taken until the order is `2N`, each by the algorithm of Tonelli and Shanks (D. Shanks, "Five
//! number-theoretic algorithms", 1973) with the least quadratic non-residue. That fixes one of the `N` candidates: part of the wire
//! format.

use crate::math::modulus::Modulus;

/// A primitive root of 1 of order `2n`, a power of two; `None` if `q` is not 1 modulo `2n`. Needs `q` prime.
pub(super) fn primitive_root(q: &Modulus, n: usize) -> Option<u64> {
    let minus_one = q.value() - 1;
    if !minus_one.is_multiple_of(2 * n as u64) {
        return None;
    }
    let non_residue = (2..q.value()).find(|&z| q.pow(z, minus_one / 2) == minus_one)?;
    let twos = minus_one.trailing_zeros();
    let generator = q.pow(non_residue, minus_one >> twos);
    (0..n.trailing_zeros()).try_fold(minus_one, |root, _| square_root(q, root, generator, twos))
}

/// A square root of `a`, whose order is a power of two below `2^twos`, the order of `generator`; `None` if there is none.
fn square_root(q: &Modulus, a: u64, generator: u64, twos: u32) -> Option<u64> {
    let odd = (q.value() - 1) >> twos;
    // Kept true: root^2 = a rest, and the order of rest divides 2^(order - 1), that of `step` is 2^order.
    let mut root = q.pow(a, odd.div_ceil(2));
    let mut rest = q.pow(a, odd);
    let (mut step, mut order) = (generator, twos);
    while rest != 1 {
        let mut log_order = 0;
        let mut power = rest;
        while power != 1 {
            power = q.mul(power, power);
            log_order += 1;
        }
        if log_order >= order {
            return None;
        }
        let factor = q.pow(step, 1 << (order - log_order - 1));
        step = q.mul(factor, factor);
        order = log_order;
        rest = q.mul(rest, step);
        root = q.mul(root, factor);
    }
    Some(root)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::prime::ntt_primes;

    #[test]
    fn orders_are_exact() {
        for bits in [30, 41, 50] {
            for n in [16usize, 256, 1 << 12] {
                let q = Modulus::new(ntt_primes(bits, 2 * n as u64).next().unwrap());
                let root = primitive_root(&q, n).unwrap();
                assert_eq!(q.pow(root, n as u64), q.value() - 1);
                assert_eq!(primitive_root(&q, 1 << 45), None);
            }
        }
    }
}
