//! The portable path: what the other paths must agree with, and what does the words that fill no vector (those `from` one on).
//!
//! Everything is inlined always: the AVX2 path is this code compiled with more instructions.

use super::{KeySum, Lines, Made, Op, Operands, PanelSums, RunSums, WeightedSums};
use crate::math::modulus::Modulus;
use crate::math::panel::BLOCK_WORDS;
use crate::math::panel::Panel;
use std::ops::Range;

/// `out = f(out, a, b)`.
#[inline(always)]
fn map(operands: Operands<'_>, f: impl Fn(u64, u64, u64) -> u64) {
    let Operands { out, a, b } = operands;
    match (a, b) {
        (Some(a), Some(b)) => out
            .iter_mut()
            .zip(a)
            .zip(b)
            .for_each(|((x, &a), &b)| *x = f(*x, a, b)),
        (Some(a), None) => out.iter_mut().zip(a).for_each(|(x, &a)| *x = f(*x, a, *x)),
        (None, Some(b)) => out.iter_mut().zip(b).for_each(|(x, &b)| *x = f(*x, *x, b)),
        (None, None) => out.iter_mut().for_each(|x| *x = f(*x, *x, *x)),
    }
}

#[inline(always)]
pub(super) fn elementwise(op: Op, q: &Modulus, operands: Operands<'_>) {
    match op {
        Op::Add => map(operands, |_, a, b| q.add(a, b)),
        Op::Sub => map(operands, |_, a, b| q.sub(a, b)),
        Op::Neg => map(operands, |_, a, _| q.neg(a)),
        Op::Mul => map(operands, |_, a, b| q.mul(a, b)),
        Op::MulFactor(w) => map(operands, |_, a, _| q.mul_shoup(a, w)),
        Op::MulFactorAdd(w) => map(operands, |sum, a, _| q.add(sum, q.mul_shoup(a, w))),
        Op::SubMulFactor(w) => map(operands, |_, a, b| q.mul_shoup(q.sub(a, b), w)),
    }
}

#[inline(always)]
pub(super) fn reduce_i64(q: &Modulus, out: &mut [u64], x: &[i64]) {
    out.iter_mut().zip(x).for_each(|(out, &x)| *out = q.from_i64(x));
}

#[inline(always)]
pub(super) fn reduce_i8(q: &Modulus, out: &mut [u64], x: &[i8]) {
    out.iter_mut()
        .zip(x)
        .for_each(|(out, &x)| *out = q.from_i64(x.into()));
}

/// Words summed side by side: term by term over a short stretch keeps the sums in registers or at least in the nearest cache.
const STRETCH: usize = 32;

#[inline(always)]
pub(super) fn inner_product(
    q: &Modulus,
    out: &mut [u64],
    terms: &[(&[u64], &[u64])],
    add: bool,
    from: usize,
) {
    sums(q, out, add, from, |at, sums| {
        for (a, b) in terms {
            for ((sum, &a), &b) in sums.iter_mut().zip(&a[at..]).zip(&b[at..]) {
                *sum += a as u128 * b as u128;
            }
        }
    });
}

#[inline(always)]
pub(super) fn run_sums(q: &Modulus, outs: &mut [[&mut [u64]; 2]], all: &RunSums<'_>, range: Range<usize>) {
    for (outs, terms) in outs.iter_mut().zip(all.terms) {
        for (half, out) in outs.iter_mut().enumerate() {
            sums(q, out, all.add, 0, |at, sums| {
                let at = range.start + at;
                for term in *terms {
                    let shift = term.run.run.trailing_zeros();
                    let limb = &all.factors[term.factor as usize][half][at..];
                    for (k, (sum, &x)) in sums.iter_mut().zip(limb).enumerate() {
                        *sum += x as u128 * term.run.words[(at + k) >> shift] as u128;
                    }
                }
            });
        }
    }
}

#[inline(always)]
pub(super) fn inner_product_pair(
    q: &Modulus,
    outs: [&mut [u64]; 2],
    terms: &[(&[u64], &[u64], &[u64])],
    add: bool,
    from: usize,
) {
    let [out0, out1] = outs;
    let half = |out: &mut [u64], second: bool| {
        sums(q, out, add, from, |at, sums| {
            for (x, a, b) in terms {
                let factor = if second { b } else { a };
                for ((sum, &x), &y) in sums.iter_mut().zip(&x[at..]).zip(&factor[at..]) {
                    *sum += x as u128 * y as u128;
                }
            }
        })
    };
    half(out0, false);
    half(out1, true);
}

#[inline(always)]
pub(super) fn key_sum(
    q: &Modulus,
    outs: [&mut [u64]; 2],
    panel: &Panel,
    sum: &KeySum<'_>,
    made: Option<Made<'_>>,
    range: Range<usize>,
) {
    let [out0, out1] = outs;
    let (block, blocks) = (panel.block(), panel.blocks());
    let mut factors = [0; BLOCK_WORDS];
    for at in range.step_by(block) {
        let mut sums = [[0u128; BLOCK_WORDS]; 2];
        if let Some((limb, weight)) = sum.plus {
            for (sum, &x) in sums[0].iter_mut().zip(&limb[at..at + block]) {
                *sum = x as u128 * weight as u128;
            }
        }
        for (j, digit) in sum.digits.iter().enumerate() {
            for (half, sums) in sums.iter_mut().enumerate() {
                match made {
                    None => blocks.unpack(at / block, 2 * j + half, &mut factors[..block]),
                    Some(_) if half == 0 => blocks.unpack(at / block, j, &mut factors[..block]),
                    Some(made) => factors[..block].copy_from_slice(&made.digit(j, at)[..block]),
                }
                let products = digit[at..at + block].iter().zip(&factors);
                for (sum, (&x, &y)) in sums.iter_mut().zip(products) {
                    *sum += x as u128 * y as u128;
                }
            }
        }
        for line in 0..block / 8 {
            let (to, pattern) = match sum.lines() {
                Some(lines) => lines.target(at / 8 + line),
                None => (at / 8 + line, &IDENTITY),
            };
            for (out, sums) in [&mut *out0, &mut *out1].into_iter().zip(&sums) {
                for (out, &from) in out[8 * to..][..8].iter_mut().zip(pattern) {
                    let before = if sum.add { *out as u128 } else { 0 };
                    *out = q.reduce_u128(sums[8 * line + from as usize] + before);
                }
            }
        }
    }
}

