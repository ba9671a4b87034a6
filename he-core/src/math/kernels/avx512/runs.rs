//! Sums of products with limbs given by runs.
//!
//! A run is one word for many vectors, so what counts are the loads of the factors. Several sums over the same factors are computed
//! together, each vector of a factor read once for all of them, and the factors are gathered first: their limbs stand a power of two
//! apart, and read one vector from each in turn, they would push one another out of every cache.

use super::super::lanes::{load, splat, store};
use super::super::{Run, RunSums, RunTerm};
use super::{Avx512, Reducer, SHORT_TERMS};
use crate::math::modulus::Modulus;
use std::arch::x86_64::*;
use std::ops::Range;

/// Most sums computed together: each has four accumulators, of 32 registers in all.
const TOGETHER: usize = 5;
/// Words of each factor that are gathered at a time: two lines, so that those of a hundred factors stay in the nearest cache.
const AT_ONCE: usize = 16;
/// How many gatherings ahead lines are fetched: there are too many streams for the hardware to see them.
const AHEAD: usize = 2;

/// Reads the eight words from `at` on of a limb given by runs.
#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn load_run(run: Run<'_>, at: usize) -> __m512i {
    let shift = run.run.trailing_zeros();
    let words = run.words.as_ptr();
    // SAFETY: the caller's `at + 8 <= run.n()`, so that `8 / run` words (at least one) stand at `at / run`.
    unsafe {
        if shift >= 3 {
            return splat(*words.add(at >> shift));
        }
        let lanes = _mm512_srl_epi64(
            _mm512_set_epi64(7, 6, 5, 4, 3, 2, 1, 0),
            _mm_cvtsi32_si128(shift as i32),
        );
        let mask = ((1u32 << (8 >> shift)) - 1) as __mmask8;
        _mm512_permutexvar_epi64(
            lanes,
            _mm512_maskz_loadu_epi64(mask, words.add(at >> shift).cast()),
        )
    }
}

