//! The inner steps of base conversion.

use super::{Backend, Kernels, scalar};
use crate::math::modulus::Modulus;

/// Words that a vector register looks up by a small integer.
const MULTIPLES: usize = 8;

/// What a sum of few products modulo `p` needs to be reduced the way of Montgomery, with `R = 2^52` (P. L. Montgomery, "Modular
/// multiplication without trial division", 1985): weights times `R`, so that the division by `R` gives the sum itself.
#[derive(Clone, Debug)]
#[cfg_attr(
    not(target_arch = "x86_64"),
    expect(dead_code, reason = "the portable kernels reduce as they do everywhere")
)]
pub(in crate::math) struct Lifted {
    pub(super) p: u64,
    /// `p^-1 mod R`.
    pub(super) inverse: u64,
    /// Of each source.
    pub(super) weights: Vec<u64>,
    /// `v` times the last weight, for each `v`.
    pub(super) multiples: [u64; MULTIPLES],
}

impl Lifted {
    /// For the weights of each source and of `v`, which is at most the number of sources; `None` if `v` cannot be looked up.
    pub(in crate::math) fn new(p: &Modulus, weights: &[u64]) -> Option<Self> {
        let (of_v, weights) = weights.split_last()?;
        if weights.len() >= MULTIPLES || p.value().is_multiple_of(2) {
            return None;
        }
        let r = p.reduce(1 << 52);
        // Newton's iteration doubles the number of right low bits, from three.
        let inverse = (0..5).fold(p.value(), |x, _| {
            x.wrapping_mul(2u64.wrapping_sub(p.value().wrapping_mul(x)))
        });
        Some(Self {
            p: p.value(),
            inverse: inverse & ((1 << 52) - 1),
            weights: weights.iter().map(|&w| p.mul(w, r)).collect(),
            multiples: std::array::from_fn(|v| p.mul(p.reduce(v as u64), p.mul(*of_v, r))),
        })
    }
}

/// `dst[j][at..][..len] = sum of rows[i] weights[j][i]` modulo `moduli[j]`.
pub(in crate::math) struct WeightedSums<'a> {
    /// Modulus of each destination.
    pub(in crate::math) moduli: &'a [Modulus],
    /// Rows of `len` words below `2^50`: of the sources and, last, `v`.
    pub(in crate::math) rows: &'a [&'a [u64]],
    /// For each destination, one word below `2^50` for each row.
    pub(in crate::math) weights: &'a [u64],
    /// The same for each destination, or empty.
    #[cfg_attr(
        not(target_arch = "x86_64"),
        expect(dead_code, reason = "the portable kernels reduce as they do everywhere")
    )]
    pub(in crate::math) lifted: &'a [Lifted],
}

impl WeightedSums<'_> {
    /// Words to convert.
    pub(super) fn len(&self) -> usize {
        self.rows.first().map_or(0, |row| row.len())
    }
}

impl Kernels {
    /// The nearest integers to `sum of rows[i] inverses[i]`.
    pub(in crate::math) fn rounded_sum(&self, out: &mut [u64], rows: &[&[u64]], inverses: &[f64]) {
        let done = match self.0 {
            Backend::Scalar => 0,
            #[cfg(target_arch = "x86_64")]
            Backend::Avx2(simd) => {
                simd.rounded_sum(out, rows, inverses, 0);
                return;
            }
            #[cfg(target_arch = "x86_64")]
            Backend::Avx512(simd) => simd.rounded_sum(out, rows, inverses),
        };
        scalar::rounded_sum(out, rows, inverses, done);
    }

    /// See [`WeightedSums`].
    pub(in crate::math) fn weighted_sums(&self, dst: &mut [&mut [u64]], at: usize, sums: &WeightedSums<'_>) {
        let done = match self.0 {
            Backend::Scalar => 0,
            #[cfg(target_arch = "x86_64")]
            Backend::Avx2(simd) => {
                simd.weighted_sums(dst, at, sums, 0);
                return;
            }
            #[cfg(target_arch = "x86_64")]
            Backend::Avx512(simd) => simd.weighted_sums(dst, at, sums),
        };
        scalar::weighted_sums(dst, at, sums, done);
    }
}
