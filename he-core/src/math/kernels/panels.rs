//! Sums of products whose second factors stand in a [`Panel`].

use std::ops::Range;

#[cfg(target_arch = "x86_64")]
use super::Backend;
use super::{Kernels, Lines, same, scalar};
use crate::math::automorphism::Automorphism;
use crate::math::modulus::Modulus;
#[cfg(target_arch = "x86_64")]
use crate::math::panel::BLOCK_WORDS;
use crate::math::panel::Panel;
use crate::math::tally::{self, Work};
use crate::math::uniform::UniformStream;

/// A key-switching key modulo a prime.
#[derive(Clone, Copy)]
pub struct KeyLimb<'a> {
    /// Digit j meets rows 2 j and 2 j + 1, or row j where `uniform` makes the other half. It may have more rows.
    pub panel: &'a Panel,
    /// The uniform half of each digit, to be made just before it is used. There may be more.
    pub uniform: Option<&'a [UniformStream]>,
}

/// One limb of a product of digits with a key, and what is done with it before it is stored.
#[derive(Clone, Copy)]
pub struct KeySum<'a> {
    /// The digits, any words below `2^50`.
    pub digits: &'a [&'a [u64]],
    /// A limb times a word, added to the first sum.
    pub plus: Option<(&'a [u64], u64)>,
    /// Applied to both sums.
    pub automorphism: Option<&'a Automorphism>,
    /// Whether the sums are added to what the results hold.
    pub add: bool,
}

/// Words of each digit's uniform half that are made at a time: those of all digits stay in the nearest cache until they are used.
const UNIFORM_WORDS: usize = 256;

/// The uniform halves of a stretch.
#[derive(Clone, Copy)]
pub(super) struct Made<'a> {
    /// Digit by digit.
    pub(super) words: &'a [u64],
    /// Words of a digit.
    pub(super) stride: usize,
    /// The first coefficient.
    pub(super) from: usize,
}

impl Made<'_> {
    /// The words of a digit from coefficient `at` on.
    #[inline(always)]
    pub(super) fn digit(&self, j: usize, at: usize) -> &[u64] {
        &self.words[j * self.stride..][at - self.from..self.stride]
    }
}

impl KeyLimb<'_> {
    /// Whether it has these digits.
    pub(super) fn has(&self, digits: usize) -> bool {
        let rows = digits * if self.uniform.is_some() { 1 } else { 2 };
        self.panel.rows() >= rows && self.uniform.is_none_or(|streams| streams.len() >= digits)
    }
}

impl KeySum<'_> {
    /// Products that it adds up.
    #[cfg(target_arch = "x86_64")]
    pub(super) fn terms(&self) -> usize {
        self.digits.len() + usize::from(self.plus.is_some())
    }

    pub(super) fn lines(&self) -> Option<&Lines> {
        self.automorphism.map(Automorphism::lines)
    }
}

/// A product of a row of a panel with both limbs of a factor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PanelTerm {
    /// Row of the panel.
    pub row: u32,
    /// Position among the factors.
    pub factor: u32,
}

/// Several sums of products of one panel's rows with pairs of limbs.
#[derive(Clone, Copy)]
pub struct PanelSums<'a> {
    /// The first factors.
    pub panel: &'a Panel,
    /// The second factors, any words below `2^50`.
    pub factors: &'a [[&'a [u64]; 2]],
    /// The terms of each sum, best in the order of the rows.
    pub terms: &'a [&'a [PanelTerm]],
}

impl Kernels {
    /// Of every sum, `outs[0] = sum of digit_j row_(2j)`, `outs[1] = sum of digit_j row_(2j+1)` over a range of coefficients, with what
    /// else it asks for. Each piece of the key is read, or made, once for all of them. The range consists of whole blocks; with an
    /// automorphism its words go all over `outs`.
    pub fn key_sums(
        &self,
        q: &Modulus,
        outs: &mut [[&mut [u64]; 2]],
        key: KeyLimb<'_>,
        sums: &[KeySum<'_>],
        range: Range<usize>,
    ) {
        let n = key.panel.n();
        blocks(key.panel, &range);
        same(sums.len(), &[outs.len()]);
        for (sum, [out0, out1]) in sums.iter().zip(outs.iter()) {
            same(n, &[out0.len(), out1.len(), sum.lines().map_or(n, Lines::n)]);
            same(n, &sum.plus.map_or([n], |(limb, _)| [limb.len()]));
            for digit in sum.digits {
                same(n, &[digit.len()]);
            }
            let count = sum.digits.len();
            assert!(
                key.has(count) && count < super::TERMS_PER_REDUCTION,
                "{} rows for {count} digits",
                key.panel.rows(),
            );
            tally::add(Work::MacWord, 2 * count * range.len());
            if sum.automorphism.is_some() {
                tally::add(Work::AutomorphismWord, 2 * range.len());
            }
        }
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Backend::Avx512(simd) if key.panel.block() == BLOCK_WORDS => {
                simd.key_sums(q, outs, key, sums, range)
            }
            _ => self.key_sums_by_pieces(q, outs, key, sums, range),
        }
    }

