//! The AVX-512 path: eight words a vector, 52-bit products (IFMA).
//!
//! A sum of products is kept as two sums, of the lower and the upper 52 bits of each product, and reduced once: two instructions a
//! product, so that long sums run at the speed of their loads.

use super::lanes::{Factor, Lanes, load, splat, store, subtract_once};
use super::scalar::ROUNDER;
use super::{Lines, Op, Operands, Run, WeightedSums};
use crate::math::cpu::Path;
use crate::math::modulus::Modulus;
use std::arch::x86_64::*;

/// Proof that the machine has the instructions: every method below relies on it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Avx512(());

/// Vectors worked on side by side, to hide the four cycles of a multiplication.
const SIDE: usize = 4;
/// Words of [`SIDE`] vectors.
const SIDE_WORDS: usize = 8 * SIDE;

/// `out = f(out, a, b)`, eight words at a time.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma,avx512dq,avx512vl")]
fn map(operands: Operands<'_>, f: impl Fn(__m512i, __m512i, __m512i) -> __m512i) {
    let n = operands.out.len();
    let out = operands.out.as_mut_ptr();
    let pointer = |operand: Option<&[u64]>| match operand {
        Some(words) => {
            assert_eq!(words.len(), n);
            words.as_ptr()
        }
        None => out.cast_const(),
    };
    let (a, b) = (pointer(operands.a), pointer(operands.b));
    let full = n / 8 * 8;
    // SAFETY: there are `n` words behind each pointer, and masked-out words are not touched. Every word of `out` is written after all
    // its operands were read, so `a` or `b` may be `out`.
    unsafe {
        let step = |i: usize| store(out.add(i), f(load(out.add(i)), load(a.add(i)), load(b.add(i))));
        let mut i = 0;
        while i + SIDE_WORDS <= full {
            for k in 0..SIDE {
                step(i + 8 * k);
            }
            i += SIDE_WORDS;
        }
        while i < full {
            step(i);
            i += 8;
        }
        if full < n {
            let mask = tail(n);
            let word = |p: *const u64| _mm512_maskz_loadu_epi64(mask, p.add(full).cast());
            let result = f(word(out), word(a), word(b));
            _mm512_mask_storeu_epi64(out.add(full).cast(), mask, result);
        }
    }
}

/// The lanes that the last, incomplete vector of `n` words has.
fn tail(n: usize) -> __mmask8 {
    ((1u32 << (n % 8)) - 1) as __mmask8
}

/// Reductions of double-word sums modulo one `q`.
#[derive(Clone, Copy)]
struct Reducer {
    lanes: Lanes,
    one: Factor,
    two_52: Factor,
    two_104: Factor,
}

impl Reducer {
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn new(q: &Modulus) -> Self {
        let [one, two_52, two_104] = q.powers_of_two_52().map(|factor| Factor::new(factor));
        Self {
            lanes: Lanes::new(q),
            one,
            two_52,
            two_104,
        }
    }

    /// `low + 2^52 high`, for `high` below `2^52 - 2^12` if `SHORT`, else below `2^63`.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    fn sum<const SHORT: bool>(&self, low: __m512i, high: __m512i) -> __m512i {
        let high = _mm512_add_epi64(high, _mm512_srli_epi64::<52>(low));
        let r = self.lanes.fold(high, low, self.two_52, self.one);
        if SHORT {
            return r;
        }
        let top = self.lanes.mul_factor(_mm512_srli_epi64::<52>(high), self.two_104);
        subtract_once(_mm512_add_epi64(r, top), self.lanes.q)
    }

    /// `x mod q` for any word.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    fn word(&self, x: __m512i) -> __m512i {
        self.lanes
            .fold(_mm512_srli_epi64::<52>(x), x, self.two_52, self.one)
    }

    /// `x mod q` for a signed word; `two_63 = 2^63 mod q`.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    fn signed(&self, x: __m512i, two_63: __m512i) -> __m512i {
        let positive = self.word(_mm512_and_si512(x, splat(u64::MAX >> 1)));
        let offset = _mm512_and_si512(_mm512_srai_epi64::<63>(x), two_63);
        subtract_mod(positive, offset, self.lanes.q)
    }
}

/// `a - b mod q` for reduced words: of the difference and the same plus `q`, the one that did not wrap is the lesser.
#[inline]
#[target_feature(enable = "avx512f")]
fn subtract_mod(a: __m512i, b: __m512i, q: __m512i) -> __m512i {
    let difference = _mm512_sub_epi64(a, b);
    _mm512_min_epu64(difference, _mm512_add_epi64(difference, q))
}

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

