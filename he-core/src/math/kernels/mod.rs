//! Loops over limbs: the arithmetic everything else is made of.
//!
//! A [`Kernels`] is a path of [`crate::math::cpu`] that was found to be supported; [`active`] is the one in use. Operands are limbs
//! modulo the `q` given first, fully reduced unless a method says otherwise, and so are results, hence every path gives the same words.
//!
//! # Panics
//! All methods panic if the lengths of their operands differ: that is a defect of the caller, never of data.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod conversion;
#[cfg(target_arch = "x86_64")]
pub(super) mod lanes;
mod lines;
mod panels;
mod runs;
mod scalar;
#[cfg(test)]
pub(super) mod tests;
mod uniform;

pub(super) use conversion::{Lifted, WeightedSums};
pub(super) use lines::Lines;
use panels::Made;
pub use panels::{KeyLimb, KeySum, PanelSums, PanelTerm};
pub use runs::{Run, RunSums, RunTerm};

use super::cpu::{self, Path};
use super::modulus::{Modulus, Shoup};
use super::tally::{self, Work};
use std::sync::OnceLock;

/// Products of words below `2^50` that can be summed before a reduction: the sum of the lower 52-bit halves must stay below `2^64`.
const TERMS_PER_REDUCTION: usize = 4000;

/// The kernels of one path.
#[derive(Clone, Copy, Debug)]
pub struct Kernels(Backend);

#[derive(Clone, Copy, Debug)]
enum Backend {
    Scalar,
    #[cfg(target_arch = "x86_64")]
    Avx2(avx2::Avx2),
    #[cfg(target_arch = "x86_64")]
    Avx512(avx512::Avx512),
}

/// The kernels in use (see [`cpu::active`]).
pub fn active() -> Kernels {
    static ACTIVE: OnceLock<Kernels> = OnceLock::new();
    *ACTIVE.get_or_init(|| Kernels::for_path(cpu::active()).unwrap_or(Kernels(Backend::Scalar)))
}

/// The kernels of every path this machine supports, slowest first.
pub fn available() -> Vec<Kernels> {
    cpu::paths_available()
        .into_iter()
        .filter_map(Kernels::for_path)
        .collect()
}

/// What is done to each word `x` of the result, given words `a` and `b` of the operands.
#[derive(Clone, Copy)]
enum Op {
    /// `a + b`
    Add,
    /// `a - b`
    Sub,
    /// `-a`
    Neg,
    /// `a b`
    Mul,
    /// `a w`
    MulFactor(Shoup),
    /// `x + a w`
    MulFactorAdd(Shoup),
    /// `(a - b) w`
    SubMulFactor(Shoup),
}

/// Operands of an [`Op`]; an absent one is the result itself.
struct Operands<'a> {
    out: &'a mut [u64],
    a: Option<&'a [u64]>,
    b: Option<&'a [u64]>,
}

impl Kernels {
    /// The kernels of `path`, if this machine supports it.
    pub fn for_path(path: Path) -> Option<Self> {
        match path {
            Path::Scalar => Some(Self(Backend::Scalar)),
            #[cfg(target_arch = "x86_64")]
            Path::Avx2 => avx2::Avx2::detect().map(|proof| Self(Backend::Avx2(proof))),
            #[cfg(target_arch = "x86_64")]
            Path::Avx512 => avx512::Avx512::detect().map(|proof| Self(Backend::Avx512(proof))),
            #[cfg(not(target_arch = "x86_64"))]
            _ => None,
        }
    }

    /// The path these kernels belong to.
    pub fn path(&self) -> Path {
        match self.0 {
            Backend::Scalar => Path::Scalar,
            #[cfg(target_arch = "x86_64")]
            Backend::Avx2(_) => Path::Avx2,
            #[cfg(target_arch = "x86_64")]
            Backend::Avx512(_) => Path::Avx512,
        }
    }

    fn elementwise(&self, op: Op, q: &Modulus, out: &mut [u64], a: Option<&[u64]>, b: Option<&[u64]>) {
        for operand in [a, b].into_iter().flatten() {
            same(out.len(), &[operand.len()]);
        }
        let operands = Operands { out, a, b };
        match self.0 {
            Backend::Scalar => scalar::elementwise(op, q, operands),
            #[cfg(target_arch = "x86_64")]
            Backend::Avx2(simd) => simd.elementwise(op, q, operands),
            #[cfg(target_arch = "x86_64")]
            Backend::Avx512(simd) => simd.elementwise(op, q, operands),
        }
    }

