//! Sums of products with rows of panels: packed words come from memory, one after the other, and are unpacked in registers.
//!
//! Word i of eight begins in bit `i b` of their `b` bytes, so within `i b / 8` and the seven bytes that follow: one permutation of bytes
//! brings each word's bytes to its lane, a shift and a mask do the rest.

use super::super::lanes::{load, splat, store, subtract_once};
use super::super::panels::digits;
use super::super::{KeyLimb, KeySum, Made, PanelSums, TERMS_PER_REDUCTION};
use super::uniform::{self, ABREAST_WORDS};
use super::{Avx512, Reducer, SHORT_TERMS, SIDE, SIDE_WORDS};
use crate::math::modulus::Modulus;
use crate::math::panel::Panel;
use std::arch::x86_64::*;
use std::ops::Range;

/// How far ahead of its reads a stream is fetched, into the second cache: what memory delivers in the time it takes to answer, more
/// than the nearest has room for.
const AHEAD_BYTES: usize = 8192;

/// Uniform words made at a time, of all digits: they take a third of the nearest cache.
const MADE_WORDS: usize = 1280;

/// Where the words of eight packed ones stand.
#[derive(Clone, Copy)]
struct Unpacker {
    bytes: __m512i,
    shifts: __m512i,
    mask: __m512i,
}

impl Unpacker {
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn new(bits: u32) -> Self {
        let bit = |lane: usize| lane as u32 * bits;
        let bytes: [u8; 64] = std::array::from_fn(|k| (bit(k / 8) / 8) as u8 + (k % 8) as u8);
        let shifts: [u64; 8] = std::array::from_fn(|lane| u64::from(bit(lane) % 8));
        // SAFETY: both arrays have 64 bytes.
        let [bytes, shifts] =
            unsafe { [bytes.as_ptr().cast(), shifts.as_ptr().cast()].map(|at| _mm512_loadu_si512(at)) };
        Self {
            bytes,
            shifts,
            mask: splat((1 << bits) - 1),
        }
    }

    /// The eight words whose bytes begin at `at`, where 64 bytes can be read.
    #[inline]
    #[target_feature(enable = "avx512f,avx512vbmi")]
    unsafe fn words(&self, at: *const u8) -> __m512i {
        // SAFETY: as the caller says; a prefetch reads nothing.
        let bytes = unsafe {
            _mm_prefetch::<_MM_HINT_T1>(at.wrapping_add(AHEAD_BYTES).cast());
            _mm512_permutexvar_epi8(self.bytes, _mm512_loadu_si512(at.cast()))
        };
        _mm512_and_si512(_mm512_srlv_epi64(bytes, self.shifts), self.mask)
    }
}

