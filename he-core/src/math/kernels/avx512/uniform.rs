//! Uniform words of public streams: four blocks of AES a vector, and the rule that scales them.

use super::super::lanes::{splat, store};
use super::Avx512;
use crate::math::modulus::Modulus;
use crate::math::uniform::UniformStream;
use std::arch::x86_64::*;

/// Vectors encrypted side by side, to hide the cycles of a round, and their words.
const ABREAST: usize = 8;
pub(super) const ABREAST_WORDS: usize = 8 * ABREAST;

/// Sets `out`, whole pieces of [`ABREAST_WORDS`], to the coefficients of a stream from `first` on.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma,vaes")]
pub(super) fn fill(q: &Modulus, stream: &UniformStream, first: usize, out: &mut [u64]) {
    // SAFETY: a round key has 16 bytes.
    let keys = stream
        .round_keys()
        .each_ref()
        .map(|key| unsafe { _mm512_broadcast_i32x4(_mm_loadu_si128(key.as_ptr().cast())) });
    let zero = _mm512_setzero_si512();
    let (modulus, rejected) = (splat(q.value()), splat(q.two_64()));
    let step = _mm512_set_epi64(0, 4, 0, 4, 0, 4, 0, 4);
    let mut counter = _mm512_add_epi64(
        _mm512_set_epi64(0, 3, 0, 2, 0, 1, 0, 0),
        _mm512_maskz_set1_epi64(0x55, first as i64 / 2),
    );
    for (piece, out) in out.chunks_exact_mut(ABREAST_WORDS).enumerate() {
        let mut words = [zero; ABREAST];
        for word in &mut words {
            *word = _mm512_xor_si512(counter, keys[0]);
            counter = _mm512_add_epi64(counter, step);
        }
        for key in &keys[1..10] {
            for word in &mut words {
                *word = _mm512_aesenc_epi128(*word, *key);
            }
        }
        let mut suspects = 0;
        for (k, word) in words.into_iter().enumerate() {
            // With w = 2^12 h + l: the product is q h 2^12 + q l, of which the lowest 12 bits are left out.
            let w = _mm512_aesenclast_epi128(word, keys[10]);
            let h = _mm512_srli_epi64::<12>(w);
            let low = _mm512_madd52hi_epu64(zero, _mm512_slli_epi64::<40>(w), modulus);
            let low = _mm512_madd52lo_epu64(low, h, modulus);
            let high = _mm512_madd52hi_epu64(_mm512_srli_epi64::<52>(low), h, modulus);
            // Its lower 64 bits are not below this.
            suspects |= _mm512_cmplt_epu64_mask(_mm512_slli_epi64::<12>(low), rejected);
            // SAFETY: a piece has eight words for each vector.
            unsafe { store(out.as_mut_ptr().add(8 * k), high) }
        }
        if suspects != 0 {
            stream.fill_portable(q, first + piece * ABREAST_WORDS, out);
        }
    }
}

impl Avx512 {
    /// Gives how many words it set.
    pub(in super::super) fn uniform(
        self,
        q: &Modulus,
        stream: &UniformStream,
        first: usize,
        out: &mut [u64],
    ) -> usize {
        let whole = out.len() / ABREAST_WORDS * ABREAST_WORDS;
        // SAFETY: `self` proves the instructions.
        unsafe { fill(q, stream, first, &mut out[..whole]) }
        whole
    }
}