/// The pattern of a line that stays as it is.
const IDENTITY: [u64; 8] = [0, 1, 2, 3, 4, 5, 6, 7];

#[inline(always)]
pub(super) fn panel_sums(
    q: &Modulus,
    outs: &mut [[&mut [u64]; 2]],
    sums: &PanelSums<'_>,
    range: Range<usize>,
) {
    let (block, blocks) = (sums.panel.block(), sums.panel.blocks());
    let mut words = [0; BLOCK_WORDS];
    for at in range.clone().step_by(block) {
        for (outs, terms) in outs.iter_mut().zip(sums.terms) {
            let mut totals = [[0u128; BLOCK_WORDS]; 2];
            for term in *terms {
                blocks.unpack(at / block, term.row as usize, &mut words[..block]);
                for (totals, limb) in totals.iter_mut().zip(sums.factors[term.factor as usize]) {
                    let products = limb[at..at + block].iter().zip(&words);
                    for (total, (&x, &y)) in totals.iter_mut().zip(products) {
                        *total += x as u128 * y as u128;
                    }
                }
            }
            for (out, totals) in outs.iter_mut().zip(&totals) {
                let start = at - range.start;
                for (out, &total) in out[start..start + block].iter_mut().zip(totals) {
                    *out = q.reduce_u128(total);
                }
            }
        }
    }
}

/// Eight words in as many bytes as a word has bits.
#[inline(always)]
pub(super) fn pack(words: &[u64], bits: u32, bytes: &mut [u8]) {
    let (mut buffer, mut filled, mut at) = (0u128, 0, 0);
    for &word in words {
        buffer |= u128::from(word) << filled;
        filled += bits;
        while filled >= 8 {
            bytes[at] = buffer as u8;
            buffer >>= 8;
            filled -= 8;
            at += 1;
        }
    }
}

/// See [`super::Kernels::unpack`].
pub(super) fn unpack(bytes: &[u8], bits: u32, words: &mut [u64]) {
    let (mut buffer, mut filled, mut bytes) = (0u64, 0, bytes.iter());
    for word in words {
        while filled < bits {
            buffer |= u64::from(bytes.next().copied().unwrap_or(0)) << filled;
            filled += 8;
        }
        *word = buffer & ((1 << bits) - 1);
        buffer >>= bits;
        filled -= bits;
    }
}

/// Sets each stretch of `out` from word `from` on to what `collect(start, sums)` collects, or adds that, with one reduction.
#[inline(always)]
fn sums(q: &Modulus, out: &mut [u64], add: bool, from: usize, collect: impl Fn(usize, &mut [u128])) {
    for (s, out) in out[from..].chunks_mut(STRETCH).enumerate() {
        let mut sums = [0u128; STRETCH];
        collect(from + s * STRETCH, &mut sums[..out.len()]);
        for (out, &sum) in out.iter_mut().zip(&sums) {
            *out = q.reduce_u128(sum + if add { *out as u128 } else { 0 });
        }
    }
}

#[inline(always)]
pub(super) fn permute_lines(out: &mut [u64], a: &[u64], lines: &Lines) {
    for (l, out) in out.chunks_exact_mut(8).enumerate() {
        let (line, pattern) = lines.entry(l);
        let line = &a[8 * line..][..8];
        for (out, &k) in out.iter_mut().zip(pattern) {
            *out = line[k as usize];
        }
    }
}

/// Adding `2^52` rounds a double below `2^51` to an integer (to even) and leaves that integer in its lower bits.
pub(super) const ROUNDER: f64 = (1u64 << 52) as f64;

#[inline(always)]
pub(super) fn rounded_sum(out: &mut [u64], rows: &[&[u64]], inverses: &[f64], from: usize) {
    for (k, out) in out.iter_mut().enumerate().skip(from) {
        // Products and sums are rounded separately, in the order of the rows: every path does the same.
        let mut sum = 0.0;
        for (row, inverse) in rows.iter().zip(inverses) {
            sum += row[k] as f64 * inverse;
        }
        *out = (sum + ROUNDER).to_bits() & ((1 << 52) - 1);
    }
}

#[inline(always)]
pub(super) fn weighted_sums(dst: &mut [&mut [u64]], at: usize, sums: &WeightedSums<'_>, from: usize) {
    let count = sums.rows.len();
    for ((dst, q), weights) in dst
        .iter_mut()
        .zip(sums.moduli)
        .zip(sums.weights.chunks_exact(count))
    {
        for (k, out) in dst[at..at + sums.len()].iter_mut().enumerate().skip(from) {
            let products = weights
                .iter()
                .zip(sums.rows)
                .map(|(&w, row)| row[k] as u128 * w as u128);
            *out = q.reduce_u128(products.sum());
        }
    }
}