    /// `out = a + b`.
    pub fn add(&self, q: &Modulus, out: &mut [u64], a: &[u64], b: &[u64]) {
        self.elementwise(Op::Add, q, out, Some(a), Some(b));
    }

    /// `out += b`.
    pub fn add_assign(&self, q: &Modulus, out: &mut [u64], b: &[u64]) {
        self.elementwise(Op::Add, q, out, None, Some(b));
    }

    /// `out = a - b`.
    pub fn sub(&self, q: &Modulus, out: &mut [u64], a: &[u64], b: &[u64]) {
        self.elementwise(Op::Sub, q, out, Some(a), Some(b));
    }

    /// `out -= b`.
    pub fn sub_assign(&self, q: &Modulus, out: &mut [u64], b: &[u64]) {
        self.elementwise(Op::Sub, q, out, None, Some(b));
    }

    /// `out = -a`.
    pub fn neg(&self, q: &Modulus, out: &mut [u64], a: &[u64]) {
        self.elementwise(Op::Neg, q, out, Some(a), None);
    }

    /// `out = -out`.
    pub fn neg_assign(&self, q: &Modulus, out: &mut [u64]) {
        self.elementwise(Op::Neg, q, out, None, None);
    }

    /// `out = a b`, word by word.
    pub fn mul(&self, q: &Modulus, out: &mut [u64], a: &[u64], b: &[u64]) {
        tally::add(Work::MacWord, out.len());
        self.elementwise(Op::Mul, q, out, Some(a), Some(b));
    }

    /// `out = out b`, word by word.
    pub fn mul_assign(&self, q: &Modulus, out: &mut [u64], b: &[u64]) {
        tally::add(Work::MacWord, out.len());
        self.elementwise(Op::Mul, q, out, None, Some(b));
    }

    /// `out = a w` for one word `w`.
    pub fn mul_scalar(&self, q: &Modulus, out: &mut [u64], a: &[u64], w: u64) {
        self.mul_shoup(q, out, a, q.shoup(w));
    }

    /// `out = a w` for a constant factor prepared before.
    pub fn mul_shoup(&self, q: &Modulus, out: &mut [u64], a: &[u64], w: Shoup) {
        self.elementwise(Op::MulFactor(w), q, out, Some(a), None);
    }

    /// `out = out w` for one word `w`.
    pub fn mul_scalar_assign(&self, q: &Modulus, out: &mut [u64], w: u64) {
        self.elementwise(Op::MulFactor(q.shoup(w)), q, out, None, None);
    }

    /// `out += a w` for one word `w`.
    pub fn mul_scalar_add(&self, q: &Modulus, out: &mut [u64], a: &[u64], w: u64) {
        self.elementwise(Op::MulFactorAdd(q.shoup(w)), q, out, Some(a), None);
    }

    /// `out = (a - b) w` for one word `w`: the last step of dividing by dropped primes.
    pub fn sub_mul_scalar(&self, q: &Modulus, out: &mut [u64], a: &[u64], b: &[u64], w: u64) {
        self.elementwise(Op::SubMulFactor(q.shoup(w)), q, out, Some(a), Some(b));
    }

    /// `out = (out - b) w` for one word `w`.
    pub fn sub_mul_scalar_assign(&self, q: &Modulus, out: &mut [u64], b: &[u64], w: u64) {
        self.elementwise(Op::SubMulFactor(q.shoup(w)), q, out, None, Some(b));
    }

    /// `out = sum of a b` over the terms, with one reduction at the end. Operands may be any words below `2^50`.
    pub fn inner_product(&self, q: &Modulus, out: &mut [u64], terms: &[(&[u64], &[u64])]) {
        self.products(q, out, terms, false);
    }

    /// `out += sum of a b` over the terms. Operands may be any words below `2^50`.
    pub fn inner_product_add(&self, q: &Modulus, out: &mut [u64], terms: &[(&[u64], &[u64])]) {
        self.products(q, out, terms, true);
    }

    fn products(&self, q: &Modulus, out: &mut [u64], terms: &[(&[u64], &[u64])], add: bool) {
        tally::add(Work::MacWord, terms.len() * out.len());
        for (a, b) in terms {
            same(out.len(), &[a.len(), b.len()]);
        }
        for (part, add) in parts(terms, add) {
            let done = match self.0 {
                Backend::Scalar => 0,
                #[cfg(target_arch = "x86_64")]
                Backend::Avx2(simd) => {
                    simd.inner_product(q, out, part, add, 0);
                    continue;
                }
                #[cfg(target_arch = "x86_64")]
                Backend::Avx512(simd) => simd.inner_product(q, out, part, add),
            };
            scalar::inner_product(q, out, part, add, done);
        }
    }