    fn key_sums_by_pieces(
        &self,
        q: &Modulus,
        outs: &mut [[&mut [u64]; 2]],
        key: KeyLimb<'_>,
        sums: &[KeySum<'_>],
        range: Range<usize>,
    ) {
        let stride = UNIFORM_WORDS.min(key.panel.n());
        let mut words = vec![0; key.uniform.map_or(0, |_| digits(sums) * stride)];
        for at in range.clone().step_by(stride) {
            let piece = at..range.end.min(at + stride);
            let made = key.uniform.map(|streams| {
                for (stream, words) in streams.iter().zip(words.chunks_exact_mut(stride)) {
                    stream.fill(self, q, at, &mut words[..piece.len()]);
                }
                Made {
                    words: &words,
                    stride,
                    from: at,
                }
            });
            for (sum, [out0, out1]) in sums.iter().zip(outs.iter_mut()) {
                let outs = [&mut **out0, &mut **out1];
                match self.0 {
                    #[cfg(target_arch = "x86_64")]
                    Backend::Avx2(simd) => simd.key_sum(q, outs, key.panel, sum, made, piece.clone()),
                    _ => scalar::key_sum(q, outs, key.panel, sum, made, piece.clone()),
                }
            }
        }
    }

    /// Sets `outs[i]` to a range of the sums over `terms[i]`. The range consists of whole blocks.
    pub fn panel_sums(
        &self,
        q: &Modulus,
        outs: &mut [[&mut [u64]; 2]],
        sums: &PanelSums<'_>,
        range: Range<usize>,
    ) {
        let n = sums.panel.n();
        for [a, b] in sums.factors {
            same(n, &[a.len(), b.len()]);
        }
        for [a, b] in outs.iter() {
            same(range.len(), &[a.len(), b.len()]);
        }
        same(outs.len(), &[sums.terms.len()]);
        blocks(sums.panel, &range);
        for terms in sums.terms {
            let inside = |t: &PanelTerm| {
                (t.row as usize) < sums.panel.rows() && (t.factor as usize) < sums.factors.len()
            };
            assert!(terms.iter().all(inside), "a term is outside its panel");
            tally::add(Work::MacWord, 2 * terms.len() * range.len());
        }
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Backend::Avx512(simd) if sums.panel.block() == BLOCK_WORDS => {
                simd.panel_sums(q, outs, sums, range)
            }
            #[cfg(target_arch = "x86_64")]
            Backend::Avx2(simd) => simd.panel_sums(q, outs, sums, range),
            _ => scalar::panel_sums(q, outs, sums, range),
        }
    }

    /// Packs eight words below `2^bits` into `bits` bytes, for each such piece. What stands in `bytes` behind the last may change.
    pub(crate) fn pack(&self, words: &[u64], bits: u32, bytes: &mut [u8]) {
        assert!(
            words.len().is_multiple_of(8) && words.len() / 8 * bits as usize <= bytes.len(),
            "{} words of {bits} bits in {} bytes",
            words.len(),
            bytes.len()
        );
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Backend::Avx512(simd) if bits >= 8 => simd.pack(words, bits, bytes),
            _ => scalar::pack(words, bits, bytes),
        }
    }

    /// Sets `words`, eight at a time, to what [`pack`](Self::pack) made of them: `bytes` has as many as it fills.
    pub(crate) fn unpack(&self, bytes: &[u8], bits: u32, words: &mut [u64]) {
        assert!(
            words.len().is_multiple_of(8)
                && words.len() / 8 * bits as usize == bytes.len()
                && (1..=56).contains(&bits),
            "{} words of {bits} bits in {} bytes",
            words.len(),
            bytes.len()
        );
        let done = match self.0 {
            #[cfg(target_arch = "x86_64")]
            Backend::Avx512(simd) => simd.unpack(bytes, bits, words),
            _ => 0,
        };
        scalar::unpack(&bytes[done / 8 * bits as usize..], bits, &mut words[done..]);
    }
}

/// Most digits of any sum.
pub(super) fn digits(sums: &[KeySum<'_>]) -> usize {
    sums.iter().map(|sum| sum.digits.len()).max().unwrap_or(0)
}

/// Holds a range to the blocks of a panel.
#[track_caller]
fn blocks(panel: &Panel, range: &Range<usize>) {
    assert!(
        range.start.is_multiple_of(panel.block())
            && range.end.is_multiple_of(panel.block())
            && range.start <= range.end
            && range.end <= panel.n(),
        "{range:?} are no blocks of a panel of {} words a row",
        panel.n()
    );
}
