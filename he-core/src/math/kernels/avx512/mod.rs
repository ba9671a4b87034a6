//! The AVX-512 path: eight words a vector, 52-bit products (IFMA).
//!
//! A sum of products is kept as two sums, of the lower and the upper 52 bits of each product, and reduced once: two instructions a
//! product, so that long sums run at the speed of their loads.

mod conversion;
mod panels;
mod runs;
mod sums;
mod uniform;

use super::lanes::{Factor, Lanes, load, splat, store, subtract_once};
use super::{Lines, Op, Operands};
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
            }
        }
        // SAFETY: `self` proves the instructions.
        unsafe { run(op, q, operands) }
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
}
