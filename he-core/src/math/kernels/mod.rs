//! Loops over limbs: the arithmetic everything else is made of.
//!
//! A [`Kernels`] is a path of [`crate::math::cpu`] that was found to be supported; [`active`] is the one in use. Operands are limbs
//! modulo the `q` given first, fully reduced unless a method says otherwise, and so are results, hence every path gives the same words.
//!
//! # Panics
//! All methods panic if the lengths of their operands differ: that is a defect of the caller, never of data.

mod scalar;

use super::cpu::{self, Path};
use super::modulus::{Modulus, Shoup};
use std::sync::OnceLock;

/// Products of words below `2^50` that can be summed before a reduction: the sum of the lower 52-bit halves must stay below `2^64`.
const TERMS_PER_REDUCTION: usize = 4000;

/// The kernels of one path.
#[derive(Clone, Copy, Debug)]
pub struct Kernels {
    path: Path,
}

/// The kernels in use (see [`cpu::active`]).
pub fn active() -> Kernels {
    static ACTIVE: OnceLock<Kernels> = OnceLock::new();
    *ACTIVE.get_or_init(|| Kernels { path: cpu::active() })
}

/// The kernels of every path this machine supports, slowest first.
pub fn available() -> Vec<Kernels> {
    cpu::paths_available()
        .into_iter()
        .filter_map(Kernels::for_path)
        .collect()
}

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

impl Kernels {
    /// The kernels of `path`, if this machine supports it.
    pub fn for_path(path: Path) -> Option<Self> {
        path.is_supported().then_some(Self { path })
    }

    /// The path these kernels belong to.
    pub fn path(&self) -> Path {
        self.path
    }

    /// `out = a + b`.
    pub fn add(&self, q: &Modulus, out: &mut [u64], a: &[u64], b: &[u64]) {
        same(out.len(), &[a.len(), b.len()]);
        scalar::zip(out, a, b, |a, b| q.add(a, b));
    }

    /// `out += b`.
    pub fn add_assign(&self, q: &Modulus, out: &mut [u64], b: &[u64]) {
        same(out.len(), &[b.len()]);
        scalar::update(out, b, |a, b| q.add(a, b));
    }

    /// `out = a - b`.
    pub fn sub(&self, q: &Modulus, out: &mut [u64], a: &[u64], b: &[u64]) {
        same(out.len(), &[a.len(), b.len()]);
        scalar::zip(out, a, b, |a, b| q.sub(a, b));
    }

    /// `out -= b`.
    pub fn sub_assign(&self, q: &Modulus, out: &mut [u64], b: &[u64]) {
        same(out.len(), &[b.len()]);
        scalar::update(out, b, |a, b| q.sub(a, b));
    }

    /// `out = -a`.
    pub fn neg(&self, q: &Modulus, out: &mut [u64], a: &[u64]) {
        same(out.len(), &[a.len()]);
        scalar::update(out, a, |_, a| q.neg(a));
    }

    /// `out = -out`.
    pub fn neg_assign(&self, q: &Modulus, out: &mut [u64]) {
        scalar::each(out, |a| q.neg(a));
    }

    /// `out = a b`, word by word.
    pub fn mul(&self, q: &Modulus, out: &mut [u64], a: &[u64], b: &[u64]) {
        same(out.len(), &[a.len(), b.len()]);
        scalar::zip(out, a, b, |a, b| q.mul(a, b));
    }

    /// `out = out b`, word by word.
    pub fn mul_assign(&self, q: &Modulus, out: &mut [u64], b: &[u64]) {
        same(out.len(), &[b.len()]);
        scalar::update(out, b, |a, b| q.mul(a, b));
    }

    /// `out = a w` for one word `w < q`.
    pub fn mul_scalar(&self, q: &Modulus, out: &mut [u64], a: &[u64], w: u64) {
        self.mul_shoup(q, out, a, q.shoup(w));
    }

    /// `out = a w` for a constant factor prepared before.
    pub fn mul_shoup(&self, q: &Modulus, out: &mut [u64], a: &[u64], w: Shoup) {
        same(out.len(), &[a.len()]);
        scalar::update(out, a, |_, a| q.mul_shoup(a, w));
    }

    /// `out = out w` for one word `w < q`.
    pub fn mul_scalar_assign(&self, q: &Modulus, out: &mut [u64], w: u64) {
        let w = q.shoup(w);
        scalar::each(out, |a| q.mul_shoup(a, w));
    }

    /// `out += a w` for one word `w < q`.
    pub fn mul_scalar_add(&self, q: &Modulus, out: &mut [u64], a: &[u64], w: u64) {
        same(out.len(), &[a.len()]);
        let w = q.shoup(w);
        scalar::update(out, a, |sum, a| q.add(sum, q.mul_shoup(a, w)));
    }

    /// `out = (a - b) w` for one word `w < q`: the last step of dividing by dropped primes.
    pub fn sub_mul_scalar(&self, q: &Modulus, out: &mut [u64], a: &[u64], b: &[u64], w: u64) {
        same(out.len(), &[a.len(), b.len()]);
        let w = q.shoup(w);
        scalar::zip(out, a, b, |a, b| q.mul_shoup(q.sub(a, b), w));
    }

    /// `out = (out - b) w` for one word `w < q`.
    pub fn sub_mul_scalar_assign(&self, q: &Modulus, out: &mut [u64], b: &[u64], w: u64) {
        same(out.len(), &[b.len()]);
        let w = q.shoup(w);
        scalar::update(out, b, |a, b| q.mul_shoup(q.sub(a, b), w));
    }

