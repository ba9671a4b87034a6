//! Eight words modulo `q` side by side, with 52-bit products.
//!
//! Notation: a *quotient* of a constant `w` is `floor(w 2^52 / q)`. `x w - floor(x quotient / 2^52) q` is in `[0, 2q)` for `x < 2^52`,
//! and since that is below `2^52` only the lower 52 bits of both products are needed.

use crate::math::modulus::{Modulus, Shoup};
use std::arch::x86_64::*;

/// A constant factor in every lane.
#[derive(Clone, Copy)]
pub(in crate::math) struct Factor {
    w: __m512i,
    quotient: __m512i,
}

impl Factor {
    #[inline]
    #[target_feature(enable = "avx512f")]
    pub(in crate::math) fn new(factor: Shoup) -> Self {
        Self {
            w: splat(factor.w),
            quotient: splat(factor.quotient >> 12),
        }
    }
}

/// `q` and what goes with it, in every lane.
#[derive(Clone, Copy)]
pub(in crate::math) struct Lanes {
    /// `q`.
    pub(in crate::math) q: __m512i,
    /// `2q`.
    pub(in crate::math) q2: __m512i,
    /// `2^52 - q`: adding its low products subtracts those of `q`, modulo `2^52`.
    minus_q: __m512i,
    /// `2^52 - 1`.
    pub(in crate::math) mask: __m512i,
}

impl Lanes {
    #[inline]
    #[target_feature(enable = "avx512f")]
    pub(in crate::math) fn new(q: &Modulus) -> Self {
        let q = q.value();
        Self {
            q: splat(q),
            q2: splat(2 * q),
            minus_q: splat((1 << 52) - q),
            mask: splat((1 << 52) - 1),
        }
    }

    /// `x w`, in `[0, 2q)`, for the lower 52 bits of `x`.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(in crate::math) fn mul(&self, x: __m512i, w: __m512i, quotient: __m512i) -> __m512i {
        _mm512_and_si512(self.mul_add(_mm512_setzero_si512(), x, w, quotient), self.mask)
    }

    /// `u + x w` with that product in `[0, 2q)`, for the lower 52 bits of `x`. Of the result the lower 52 bits count.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(in crate::math) fn mul_add(&self, u: __m512i, x: __m512i, w: __m512i, quotient: __m512i) -> __m512i {
        let t = _mm512_madd52hi_epu64(_mm512_setzero_si512(), x, quotient);
        _mm512_madd52lo_epu64(_mm512_madd52lo_epu64(u, x, w), t, self.minus_q)
    }

    /// `x w`, in `[0, q)`, for `x < 2^52`.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(in crate::math) fn mul_factor(&self, x: __m512i, factor: Factor) -> __m512i {
        subtract_once(self.mul(x, factor.w, factor.quotient), self.q)
    }

    /// `high w + low`, in `[0, q)`, for `high < 2^52` and the lower 52 bits of `low`; `one` is the factor 1.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(in crate::math) fn fold(&self, high: __m512i, low: __m512i, factor: Factor, one: Factor) -> __m512i {
        // Both quotients are at most one too small, so the difference is below 4q < 2^52.
        let zero = _mm512_setzero_si512();
        let t = _mm512_madd52hi_epu64(
            _mm512_madd52hi_epu64(zero, high, factor.quotient),
            low,
            one.quotient,
        );
        let sum = _mm512_madd52lo_epu64(low, high, factor.w);
        let r = _mm512_and_si512(_mm512_madd52lo_epu64(sum, t, self.minus_q), self.mask);
        subtract_once(subtract_once(r, self.q2), self.q)
    }
}

/// `x` in every lane.
#[inline]
#[target_feature(enable = "avx512f")]
pub(in crate::math) fn splat(x: u64) -> __m512i {
    _mm512_set1_epi64(x as i64)
}

/// `x - m` where that is not negative, else `x`.
#[inline]
#[target_feature(enable = "avx512f")]
pub(in crate::math) fn subtract_once(x: __m512i, m: __m512i) -> __m512i {
    _mm512_min_epu64(x, _mm512_sub_epi64(x, m))
}

/// Eight words.
#[inline]
#[target_feature(enable = "avx512f")]
pub(in crate::math) unsafe fn load(at: *const u64) -> __m512i {
    // SAFETY: the caller gives eight readable words.
    unsafe { _mm512_loadu_si512(at.cast()) }
}

/// Eight words.
#[inline]
#[target_feature(enable = "avx512f")]
pub(in crate::math) unsafe fn store(at: *mut u64, v: __m512i) {
    // SAFETY: the caller gives eight writable words.
    unsafe { _mm512_storeu_si512(at.cast(), v) }
}
