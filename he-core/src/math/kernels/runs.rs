//! Sums of products whose second factors are given by runs of equal words: what plaintexts with few distinct slots look like.

use std::ops::Range;

use super::{Backend, Kernels, TERMS_PER_REDUCTION, same, scalar};
use crate::math::modulus::Modulus;
use crate::math::tally::{self, Work};

/// A limb given by runs of equal words: word `i` is `words[i / run]`. So stand polynomials in `X^run` in NTT order.
#[derive(Clone, Copy, Debug)]
pub struct Run<'a> {
    /// One word per run.
    pub words: &'a [u64],
    /// Length of a run, a power of two.
    pub run: usize,
}

impl Run<'_> {
    /// Number of words it stands for.
    pub fn n(&self) -> usize {
        self.words.len() * self.run
    }
}

/// A product of a limb given by runs with both limbs of a factor.
#[derive(Clone, Copy, Debug)]
pub struct RunTerm<'a> {
    /// Position among the factors.
    pub factor: u32,
    /// What it is multiplied with, any words below `2^50`.
    pub run: Run<'a>,
}

/// Several sums of products of limbs given by runs with pairs of limbs.
#[derive(Clone, Copy)]
pub struct RunSums<'a> {
    /// The factors that terms name, any words below `2^50`.
    pub factors: &'a [[&'a [u64]; 2]],
    /// The terms of each sum. Sums whose terms name the same factors in the same order are computed together where they stand side by
    /// side: every word of a factor is then read once for several of them.
    pub terms: &'a [&'a [RunTerm<'a>]],
    /// Whether the sums are added to what the results hold.
    pub add: bool,
}

impl Kernels {
    /// Sets `outs[i]` to a range of the sums over `terms[i]`, or adds these. The range consists of whole vectors of eight words.
    pub fn run_sums(
        &self,
        q: &Modulus,
        outs: &mut [[&mut [u64]; 2]],
        sums: &RunSums<'_>,
        range: Range<usize>,
    ) {
        let n = sums.factors.first().map_or(range.end, |[a, _]| a.len());
        for out in outs.iter().flatten() {
            same(range.len(), &[out.len()]);
        }
        for limb in sums.factors.iter().flatten() {
            same(n, &[limb.len()]);
        }
        same(outs.len(), &[sums.terms.len()]);
        assert!(
            range.start.is_multiple_of(8) && range.end.is_multiple_of(8) && range.end <= n,
            "{range:?} are no vectors of {n} words"
        );
        for terms in sums.terms {
            let fits = |t: &RunTerm<'_>| {
                (t.factor as usize) < sums.factors.len() && t.run.run.is_power_of_two() && t.run.n() == n
            };
            assert!(terms.iter().all(fits), "a term does not fit the factors");
            tally::add(Work::MacWord, 2 * terms.len() * range.len());
        }
        // One pass unless a sum is too long for one reduction.
        let longest = sums.terms.iter().map(|terms| terms.len()).max().unwrap_or(0);
        for first in (0..longest.max(1)).step_by(TERMS_PER_REDUCTION) {
            let part = |terms: &&'_ [RunTerm<'_>]| {
                first.min(terms.len())..(first + TERMS_PER_REDUCTION).min(terms.len())
            };
            let terms: Vec<&[RunTerm<'_>]> = sums.terms.iter().map(|terms| &terms[part(terms)]).collect();
            let sums = RunSums {
                terms: &terms,
                add: sums.add || first > 0,
                ..*sums
            };
            match self.0 {
                Backend::Scalar => scalar::run_sums(q, outs, &sums, range.clone()),
                #[cfg(target_arch = "x86_64")]
                Backend::Avx2(simd) => simd.run_sums(q, outs, &sums, range.clone()),
                #[cfg(target_arch = "x86_64")]
                Backend::Avx512(simd) => simd.run_sums(q, outs, &sums, range.clone()),
            }
        }
    }
}