    /// `outs[0] = sum of x a`, `outs[1] = sum of x b` over terms `(x, a, b)`: a plaintext times both halves of a ciphertext, or a digit
    /// times both halves of a key, reading `x` once. Operands may be any words below `2^50`.
    pub fn inner_product_pair(&self, q: &Modulus, outs: [&mut [u64]; 2], terms: &[(&[u64], &[u64], &[u64])]) {
        self.pairs(q, outs, terms, false);
    }

    /// [`Self::inner_product_pair`], added to what `outs` hold.
    pub fn inner_product_pair_add(
        &self,
        q: &Modulus,
        outs: [&mut [u64]; 2],
        terms: &[(&[u64], &[u64], &[u64])],
    ) {
        self.pairs(q, outs, terms, true);
    }

    fn pairs(&self, q: &Modulus, outs: [&mut [u64]; 2], terms: &[(&[u64], &[u64], &[u64])], add: bool) {
        let [out0, out1] = outs;
        let n = out0.len();
        tally::add(Work::MacWord, 2 * terms.len() * n);
        same(n, &[out1.len()]);
        for (x, a, b) in terms {
            same(n, &[x.len(), a.len(), b.len()]);
        }
        for (part, add) in parts(terms, add) {
            let done = match self.0 {
                Backend::Scalar => 0,
                #[cfg(target_arch = "x86_64")]
                Backend::Avx2(simd) => {
                    simd.inner_product_pair(q, [out0, out1], part, add, 0);
                    continue;
                }
                #[cfg(target_arch = "x86_64")]
                Backend::Avx512(simd) => simd.inner_product_pair(q, [out0, out1], part, add),
            };
            scalar::inner_product_pair(q, [out0, out1], part, add, done);
        }
    }

    /// `out = x mod q` for signed words. Constant time.
    pub fn reduce_i64(&self, q: &Modulus, out: &mut [u64], x: &[i64]) {
        same(out.len(), &[x.len()]);
        let done = match self.0 {
            Backend::Scalar => 0,
            #[cfg(target_arch = "x86_64")]
            Backend::Avx2(simd) => {
                simd.reduce_i64(q, out, x);
                return;
            }
            #[cfg(target_arch = "x86_64")]
            Backend::Avx512(simd) => simd.reduce_i64(q, out, x),
        };
        scalar::reduce_i64(q, &mut out[done..], &x[done..]);
    }

    /// `out = x mod q` for small signed words (secrets, errors). Constant time.
    pub fn reduce_i8(&self, q: &Modulus, out: &mut [u64], x: &[i8]) {
        same(out.len(), &[x.len()]);
        let done = match self.0 {
            Backend::Scalar => 0,
            #[cfg(target_arch = "x86_64")]
            Backend::Avx2(simd) => {
                simd.reduce_i8(q, out, x);
                return;
            }
            #[cfg(target_arch = "x86_64")]
            Backend::Avx512(simd) => simd.reduce_i8(q, out, x),
        };
        scalar::reduce_i8(q, &mut out[done..], &x[done..]);
    }

    /// Moves whole cache lines: see [`Lines`].
    pub(super) fn permute_lines(&self, out: &mut [u64], a: &[u64], lines: &Lines) {
        same(lines.n(), &[out.len(), a.len()]);
        match self.0 {
            Backend::Scalar => scalar::permute_lines(out, a, lines),
            #[cfg(target_arch = "x86_64")]
            Backend::Avx2(simd) => simd.permute_lines(out, a, lines),
            #[cfg(target_arch = "x86_64")]
            Backend::Avx512(simd) => simd.permute_lines(out, a, lines),
        }
    }
}

/// The terms in parts that one reduction can take, each with whether it is added to the result; at least one part.
fn parts<T>(terms: &[T], add: bool) -> impl Iterator<Item = (&[T], bool)> {
    let rest = terms.len().saturating_sub(TERMS_PER_REDUCTION);
    let (last, first) = (&terms[terms.len() - rest..], &terms[..terms.len() - rest]);
    std::iter::once((first, add)).chain(last.chunks(TERMS_PER_REDUCTION).map(|part| (part, true)))
}

/// Holds every operand to the length of the result.
#[track_caller]
fn same(n: usize, others: &[usize]) {
    for &other in others {
        assert_eq!(n, other, "limbs of one operation differ in length");
    }
}