    /// `out = sum of a b` over the terms, with one reduction at the end. Operands may be any words below `2^50`.
    pub fn inner_product(&self, q: &Modulus, out: &mut [u64], terms: &[(&[u64], &[u64])]) {
        out.fill(0);
        self.inner_product_add(q, out, terms);
    }

    /// `out += sum of a b` over the terms. Operands may be any words below `2^50`.
    pub fn inner_product_add(&self, q: &Modulus, out: &mut [u64], terms: &[(&[u64], &[u64])]) {
        for (a, b) in terms {
            same(out.len(), &[a.len(), b.len()]);
        }
        for part in terms.chunks(TERMS_PER_REDUCTION) {
            scalar::inner_product(q, out, part);
        }
    }

    /// `outs[0] = sum of x a`, `outs[1] = sum of x b` over terms `(x, a, b)`: a plaintext times both halves of a ciphertext, or a digit
    /// times both halves of a key, reading `x` once. Operands may be any words below `2^50`.
    pub fn inner_product_pair(&self, q: &Modulus, outs: [&mut [u64]; 2], terms: &[(&[u64], &[u64], &[u64])]) {
        let [out0, out1] = outs;
        out0.fill(0);
        out1.fill(0);
        self.inner_product_pair_add(q, [out0, out1], terms);
    }

    /// [`Self::inner_product_pair`], added to what `outs` hold.
    pub fn inner_product_pair_add(
        &self,
        q: &Modulus,
        outs: [&mut [u64]; 2],
        terms: &[(&[u64], &[u64], &[u64])],
    ) {
        let [out0, out1] = outs;
        for (x, a, b) in terms {
            same(out0.len(), &[out1.len(), x.len(), a.len(), b.len()]);
        }
        for part in terms.chunks(TERMS_PER_REDUCTION) {
            scalar::inner_product_pair(q, out0, out1, part);
        }
    }

    /// `out = sum of a b` where every `b` is given by runs. Operands may be any words below `2^50`.
    pub fn inner_product_runs(&self, q: &Modulus, out: &mut [u64], terms: &[(&[u64], Run<'_>)]) {
        out.fill(0);
        self.inner_product_runs_add(q, out, terms);
    }

    /// [`Self::inner_product_runs`], added to what `out` holds.
    pub fn inner_product_runs_add(&self, q: &Modulus, out: &mut [u64], terms: &[(&[u64], Run<'_>)]) {
        for (a, b) in terms {
            same(out.len(), &[a.len(), b.n()]);
            assert!(
                b.run.is_power_of_two(),
                "a run has a power of two words, not {}",
                b.run
            );
        }
        for part in terms.chunks(TERMS_PER_REDUCTION) {
            scalar::inner_product_runs(q, out, part);
        }
    }

    /// `out = x mod q` for signed words. Constant time.
    pub fn reduce_i64(&self, q: &Modulus, out: &mut [u64], x: &[i64]) {
        same(out.len(), &[x.len()]);
        scalar::lift(out, x, |x| q.from_i64(x));
    }

    /// `out = x mod q` for small signed words (secrets, errors). Constant time.
    pub fn reduce_i8(&self, q: &Modulus, out: &mut [u64], x: &[i8]) {
        same(out.len(), &[x.len()]);
        scalar::lift(out, x, |x| q.from_i64(x.into()));
    }

    /// `out = out mod q` for any words, say those of another modulus.
    pub fn reduce_assign(&self, q: &Modulus, out: &mut [u64]) {
        scalar::each(out, |x| q.reduce(x));
    }

    /// `out[8 l + k] = a[8 line + pattern[k]]` with `(line, pattern)` packed in `lines[l]`: see [`crate::math::automorphism`].
    pub(super) fn permute_lines(&self, out: &mut [u64], a: &[u64], lines: &[u32], patterns: &[[u64; 8]; 8]) {
        same(out.len(), &[a.len(), lines.len() * 8]);
        scalar::permute_lines(out, a, lines, patterns);
    }

    /// The nearest integers to `sum of rows[i] inverses[i]`, for one block of a base conversion; rows stand `block` words apart.
    pub(super) fn rounded_sum(&self, out: &mut [u64], rows: &[u64], block: usize, inverses: &[f64]) {
        scalar::rounded_sum(out, rows, block, inverses);
    }

    /// `dst[j][at..][..len] = sum of rows[i] weights[j][i]` modulo `moduli[j]`; rows stand `block` words apart.
    pub(super) fn weighted_sums(&self, dst: &mut [&mut [u64]], at: usize, sums: &WeightedSums<'_>) {
        scalar::weighted_sums(dst, at, sums);
    }
}

/// Operands of the inner step of a base conversion.
pub(super) struct WeightedSums<'a> {
    /// Modulus of each destination.
    pub moduli: &'a [Modulus],
    /// Source rows, `block` words apart, `len` of them meant, all words below `2^50`.
    pub rows: &'a [u64],
    /// Distance of rows.
    pub block: usize,
    /// Words to convert.
    pub len: usize,
    /// For each destination, one word below `2^50` for each row.
    pub weights: &'a [u64],
}

/// Holds every operand to the length of the result.
#[track_caller]
fn same(n: usize, others: &[usize]) {
    for &other in others {
        assert_eq!(n, other, "limbs of one operation differ in length");
    }
}