/// One sum, for runs of any length.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma,avx512dq,avx512vl")]
unsafe fn alone(
    reducer: &Reducer,
    outs: &mut [&mut [u64]; 2],
    factors: &[[&[u64]; 2]],
    terms: &[RunTerm<'_>],
    add: bool,
    range: Range<usize>,
) {
    for at in range.clone().step_by(8) {
        for (half, out) in outs.iter_mut().enumerate() {
            // SAFETY: the caller gives factors that exist, limbs of one length and a range of whole vectors inside.
            unsafe {
                let out = out.as_mut_ptr().add(at - range.start);
                let mut high = _mm512_setzero_si512();
                let mut low = if add { load(out) } else { high };
                for term in terms {
                    let factor = factors.get_unchecked(term.factor as usize)[half];
                    let (x, w) = (load(factor.as_ptr().add(at)), load_run(term.run, at));
                    low = _mm512_madd52lo_epu64(low, x, w);
                    high = _mm512_madd52hi_epu64(high, x, w);
                }
                store(out, reducer.sum::<false>(low, high));
            }
        }
    }
}

/// `SUMS` sums over the same factors, whose words from `range.start` on were gathered, as were the words of the runs, those of the first
/// term first.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma,avx512dq,avx512vl")]
unsafe fn together<const SUMS: usize, const SHORT: bool>(
    reducer: &Reducer,
    outs: &mut [[&mut [u64]; 2]],
    gathered: &[u64],
    terms: &[RunTerm<'_>],
    words: &[u64],
    add: bool,
    range: Range<usize>,
) {
    let zero = _mm512_setzero_si512();
    for at in range.clone().step_by(8) {
        let mut high = [[zero; 2]; SUMS];
        let mut low = high;
        // SAFETY: the caller gives `SUMS` results, as many words a term, two vectors of each factor for any that a term names, limbs of
        // one length and a range of whole vectors inside.
        unsafe {
            if add {
                for (low, outs) in low.iter_mut().zip(outs.iter()) {
                    *low = [load(outs[0].as_ptr().add(at)), load(outs[1].as_ptr().add(at))];
                }
            }
            let gathered = gathered.as_ptr().add(at - range.start);
            let mut words = words.as_ptr();
            for term in terms {
                let factor = gathered.add(2 * AT_ONCE * term.factor as usize);
                let (a, b) = (load(factor), load(factor.add(AT_ONCE)));
                for k in 0..SUMS {
                    let w = splat(*words.add(k));
                    low[k][0] = _mm512_madd52lo_epu64(low[k][0], a, w);
                    high[k][0] = _mm512_madd52hi_epu64(high[k][0], a, w);
                    low[k][1] = _mm512_madd52lo_epu64(low[k][1], b, w);
                    high[k][1] = _mm512_madd52hi_epu64(high[k][1], b, w);
                }
                words = words.add(SUMS);
            }
            for (k, outs) in outs.iter_mut().enumerate() {
                for (half, out) in outs.iter_mut().enumerate() {
                    let sum = reducer.sum::<SHORT>(low[k][half], high[k][half]);
                    store(out.as_mut_ptr().add(at), sum);
                }
            }
        }
    }
}

/// Whether two sums can be computed together.
fn alike(x: &[RunTerm<'_>], y: &[RunTerm<'_>]) -> bool {
    x.len() == y.len() && x.iter().zip(y).all(|(x, y)| x.factor == y.factor)
}

/// All sums over a range of the results in which every run is one word, of at least [`AT_ONCE`]. Factors and runs begin `first` words
/// before the results.
#[target_feature(enable = "avx512f,avx512ifma,avx512dq,avx512vl")]
unsafe fn segment(
    reducer: &Reducer,
    outs: &mut [[&mut [u64]; 2]],
    factors: &[[&[u64]; 2]],
    groups: &[&[&[RunTerm<'_>]]],
    add: bool,
    first: usize,
    range: Range<usize>,
) {
    let word = |term: &RunTerm<'_>| term.run.words[(first + range.start) >> term.run.run.trailing_zeros()];
    let mut words: Vec<u64> =
        Vec::with_capacity(groups.iter().map(|group| group.len() * group[0].len()).sum());
    for group in groups {
        for t in 0..group[0].len() {
            words.extend(group.iter().map(|terms| word(&terms[t])));
        }
    }
    let mut gathered = vec![0; 2 * factors.len() * AT_ONCE];
    for at in range.clone().step_by(AT_ONCE) {
        let range = at..(at + AT_ONCE).min(range.end);
        for (to, from) in gathered.chunks_exact_mut(AT_ONCE).zip(factors.iter().flatten()) {
            for line in 0..range.len() / 8 {
                // SAFETY: the range is inside the factors and at most as long as `to`; a prefetch reads nothing.
                unsafe {
                    let from = from.as_ptr().add(first + at + 8 * line);
                    _mm_prefetch::<_MM_HINT_T1>(from.wrapping_add(AHEAD * AT_ONCE).cast());
                    store(to.as_mut_ptr().add(8 * line), load(from));
                }
            }
        }
        let (mut outs, mut words) = (&mut *outs, words.as_slice());
        for group in groups {
            let (now, later) = outs.split_at_mut(group.len());
            let (those, rest) = words.split_at(group.len() * group[0].len());
            (outs, words) = (later, rest);
            let (terms, range) = (group[0], range.clone());
            macro_rules! of {
                ($($sums:literal)*) => {
                    match (group.len(), terms.len() <= SHORT_TERMS) {
                        $(($sums, true) => together::<$sums, true>(reducer, now, &gathered, terms, those, add, range),
                        ($sums, false) => together::<$sums, false>(reducer, now, &gathered, terms, those, add, range),)*
                        (_, true) => together::<TOGETHER, true>(reducer, now, &gathered, terms, those, add, range),
                        (_, false) => together::<TOGETHER, false>(reducer, now, &gathered, terms, those, add, range),
                    }
                };
            }
            // SAFETY: as the caller's; a group has one to `TOGETHER` lists of terms that are alike.
            unsafe { of!(1 2 3 4) }
        }
    }
}

impl Avx512 {
    pub(in super::super) fn run_sums(
        self,
        q: &Modulus,
        outs: &mut [[&mut [u64]; 2]],
        sums: &RunSums<'_>,
        range: Range<usize>,
    ) {
        #[target_feature(enable = "avx512f,avx512ifma,avx512dq,avx512vl")]
        unsafe fn run(q: &Modulus, outs: &mut [[&mut [u64]; 2]], sums: &RunSums<'_>, range: Range<usize>) {
            let reducer = Reducer::new(q);
            let runs = sums.terms.iter().copied().flatten().map(|term| term.run.run);
            let shortest = runs.min().unwrap_or(AT_ONCE);
            // SAFETY: as the caller's.
            unsafe {
                if shortest < AT_ONCE {
                    for (outs, terms) in outs.iter_mut().zip(sums.terms) {
                        alone(&reducer, outs, sums.factors, terms, sums.add, range.clone());
                    }
                    return;
                }
                let groups: Vec<_> = sums
                    .terms
                    .chunk_by(|x, y| alike(x, y))
                    .flat_map(|group| group.chunks(TOGETHER))
                    .collect();
                let mut start = range.start;
                while start < range.end {
                    let end = ((start / shortest + 1) * shortest).min(range.end);
                    segment(
                        &reducer,
                        outs,
                        sums.factors,
                        &groups,
                        sums.add,
                        range.start,
                        start - range.start..end - range.start,
                    );
                    start = end;
                }
            }
        }
        let inside = |n: usize| range.end <= n;
        assert!(outs.iter().flatten().all(|out| out.len() == range.len()));
        assert!(sums.factors.iter().flatten().all(|factor| inside(factor.len())));
        let fits = |t: &RunTerm<'_>| {
            (t.factor as usize) < sums.factors.len() && t.run.run.is_power_of_two() && inside(t.run.n())
        };
        assert!(sums.terms.iter().copied().flatten().all(fits));
        assert!(
            outs.len() == sums.terms.len() && range.start.is_multiple_of(8) && range.end.is_multiple_of(8)
        );
        // SAFETY: `self` proves the instructions; lengths, factors and the range were compared.
        unsafe { run(q, outs, sums, range) }
    }
}
