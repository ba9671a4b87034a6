//! The inner steps of base conversion.

use super::super::conversion::{Lifted, WeightedSums};
use super::super::lanes::{load, splat, store, subtract_once};
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
    rows: &[&[u64]],
    len: usize,
) {
    let reducers: [Reducer; DST] = std::array::from_fn(|j| Reducer::new(&moduli[j]));
    let zero = _mm512_setzero_si512();
    // SAFETY: the caller gives rows of at least `len` words, a multiple of 16, as many weights for each destination, and room for `len`
    // words there.
    unsafe {
        for at in (0..len).step_by(16) {
            let mut low: [[__m512i; 2]; DST] = [[zero; 2]; DST];
            let mut high = low;
            for (i, row) in rows.iter().enumerate() {
                let row = row.as_ptr().add(at);
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

/// The same for at most seven sources, whose number is that of the weights; the row of `v` comes last. Only `SMALL` sums, of at most
/// four sources, are below `p R` and need one correction: each source adds less than `2^50 p`.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma,avx512dq,avx512vl")]
unsafe fn lifted_sums<const DST: usize, const SMALL: bool>(
    dst: [*mut u64; DST],
    lifted: &[Lifted],
    rows: &[&[u64]],
    v: *const u64,
    len: usize,
) {
    // SAFETY: the caller gives `DST` destinations with room for `len` words, a multiple of 16, as many words of `v` and in each row,
    // and for each destination as many weights as rows.
    unsafe {
        let p: [__m512i; DST] = std::array::from_fn(|j| splat(lifted[j].p));
        let inverse: [__m512i; DST] = std::array::from_fn(|j| splat(lifted[j].inverse));
        let multiples: [__m512i; DST] = std::array::from_fn(|j| load(lifted[j].multiples.as_ptr()));
        let weights: [*const u64; DST] = std::array::from_fn(|j| lifted[j].weights.as_ptr());
        let zero = _mm512_setzero_si512();
        for at in (0..len).step_by(16) {
            let v = [load(v.add(at)), load(v.add(at + 8))];
            let mut low: [[__m512i; 2]; DST] = [[zero; 2]; DST];
            let mut high = low;
            for j in 0..DST {
                for k in 0..2 {
                    low[j][k] = _mm512_permutexvar_epi64(v[k], multiples[j]);
                }
            }
            for (i, row) in rows.iter().enumerate() {
                let row = row.as_ptr().add(at);
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
                    // m p has the lower half of the sum: it vanishes, and the upper halves differ by more than -p.
                    let m = _mm512_madd52lo_epu64(zero, low[j][k], inverse[j]);
                    let upper = _mm512_add_epi64(high[j][k], _mm512_srli_epi64::<52>(low[j][k]));
                    let difference = _mm512_sub_epi64(upper, _mm512_madd52hi_epu64(zero, m, p[j]));
                    let sum = _mm512_min_epu64(difference, _mm512_add_epi64(difference, p[j]));
                    let sum = if SMALL { sum } else { subtract_once(sum, p[j]) };
                    store(dst[j].add(at + 8 * k), sum);
                }
            }
        }
    }
}

/// Rows of a `SMALL` sum: four sources and `v`.
const SMALL_ROWS: usize = 5;

impl Avx512 {
    /// Returns how many words it has done.
    pub(in super::super) fn rounded_sum(self, out: &mut [u64], rows: &[&[u64]], inverses: &[f64]) -> usize {
        #[target_feature(enable = "avx512f,avx512dq")]
        unsafe fn run(out: *mut u64, n: usize, rows: &[&[u64]], inverses: &[f64]) {
            let (rounder, mask) = (_mm512_set1_pd(ROUNDER), splat((1 << 52) - 1));
            for at in (0..n).step_by(8) {
                let mut sum = _mm512_setzero_pd();
                for (row, &inverse) in rows.iter().zip(inverses) {
                    // SAFETY: the caller gives rows of at least `n` words.
                    let y = _mm512_cvtepu64_pd(unsafe { load(row.as_ptr().add(at)) });
                    sum = _mm512_add_pd(sum, _mm512_mul_pd(y, _mm512_set1_pd(inverse)));
                }
                let rounded = _mm512_castpd_si512(_mm512_add_pd(sum, rounder));
                // SAFETY: `at + 8 <= n`.
                unsafe { store(out.add(at), _mm512_and_si512(rounded, mask)) }
            }
        }
        let n = out.len() / 8 * 8;
        assert!(rows.len() == inverses.len() && rows.iter().all(|row| row.len() >= n));
        // SAFETY: `self` proves the instructions; the lengths were compared.
        unsafe { run(out.as_mut_ptr(), n, rows, inverses) }
        n
    }

    /// Returns how many words it has done.
    pub(in super::super) fn weighted_sums(
        self,
        dst: &mut [&mut [u64]],
        at: usize,
        sums: &WeightedSums<'_>,
    ) -> usize {
        /// Four destinations at a time, as long as there are.
        macro_rules! groups {
            ($dst:ident, $at:ident, $one:ident) => {{
                let mut j = 0;
                while j + 4 <= $dst.len() {
                    let to: [*mut u64; 4] = std::array::from_fn(|k| $dst[j + k].as_mut_ptr().add($at));
                    $one!(4, to, j);
                    j += 4;
                }
                while j < $dst.len() {
                    let to = [$dst[j].as_mut_ptr().add($at)];
                    $one!(1, to, j);
                    j += 1;
                }
            }};
        }
        #[target_feature(enable = "avx512f,avx512ifma,avx512dq,avx512vl")]
        unsafe fn run<const SHORT: bool>(
            dst: &mut [&mut [u64]],
            at: usize,
            sums: &WeightedSums<'_>,
            len: usize,
        ) {
            let count = sums.rows.len();
            macro_rules! one {
                ($size:literal, $to:ident, $j:ident) => {{
                    let weights = std::array::from_fn(|k| sums.weights.as_ptr().add(($j + k) * count));
                    weighted_sums::<$size, SHORT>($to, &sums.moduli[$j..], weights, sums.rows, len);
                }};
            }
            // SAFETY: the caller compared the lengths; destinations `j` to `j + size` are inside.
            unsafe { groups!(dst, at, one) }
        }
        #[target_feature(enable = "avx512f,avx512ifma,avx512dq,avx512vl")]
        unsafe fn run_lifted<const SMALL: bool>(
            dst: &mut [&mut [u64]],
            at: usize,
            sums: &WeightedSums<'_>,
            len: usize,
        ) {
            let Some((v, rows)) = sums.rows.split_last() else {
                return;
            };
            macro_rules! one {
                ($size:literal, $to:ident, $j:ident) => {
                    lifted_sums::<$size, SMALL>($to, &sums.lifted[$j..], rows, v.as_ptr(), len)
                };
            }
            // SAFETY: the caller compared the lengths; destinations `j` to `j + size` are inside.
            unsafe { groups!(dst, at, one) }
        }
        let len = sums.len() / 16 * 16;
        let count = sums.rows.len();
        assert!(dst.len() == sums.moduli.len() && dst.iter().all(|limb| limb.len() >= at + len));
        assert!(sums.rows.iter().all(|row| row.len() >= len) && sums.weights.len() == count * dst.len());
        let lifted = sums.lifted.len() == dst.len();
        assert!(!lifted || sums.lifted.iter().all(|lifted| lifted.weights.len() + 1 == count));
        // SAFETY: `self` proves the instructions; the lengths were compared.
        unsafe {
            match (lifted, count) {
                (true, ..=SMALL_ROWS) => run_lifted::<true>(dst, at, sums, len),
                (true, _) => run_lifted::<false>(dst, at, sums, len),
                (false, ..=SHORT_TERMS) => run::<true>(dst, at, sums, len),
                (false, _) => run::<false>(dst, at, sums, len),
            }
        }
        len
    }
}
