//! Sums of products of whole limbs.

use super::super::lanes::{load, store, subtract_once};
use super::{Avx512, Reducer, SHORT_TERMS, SIDE, SIDE_WORDS};
use crate::math::modulus::Modulus;
use std::arch::x86_64::*;

/// `out = sum of a b`, or adds that.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma,avx512dq,avx512vl")]
unsafe fn inner_product<const SHORT: bool>(
    q: &Modulus,
    out: *mut u64,
    n: usize,
    terms: &[(&[u64], &[u64])],
    add: bool,
) {
    let reducer = Reducer::new(q);
    // SAFETY: the caller gives `n` words behind each pointer, a multiple of eight.
    unsafe {
        let mut at = 0;
        while at + SIDE_WORDS <= n {
            let mut low: [__m512i; SIDE] = [_mm512_setzero_si512(); SIDE];
            let mut high = low;
            if add {
                for (k, low) in low.iter_mut().enumerate() {
                    *low = load(out.add(at + 8 * k));
                }
            }
            for &(a, b) in terms {
                for k in 0..SIDE {
                    let (x, y) = (load(a.as_ptr().add(at + 8 * k)), load(b.as_ptr().add(at + 8 * k)));
                    low[k] = _mm512_madd52lo_epu64(low[k], x, y);
                    high[k] = _mm512_madd52hi_epu64(high[k], x, y);
                }
            }
            for k in 0..SIDE {
                store(out.add(at + 8 * k), reducer.sum::<SHORT>(low[k], high[k]));
            }
            at += SIDE_WORDS;
        }
        while at < n {
            let mut high = _mm512_setzero_si512();
            let mut low = if add { load(out.add(at)) } else { high };
            for &(a, b) in terms {
                let (x, y) = (load(a.as_ptr().add(at)), load(b.as_ptr().add(at)));
                low = _mm512_madd52lo_epu64(low, x, y);
                high = _mm512_madd52hi_epu64(high, x, y);
            }
            store(out.add(at), reducer.sum::<SHORT>(low, high));
            at += 8;
        }
    }
}

/// Both sums of a pair, over `COUNT` vectors that stand at `at`.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma,avx512dq,avx512vl")]
unsafe fn pair<const COUNT: usize>(
    sums: &mut [[[__m512i; COUNT]; 2]; 2],
    terms: &[(&[u64], &[u64], &[u64])],
    at: [usize; COUNT],
) {
    // By value: the compiler keeps accumulators in registers only if nothing can point at them.
    let [[mut low0, mut high0], [mut low1, mut high1]] = *sums;
    for &(x, a, b) in terms {
        for k in 0..COUNT {
            // SAFETY: the caller's `at + 8` is at most the length of every operand.
            let (x, a, b) = unsafe {
                (
                    load(x.as_ptr().add(at[k])),
                    load(a.as_ptr().add(at[k])),
                    load(b.as_ptr().add(at[k])),
                )
            };
            low0[k] = _mm512_madd52lo_epu64(low0[k], x, a);
            high0[k] = _mm512_madd52hi_epu64(high0[k], x, a);
            low1[k] = _mm512_madd52lo_epu64(low1[k], x, b);
            high1[k] = _mm512_madd52hi_epu64(high1[k], x, b);
        }
    }
    *sums = [[low0, high0], [low1, high1]];
}

/// `outs = sum of x a, x b`, or adds that.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma,avx512dq,avx512vl")]
unsafe fn inner_product_pair<const SHORT: bool>(
    q: &Modulus,
    outs: [*mut u64; 2],
    n: usize,
    terms: &[(&[u64], &[u64], &[u64])],
    add: bool,
) {
    let reducer = Reducer::new(q);
    let zero = _mm512_setzero_si512();
    // SAFETY: the caller gives `n` words behind each pointer, a multiple of eight.
    unsafe {
        let finish = |out: *mut u64, at: usize, mut sum: __m512i| {
            if add {
                sum = subtract_once(_mm512_add_epi64(sum, load(out.add(at))), reducer.lanes.q);
            }
            store(out.add(at), sum);
        };
        let mut at = 0;
        while at + SIDE_WORDS <= n {
            let mut sums = [[[zero; SIDE]; 2]; 2];
            pair(&mut sums, terms, std::array::from_fn(|k| at + 8 * k));
            for (&out, [low, high]) in outs.iter().zip(&sums) {
                for k in 0..SIDE {
                    let sum = reducer.sum::<SHORT>(low[k], high[k]);
                    finish(out, at + 8 * k, sum);
                }
            }
            at += SIDE_WORDS;
        }
        while at < n {
            let mut sums = [[[zero; 1]; 2]; 2];
            pair(&mut sums, terms, [at]);
            for (&out, [low, high]) in outs.iter().zip(&sums) {
                finish(out, at, reducer.sum::<SHORT>(low[0], high[0]));
            }
            at += 8;
        }
    }
}

impl Avx512 {
    /// Returns how many words from the start it has done: all but an incomplete last vector. So do the methods below that say so.
    pub(in super::super) fn inner_product(
        self,
        q: &Modulus,
        out: &mut [u64],
        terms: &[(&[u64], &[u64])],
        add: bool,
    ) -> usize {
        #[target_feature(enable = "avx512f,avx512ifma,avx512dq,avx512vl")]
        unsafe fn run(q: &Modulus, out: *mut u64, n: usize, terms: &[(&[u64], &[u64])], add: bool) {
            // SAFETY: as the caller's.
            unsafe {
                match terms.len() <= SHORT_TERMS {
                    true => inner_product::<true>(q, out, n, terms, add),
                    false => inner_product::<false>(q, out, n, terms, add),
                }
            }
        }
        let n = out.len() / 8 * 8;
        assert!(terms.iter().all(|(a, b)| a.len() >= n && b.len() >= n));
        // SAFETY: `self` proves the instructions; the lengths were compared.
        unsafe { run(q, out.as_mut_ptr(), n, terms, add) }
        n
    }

    /// Returns how many words it has done.
    pub(in super::super) fn inner_product_pair(
        self,
        q: &Modulus,
        outs: [&mut [u64]; 2],
        terms: &[(&[u64], &[u64], &[u64])],
        add: bool,
    ) -> usize {
        #[target_feature(enable = "avx512f,avx512ifma,avx512dq,avx512vl")]
        unsafe fn run(
            q: &Modulus,
            outs: [*mut u64; 2],
            n: usize,
            terms: &[(&[u64], &[u64], &[u64])],
            add: bool,
        ) {
            // SAFETY: as the caller's.
            unsafe {
                match terms.len() <= SHORT_TERMS {
                    true => inner_product_pair::<true>(q, outs, n, terms, add),
                    false => inner_product_pair::<false>(q, outs, n, terms, add),
                }
            }
        }
        let n = outs[0].len() / 8 * 8;
        assert!(
            outs[1].len() >= n
                && terms
                    .iter()
                    .all(|(x, a, b)| x.len() >= n && a.len() >= n && b.len() >= n)
        );
        let [out0, out1] = outs;
        // SAFETY: `self` proves the instructions; the lengths were compared.
        unsafe { run(q, [out0.as_mut_ptr(), out1.as_mut_ptr()], n, terms, add) }
        n
    }
}