/// `out = sum of a b`, or adds that, where `load_b(b, at)` gives eight words of `b`.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma,avx512dq,avx512vl")]
unsafe fn inner_product<const SHORT: bool, B: Copy>(
    q: &Modulus,
    out: *mut u64,
    n: usize,
    terms: &[(&[u64], B)],
    add: bool,
    load_b: impl Fn(B, usize) -> __m512i,
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
                    let (x, y) = (load(a.as_ptr().add(at + 8 * k)), load_b(b, at + 8 * k));
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
                let (x, y) = (load(a.as_ptr().add(at)), load_b(b, at));
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

/// `outs = sum of x a, x b`, or adds that. With `lines`, the sums are permuted first.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma,avx512dq,avx512vl")]
unsafe fn inner_product_pair<const SHORT: bool>(
    q: &Modulus,
    outs: [*mut u64; 2],
    n: usize,
    terms: &[(&[u64], &[u64], &[u64])],
    add: bool,
    lines: Option<&Lines>,
) {
    let reducer = Reducer::new(q);
    let zero = _mm512_setzero_si512();
    // SAFETY: the caller gives `n` words behind each pointer, a multiple of eight; lines are below `n / 8`.
    unsafe {
        let finish = |out: *mut u64, at: usize, mut sum: __m512i| {
            if let Some(lines) = lines {
                sum = _mm512_permutexvar_epi64(load(lines.entry(at / 8).1.as_ptr()), sum);
            }
            if add {
                sum = subtract_once(_mm512_add_epi64(sum, load(out.add(at))), reducer.lanes.q);
            }
            store(out.add(at), sum);
        };
        let mut at = 0;
        while at + SIDE_WORDS <= n {
            let mut sums = [[[zero; SIDE]; 2]; 2];
            let from =
                std::array::from_fn(|k| lines.map_or(at + 8 * k, |lines| 8 * lines.entry(at / 8 + k).0));
            pair(&mut sums, terms, from);
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
            pair(
                &mut sums,
                terms,
                [lines.map_or(at, |lines| 8 * lines.entry(at / 8).0)],
            );
            for (&out, [low, high]) in outs.iter().zip(&sums) {
                finish(out, at, reducer.sum::<SHORT>(low[0], high[0]));
            }
            at += 8;
        }
    }
}

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

/// Terms whose sum, with a reduced word added, has an upper half below `2^52 - 2^12`.
const SHORT_TERMS: usize = 15;

impl Avx512 {
    /// The proof, if the machine has the instructions.
    pub(super) fn detect() -> Option<Self> {
        Path::Avx512.is_supported().then_some(Self(()))
    }

    pub(super) fn elementwise(self, op: Op, q: &Modulus, operands: Operands<'_>) {
        #[target_feature(enable = "avx512f,avx512ifma,avx512dq,avx512vl")]
        fn run(op: Op, modulus: &Modulus, operands: Operands<'_>) {
            let reducer = Reducer::new(modulus);
            let lanes = reducer.lanes;
            let (q, q2) = (lanes.q, lanes.q2);
            match op {
                Op::Add => map(operands, |_, a, b| subtract_once(_mm512_add_epi64(a, b), q)),
                Op::Sub => map(operands, |_, a, b| subtract_mod(a, b, q)),
                Op::Neg => map(operands, |_, a, _| subtract_mod(_mm512_setzero_si512(), a, q)),
                Op::Mul => map(operands, |_, a, b| {
                    let zero = _mm512_setzero_si512();
                    let (low, high) = (
                        _mm512_madd52lo_epu64(zero, a, b),
                        _mm512_madd52hi_epu64(zero, a, b),
                    );
                    lanes.fold(high, low, reducer.two_52, reducer.one)
                }),
                Op::MulFactor(w) => {
                    let w = Factor::new(w);
                    map(operands, |_, a, _| lanes.mul_factor(a, w))
                }
                Op::MulFactorAdd(w) => {
                    let w = Factor::new(w);
                    map(operands, |sum, a, _| {
                        subtract_once(_mm512_add_epi64(sum, lanes.mul_factor(a, w)), q)
                    })
                }
                Op::SubMulFactor(w) => {
                    let w = Factor::new(w);
                    map(operands, |_, a, b| {
                        let difference = _mm512_add_epi64(_mm512_sub_epi64(a, b), q2);
                        lanes.mul_factor(difference, w)
                    })
                }
                Op::Reduce => map(operands, |_, a, _| reducer.word(a)),
            }
        }
        // SAFETY: `self` proves the instructions.
        unsafe { run(op, q, operands) }
    }

    /// Returns how many words from the start it has done: all but an incomplete last vector. So do the methods below that say so.
    pub(super) fn inner_product(
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
                let load_b = |b: &[u64], at: usize| load(b.as_ptr().add(at));
                match terms.len() <= SHORT_TERMS {
                    true => inner_product::<true, _>(q, out, n, terms, add, load_b),
                    false => inner_product::<false, _>(q, out, n, terms, add, load_b),
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
    pub(super) fn inner_product_runs(
        self,
        q: &Modulus,
        out: &mut [u64],
        terms: &[(&[u64], Run<'_>)],
        add: bool,
    ) -> usize {
        #[target_feature(enable = "avx512f,avx512ifma,avx512dq,avx512vl")]
        unsafe fn run(q: &Modulus, out: *mut u64, n: usize, terms: &[(&[u64], Run<'_>)], add: bool) {
            // SAFETY: as the caller's.
            unsafe {
                let load_b = |b: Run<'_>, at: usize| load_run(b, at);
                match terms.len() <= SHORT_TERMS {
                    true => inner_product::<true, _>(q, out, n, terms, add, load_b),
                    false => inner_product::<false, _>(q, out, n, terms, add, load_b),
                }
            }
        }
        let n = out.len() / 8 * 8;
        assert!(
            terms
                .iter()
                .all(|(a, b)| a.len() >= n && b.n() >= n && b.run.is_power_of_two())
        );
        // SAFETY: `self` proves the instructions; the lengths were compared.
        unsafe { run(q, out.as_mut_ptr(), n, terms, add) }
        n
    }

    /// Returns how many words it has done: all of them, if there are lines.
    pub(super) fn inner_product_pair(
        self,
        q: &Modulus,
        outs: [&mut [u64]; 2],
        terms: &[(&[u64], &[u64], &[u64])],
        add: bool,
        lines: Option<&Lines>,
    ) -> usize {
        #[target_feature(enable = "avx512f,avx512ifma,avx512dq,avx512vl")]
        unsafe fn run(
            q: &Modulus,
            outs: [*mut u64; 2],
            n: usize,
            terms: &[(&[u64], &[u64], &[u64])],
            add: bool,
            lines: Option<&Lines>,
        ) {
            // SAFETY: as the caller's.
            unsafe {
                match (terms.len() <= SHORT_TERMS, lines) {
                    (true, None) => inner_product_pair::<true>(q, outs, n, terms, add, None),
                    (false, None) => inner_product_pair::<false>(q, outs, n, terms, add, None),
                    (true, lines) => inner_product_pair::<true>(q, outs, n, terms, add, lines),
                    (false, lines) => inner_product_pair::<false>(q, outs, n, terms, add, lines),
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
        assert!(lines.is_none_or(|lines| lines.n() == n));
        let [out0, out1] = outs;
        // SAFETY: `self` proves the instructions; the lengths were compared, and the lines are inside.
        unsafe { run(q, [out0.as_mut_ptr(), out1.as_mut_ptr()], n, terms, add, lines) }
        n
    }

    /// Returns how many words it has done.
    pub(super) fn reduce_i64(self, q: &Modulus, out: &mut [u64], x: &[i64]) -> usize {
        #[target_feature(enable = "avx512f,avx512ifma,avx512dq,avx512vl")]
        unsafe fn run(q: &Modulus, out: *mut u64, x: *const i64, n: usize) {
            let reducer = Reducer::new(q);
            let two_63 = splat(q.reduce(1 << 63));
            for at in (0..n).step_by(8) {
                // SAFETY: the caller gives `n` words behind each pointer, a multiple of eight.
                unsafe { store(out.add(at), reducer.signed(load(x.add(at).cast()), two_63)) }
            }
        }
        let n = out.len() / 8 * 8;
        assert!(x.len() >= n);
        // SAFETY: `self` proves the instructions; the lengths were compared.
        unsafe { run(q, out.as_mut_ptr(), x.as_ptr(), n) }
        n
    }

    /// Returns how many words it has done.
    pub(super) fn reduce_i8(self, q: &Modulus, out: &mut [u64], x: &[i8]) -> usize {
        #[target_feature(enable = "avx512f,avx512ifma,avx512dq,avx512vl")]
        unsafe fn run(q: &Modulus, out: *mut u64, x: *const i8, n: usize) {
            let reducer = Reducer::new(q);
            let two_63 = splat(q.reduce(1 << 63));
            for at in (0..n).step_by(8) {
                // SAFETY: the caller gives `n` words behind each pointer, a multiple of eight.
                unsafe {
                    let x = _mm512_cvtepi8_epi64(_mm_loadl_epi64(x.add(at).cast()));
                    store(out.add(at), reducer.signed(x, two_63));
                }
            }
        }
        let n = out.len() / 8 * 8;
        assert!(x.len() >= n);
        // SAFETY: `self` proves the instructions; the lengths were compared.
        unsafe { run(q, out.as_mut_ptr(), x.as_ptr(), n) }
        n
    }

    pub(super) fn permute_lines(self, out: &mut [u64], a: &[u64], lines: &Lines) {
        #[target_feature(enable = "avx512f")]
        unsafe fn run(out: *mut u64, a: *const u64, lines: &Lines) {
            for l in 0..lines.n() / 8 {
                let (line, pattern) = lines.entry(l);
                // SAFETY: the operands have `lines.n()` words, and every line is inside.
                unsafe {
                    store(
                        out.add(8 * l),
                        _mm512_permutexvar_epi64(load(pattern.as_ptr()), load(a.add(8 * line))),
                    )
                }
            }
        }
        assert!(out.len() == lines.n() && a.len() == lines.n());
        // SAFETY: `self` proves the instructions; the lengths were compared.
        unsafe { run(out.as_mut_ptr(), a.as_ptr(), lines) }
    }

    /// Returns how many words it has done.
    pub(super) fn rounded_sum(self, out: &mut [u64], rows: &[u64], block: usize, inverses: &[f64]) -> usize {
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
    pub(super) fn weighted_sums(self, dst: &mut [&mut [u64]], at: usize, sums: &WeightedSums<'_>) -> usize {
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
