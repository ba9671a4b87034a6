//! The portable path: what the other paths must agree with, and what runs where they do not apply.

use super::{Run, WeightedSums};
use crate::math::modulus::Modulus;

/// `out = f(a, b)`.
pub(super) fn zip(out: &mut [u64], a: &[u64], b: &[u64], f: impl Fn(u64, u64) -> u64) {
    for ((out, &a), &b) in out.iter_mut().zip(a).zip(b) {
        *out = f(a, b);
    }
}

/// `out = f(out, b)`.
pub(super) fn update(out: &mut [u64], b: &[u64], f: impl Fn(u64, u64) -> u64) {
    for (out, &b) in out.iter_mut().zip(b) {
        *out = f(*out, b);
    }
}

/// `out = f(out)`.
pub(super) fn each(out: &mut [u64], f: impl Fn(u64) -> u64) {
    for out in out {
        *out = f(*out);
    }
}

/// `out = f(x)` from another type.
pub(super) fn lift<T: Copy>(out: &mut [u64], x: &[T], f: impl Fn(T) -> u64) {
    for (out, &x) in out.iter_mut().zip(x) {
        *out = f(x);
    }
}

/// Words summed side by side: term by term over a short stretch keeps the sums in registers or at least in the nearest cache.
const STRETCH: usize = 32;

pub(super) fn inner_product(q: &Modulus, out: &mut [u64], terms: &[(&[u64], &[u64])]) {
    for (s, out) in out.chunks_mut(STRETCH).enumerate() {
        let at = s * STRETCH..s * STRETCH + out.len();
        let mut sums = [0u128; STRETCH];
        for (a, b) in terms {
            for ((sum, &a), &b) in sums.iter_mut().zip(&a[at.clone()]).zip(&b[at.clone()]) {
                *sum += a as u128 * b as u128;
            }
        }
        update_sums(q, out, &sums);
    }
}

pub(super) fn inner_product_pair(
    q: &Modulus,
    out0: &mut [u64],
    out1: &mut [u64],
    terms: &[(&[u64], &[u64], &[u64])],
) {
    for (s, (out0, out1)) in out0.chunks_mut(STRETCH).zip(out1.chunks_mut(STRETCH)).enumerate() {
        let at = s * STRETCH..s * STRETCH + out0.len();
        let (mut sums0, mut sums1) = ([0u128; STRETCH], [0u128; STRETCH]);
        for (x, a, b) in terms {
            let words = x[at.clone()].iter().zip(&a[at.clone()]).zip(&b[at.clone()]);
            for ((((&x, &a), &b), sum0), sum1) in words.zip(&mut sums0).zip(&mut sums1) {
                *sum0 += x as u128 * a as u128;
                *sum1 += x as u128 * b as u128;
            }
        }
        update_sums(q, out0, &sums0);
        update_sums(q, out1, &sums1);
    }
}

pub(super) fn inner_product_runs(q: &Modulus, out: &mut [u64], terms: &[(&[u64], Run<'_>)]) {
    for (s, out) in out.chunks_mut(STRETCH).enumerate() {
        let start = s * STRETCH;
        let mut sums = [0u128; STRETCH];
        for (a, b) in terms {
            let shift = b.run.trailing_zeros();
            for (k, (sum, &a)) in sums.iter_mut().zip(&a[start..start + out.len()]).enumerate() {
                *sum += a as u128 * b.words[(start + k) >> shift] as u128;
            }
        }
        update_sums(q, out, &sums);
    }
}

fn update_sums(q: &Modulus, out: &mut [u64], sums: &[u128; STRETCH]) {
    for (out, &sum) in out.iter_mut().zip(sums) {
        *out = q.reduce_u128(sum + *out as u128);
    }
}

pub(super) fn permute_lines(out: &mut [u64], a: &[u64], lines: &[u32], patterns: &[[u64; 8]; 8]) {
    for (out, &entry) in out.chunks_exact_mut(8).zip(lines) {
        let line = &a[(entry >> 3) as usize * 8..][..8];
        let pattern = &patterns[(entry & 7) as usize];
        for (out, &k) in out.iter_mut().zip(pattern) {
            *out = line[k as usize];
        }
    }
}

/// Adding `2^52` rounds a double below `2^51` to an integer (to even) and leaves that integer in its lower bits.
pub(super) const ROUNDER: f64 = (1u64 << 52) as f64;

pub(super) fn rounded_sum(out: &mut [u64], rows: &[u64], block: usize, inverses: &[f64]) {
    for (k, out) in out.iter_mut().enumerate() {
        // Products and sums are rounded separately, in the order of the rows: every path does the same.
        let mut sum = 0.0;
        for (i, inverse) in inverses.iter().enumerate() {
            sum += rows[i * block + k] as f64 * inverse;
        }
        *out = (sum + ROUNDER).to_bits() & ((1 << 52) - 1);
    }
}

pub(super) fn weighted_sums(dst: &mut [&mut [u64]], at: usize, sums: &WeightedSums<'_>) {
    let count = sums.weights.len() / sums.moduli.len();
    for ((dst, q), weights) in dst
        .iter_mut()
        .zip(sums.moduli)
        .zip(sums.weights.chunks_exact(count))
    {
        for (k, out) in dst[at..at + sums.len].iter_mut().enumerate() {
            let products = weights
                .iter()
                .enumerate()
                .map(|(i, &w)| sums.rows[i * sums.block + k] as u128 * w as u128);
            *out = q.reduce_u128(products.sum());
        }
    }
}
