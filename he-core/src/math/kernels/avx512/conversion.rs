//! The inner steps of base conversion.

use super::super::WeightedSums;
use super::super::lanes::{load, splat, store};
use super::super::scalar::ROUNDER;
use super::{Avx512, Reducer, SHORT_TERMS};
use crate::math::modulus::Modulus;
use std::arch::x86_64::*;

/// One row of sums for each of `DST` destinations, two vectors at a time: a source word is loaded once for all of them.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma,avx512dq,avx512vl")]
unsafe fn weighted_sums<const DST: usize, const SHORT: bool>(
    dst: [*mut u64; DST],
    moduli: &[Modulus],
    weights: [*const u64; DST],
    rows: *const u64,
    (block, len, count): (usize, usize, usize),
) {
    let reducers: [Reducer; DST] = std::array::from_fn(|j| Reducer::new(&moduli[j]));
    let zero = _mm512_setzero_si512();
    // SAFETY: the caller gives `count` rows of `len` words, a multiple of 16, `block` words apart, as many weights for each
    // destination, and room for `len` words there.
    unsafe {
        for at in (0..len).step_by(16) {
            let mut low: [[__m512i; 2]; DST] = [[zero; 2]; DST];
            let mut high = low;
            for i in 0..count {
                let row = rows.add(i * block + at);
                let x = [load(row), load(row.add(8))];
                for j in 0..DST {
                    let w = splat(*weights[j].add(i));
                    for k in 0..2 {
                        low[j][k] = _mm512_madd52lo_epu64(low[j][k], x[k], w);
                        high[j][k] = _mm512_madd52hi_epu64(high[j][k], x[k], w);
                    }
                }
            }
            for j in 0..DST {
                for k in 0..2 {
                    store(
                        dst[j].add(at + 8 * k),
                        reducers[j].sum::<SHORT>(low[j][k], high[j][k]),
                    );
                }
            }
        }
    }
}

impl Avx512 {
    /// Returns how many words it has done.
    pub(in super::super) fn rounded_sum(
        self,
        out: &mut [u64],
        rows: &[u64],
        block: usize,
        inverses: &[f64],
    ) -> usize {
        #[target_feature(enable = "avx512f,avx512dq")]
        unsafe fn run(out: *mut u64, n: usize, rows: *const u64, block: usize, inverses: &[f64]) {
            let (rounder, mask) = (_mm512_set1_pd(ROUNDER), splat((1 << 52) - 1));
            for at in (0..n).step_by(8) {
                let mut sum = _mm512_setzero_pd();
                for (i, &inverse) in inverses.iter().enumerate() {
                    // SAFETY: the caller gives a row of at least `n` words for each inverse.
                    let y = _mm512_cvtepu64_pd(unsafe { load(rows.add(i * block + at)) });
                    sum = _mm512_add_pd(sum, _mm512_mul_pd(y, _mm512_set1_pd(inverse)));
                }
                let rounded = _mm512_castpd_si512(_mm512_add_pd(sum, rounder));
                // SAFETY: `at + 8 <= n`.
                unsafe { store(out.add(at), _mm512_and_si512(rounded, mask)) }
            }
        }
        let n = out.len() / 8 * 8;
        assert!(n <= block && rows.len() >= block * inverses.len());
        // SAFETY: `self` proves the instructions; the lengths were compared.
        unsafe { run(out.as_mut_ptr(), n, rows.as_ptr(), block, inverses) }
        n
    }

    /// Returns how many words it has done.
    pub(in super::super) fn weighted_sums(
        self,
        dst: &mut [&mut [u64]],
        at: usize,
        sums: &WeightedSums<'_>,
    ) -> usize {
        #[target_feature(enable = "avx512f,avx512ifma,avx512dq,avx512vl")]
        unsafe fn run<const SHORT: bool>(
            dst: &mut [&mut [u64]],
            at: usize,
            sums: &WeightedSums<'_>,
            len: usize,
            count: usize,
        ) {
            let (rows, shape) = (sums.rows.as_ptr(), (sums.block, len, count));
            let mut j = 0;
            // SAFETY: the caller compared the lengths; `group(j)` takes destinations `j` to `j + D`, all inside.
            unsafe {
                macro_rules! group {
                    ($size:literal) => {{
                        let to: [*mut u64; $size] = std::array::from_fn(|k| dst[j + k].as_mut_ptr().add(at));
                        let weights = std::array::from_fn(|k| sums.weights.as_ptr().add((j + k) * count));
                        weighted_sums::<$size, SHORT>(to, &sums.moduli[j..j + $size], weights, rows, shape);
                        j += $size;
                    }};
                }
                while j + 4 <= dst.len() {
                    group!(4);
                }
                while j < dst.len() {
                    group!(1);
                }
            }
        }
        let len = sums.len / 16 * 16;
        let count = sums.weights.len() / sums.moduli.len();
        assert!(dst.len() == sums.moduli.len() && dst.iter().all(|limb| limb.len() >= at + len));
        assert!(sums.rows.len() >= count * sums.block && len <= sums.block);
        // SAFETY: `self` proves the instructions; the lengths were compared.
        unsafe {
            match count <= SHORT_TERMS {
                true => run::<true>(dst, at, sums, len, count),
                false => run::<false>(dst, at, sums, len, count),
            }
        }
        len
    }
}