/// See [`super::super::Kernels::key_sums`]. A few blocks at a time: uniform halves stay in the nearest cache until they are used, and so
/// do packed ones for the sums behind the first; what was fetched of these arrives while the others are made.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma,avx512dq,avx512vl,avx512vbmi,vaes")]
unsafe fn key_sums<const SHORT: bool>(
    q: &Modulus,
    outs: &[[*mut u64; 2]],
    key: KeyLimb<'_>,
    sums: &[KeySum<'_>],
    range: Range<usize>,
) {
    let reducer = Reducer::new(q);
    let unpacker = Unpacker::new(key.panel.bits());
    let Some(streams) = key.uniform else {
        // A sum that shares nothing is not cut.
        let step = if sums.len() > 1 {
            ABREAST_WORDS
        } else {
            range.len().max(1)
        };
        for at in range.clone().step_by(step) {
            let piece = at..range.end.min(at + step);
            for (sum, &outs) in sums.iter().zip(outs) {
                // SAFETY: as the caller's.
                unsafe { key_blocks::<SHORT>(reducer, unpacker, outs, key.panel, sum, None, piece.clone()) };
            }
        }
        return;
    };
    let digits = digits(sums).max(1);
    let stride = (MADE_WORDS / digits).next_multiple_of(ABREAST_WORDS);
    let mut words = vec![0; digits * stride];
    for at in range.clone().step_by(stride) {
        let piece = at..range.end.min(at + stride);
        for (stream, words) in streams.iter().zip(words.chunks_exact_mut(stride)) {
            let length = piece.len().next_multiple_of(ABREAST_WORDS);
            uniform::fill(q, stream, at, &mut words[..length]);
        }
        let made = Made {
            words: &words,
            stride,
            from: at,
        };
        for (sum, &outs) in sums.iter().zip(outs) {
            // SAFETY: as the caller's; there are as many made words for each digit as a piece has.
            unsafe {
                key_blocks::<SHORT>(reducer, unpacker, outs, key.panel, sum, Some(made), piece.clone())
            };
        }
    }
}

/// Whole blocks of one of [`key_sums`].
#[inline]
#[target_feature(enable = "avx512f,avx512ifma,avx512dq,avx512vl,avx512vbmi")]
unsafe fn key_blocks<const SHORT: bool>(
    reducer: Reducer,
    unpacker: Unpacker,
    outs: [*mut u64; 2],
    panel: &Panel,
    sum: &KeySum<'_>,
    made: Option<Made<'_>>,
    range: Range<usize>,
) {
    let vector = panel.bits() as usize;
    let row = SIDE * vector;
    let zero = _mm512_setzero_si512();
    let (lines, blocks) = (sum.lines(), panel.blocks());
    // SAFETY: the caller gives limbs of as many words as the panel's rows have and a range of whole blocks inside; the panel has two
    // rows a digit, or one where the others were made, and 64 readable bytes from each vector on; targets are lines of the results.
    unsafe {
        let finish = |out: *mut u64, at: usize, mut sums: __m512i| {
            let mut to = at;
            if let Some(lines) = lines {
                let (line, pattern) = lines.target(at / 8);
                sums = _mm512_permutexvar_epi64(load(pattern.as_ptr()), sums);
                to = 8 * line;
            }
            if sum.add {
                sums = subtract_once(_mm512_add_epi64(sums, load(out.add(to))), reducer.lanes.q);
            }
            store(out.add(to), sums);
        };
        for at in range.step_by(SIDE_WORDS) {
            let mut low0 = [zero; SIDE];
            let (mut high0, mut low1, mut high1) = (low0, low0, low0);
            if let Some((limb, weight)) = sum.plus {
                let weight = splat(weight);
                for k in 0..SIDE {
                    let x = load(limb.as_ptr().add(at + 8 * k));
                    low0[k] = _mm512_madd52lo_epu64(zero, x, weight);
                    high0[k] = _mm512_madd52hi_epu64(zero, x, weight);
                }
            }
            let mut from = blocks.ptr(at / SIDE_WORDS);
            for (j, digit) in sum.digits.iter().enumerate() {
                let uniform = made.map(|made| made.digit(j, at)[..SIDE_WORDS].as_ptr());
                for k in 0..SIDE {
                    let x = load(digit.as_ptr().add(at + 8 * k));
                    let b = unpacker.words(from.add(k * vector));
                    let a = match uniform {
                        Some(words) => load(words.add(8 * k)),
                        None => unpacker.words(from.add(row + k * vector)),
                    };
                    low0[k] = _mm512_madd52lo_epu64(low0[k], x, b);
                    high0[k] = _mm512_madd52hi_epu64(high0[k], x, b);
                    low1[k] = _mm512_madd52lo_epu64(low1[k], x, a);
                    high1[k] = _mm512_madd52hi_epu64(high1[k], x, a);
                }
                from = from.add(if made.is_some() { row } else { 2 * row });
            }
            for k in 0..SIDE {
                finish(outs[0], at + 8 * k, reducer.sum::<SHORT>(low0[k], high0[k]));
                finish(outs[1], at + 8 * k, reducer.sum::<SHORT>(low1[k], high1[k]));
            }
        }
    }
}

/// One block of one of several sums; see [`super::super::Kernels::panel_sums`].
#[inline]
#[target_feature(enable = "avx512f,avx512ifma,avx512dq,avx512vl,avx512vbmi")]
unsafe fn panel_sums(q: &Modulus, outs: &mut [[&mut [u64]; 2]], sums: &PanelSums<'_>, range: Range<usize>) {
    let reducer = Reducer::new(q);
    let unpacker = Unpacker::new(sums.panel.bits());
    let vector = sums.panel.bits() as usize;
    let blocks = sums.panel.blocks();
    let zero = _mm512_setzero_si512();
    for at in range.clone().step_by(SIDE_WORDS) {
        let block = blocks.ptr(at / SIDE_WORDS);
        for ([out0, out1], terms) in outs.iter_mut().zip(sums.terms) {
            let mut low0 = [zero; SIDE];
            let (mut high0, mut low1, mut high1) = (low0, low0, low0);
            let short = terms.len() <= SHORT_TERMS;
            let reduce = |low, high| match short {
                true => reducer.sum::<true>(low, high),
                false => reducer.sum::<false>(low, high),
            };
            for (i, part) in terms.chunks(TERMS_PER_REDUCTION).enumerate() {
                if i > 0 {
                    for k in 0..SIDE {
                        low0[k] = reduce(low0[k], high0[k]);
                        low1[k] = reduce(low1[k], high1[k]);
                        (high0[k], high1[k]) = (zero, zero);
                    }
                }
                for term in part {
                    // SAFETY: the caller gives limbs of as many words as the panel's rows have and a range of whole blocks inside; terms
                    // name rows and factors that exist; 64 bytes can be read from each vector of a panel on.
                    unsafe {
                        let row = block.add(term.row as usize * SIDE * vector);
                        let [a, b] = sums.factors.get_unchecked(term.factor as usize);
                        for k in 0..SIDE {
                            let x = unpacker.words(row.add(k * vector));
                            let (a, b) = (load(a.as_ptr().add(at + 8 * k)), load(b.as_ptr().add(at + 8 * k)));
                            low0[k] = _mm512_madd52lo_epu64(low0[k], x, a);
                            high0[k] = _mm512_madd52hi_epu64(high0[k], x, a);
                            low1[k] = _mm512_madd52lo_epu64(low1[k], x, b);
                            high1[k] = _mm512_madd52hi_epu64(high1[k], x, b);
                        }
                    }
                }
            }
            for k in 0..SIDE {
                let to = at - range.start + 8 * k;
                // SAFETY: as above; results have as many words as the range.
                unsafe {
                    store(out0.as_mut_ptr().add(to), reduce(low0[k], high0[k]));
                    store(out1.as_mut_ptr().add(to), reduce(low1[k], high1[k]));
                }
            }
        }
    }
}

impl Avx512 {
    /// For panels with full blocks.
    pub(in super::super) fn key_sums(
        self,
        q: &Modulus,
        outs: &mut [[&mut [u64]; 2]],
        key: KeyLimb<'_>,
        sums: &[KeySum<'_>],
        range: Range<usize>,
    ) {
        let n = key.panel.n();
        assert!(key.panel.block() == SIDE_WORDS && range.end <= n && range.start.is_multiple_of(SIDE_WORDS));
        assert!(outs.len() == sums.len() && outs.iter().flatten().all(|out| out.len() == n));
        for sum in sums {
            assert!(key.has(sum.digits.len()) && sum.digits.iter().all(|digit| digit.len() == n));
            assert!(sum.plus.is_none_or(|(limb, _)| limb.len() == n));
            assert!(sum.lines().is_none_or(|lines| lines.n() == n));
        }
        let outs: Vec<[*mut u64; 2]> = outs
            .iter_mut()
            .map(|outs| outs.each_mut().map(|out| out.as_mut_ptr()))
            .collect();
        // SAFETY: `self` proves the instructions; lengths, rows and range were compared, and targets are inside.
        unsafe {
            match sums.iter().all(|sum| sum.terms() <= SHORT_TERMS) {
                true => key_sums::<true>(q, &outs, key, sums, range),
                false => key_sums::<false>(q, &outs, key, sums, range),
            }
        }
    }

    /// For panels with full blocks.
    pub(in super::super) fn panel_sums(
        self,
        q: &Modulus,
        outs: &mut [[&mut [u64]; 2]],
        sums: &PanelSums<'_>,
        range: Range<usize>,
    ) {
        let n = sums.panel.n();
        assert!(sums.panel.block() == SIDE_WORDS && range.end <= n && range.start.is_multiple_of(SIDE_WORDS));
        assert!(outs.iter().flatten().all(|out| out.len() == range.len()));
        assert!(sums.factors.iter().flatten().all(|factor| factor.len() == n));
        let inside = |row: u32, factor: u32| {
            (row as usize) < sums.panel.rows() && (factor as usize) < sums.factors.len()
        };
        assert!(
            sums.terms
                .iter()
                .all(|terms| terms.iter().all(|t| inside(t.row, t.factor)))
        );
        // SAFETY: `self` proves the instructions; lengths, rows, factors and range were compared.
        unsafe { panel_sums(q, outs, sums, range) }
    }

    /// For words of at least eight bits: a byte then has bits of at most two words, an even and an odd one. Writes over the bytes that
    /// follow.
    pub(in super::super) fn pack(self, words: &[u64], bits: u32, bytes: &mut [u8]) {
        #[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
        unsafe fn run(words: &[u64], bits: usize, bytes: &mut [u8]) {
            let shifts: [u64; 8] = std::array::from_fn(|lane| (lane * bits % 8) as u64);
            // For each packed byte and each parity: the byte of a shifted word that falls on it, if any.
            let (mut from, mut masks) = ([[0u8; 64]; 2], [0u64; 2]);
            for lane in 0..8 {
                let (first, last) = (lane * bits / 8, (lane * bits + bits - 1) / 8);
                for (k, from) in from[lane % 2][first..=last].iter_mut().enumerate() {
                    *from = (8 * lane + k) as u8;
                    masks[lane % 2] |= 1 << (first + k);
                }
            }
            let whole = (1u64 << bits) - 1;
            // SAFETY: arrays of 64 bytes; eight words a step, and slices of as many bytes as are written.
            unsafe {
                let shifts = load(shifts.as_ptr());
                let [even, odd] = from.map(|from| _mm512_loadu_si512(from.as_ptr().cast()));
                for (i, words) in words.chunks_exact(8).enumerate() {
                    let shifted = _mm512_sllv_epi64(load(words.as_ptr()), shifts);
                    let packed = _mm512_or_si512(
                        _mm512_maskz_permutexvar_epi8(masks[0], even, shifted),
                        _mm512_maskz_permutexvar_epi8(masks[1], odd, shifted),
                    );
                    let rest = &mut bytes[i * bits..];
                    // A masked store takes many times as long.
                    match rest.len() >= 64 {
                        true => _mm512_storeu_si512(rest.as_mut_ptr().cast(), packed),
                        false => _mm512_mask_storeu_epi8(rest[..bits].as_mut_ptr().cast(), whole, packed),
                    }
                }
            }
        }
        assert!((8..=56).contains(&bits));
        // SAFETY: `self` proves the instructions.
        unsafe { run(words, bits as usize, bytes) }
    }

    /// See [`super::super::Kernels::unpack`]; gives how many words it set: 64 bytes must follow the first of any eight.
    pub(in super::super) fn unpack(self, bytes: &[u8], bits: u32, words: &mut [u64]) -> usize {
        #[target_feature(enable = "avx512f,avx512vbmi")]
        unsafe fn run(bytes: &[u8], bits: u32, words: &mut [u64]) {
            let unpacker = Unpacker::new(bits);
            for (i, words) in words.chunks_exact_mut(8).enumerate() {
                let at = &bytes[i * bits as usize..][..64];
                // SAFETY: 64 bytes are read, eight words written.
                unsafe { store(words.as_mut_ptr(), unpacker.words(at.as_ptr())) }
            }
        }
        let pieces = match bytes.len().checked_sub(64) {
            Some(last) => (last / bits as usize + 1).min(words.len() / 8),
            None => 0,
        };
        // SAFETY: `self` proves the instructions.
        unsafe { run(bytes, bits, &mut words[..8 * pieces]) }
        8 * pieces
    }
}
