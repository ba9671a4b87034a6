//! Memory for limbs: 64-byte aligned, limb-major, one allocation.
//!
//! The stride is `N + 8` words, not `N`: at a power-of-two stride the same coefficient of every limb falls into one cache set, and an
//! inner product over twelve limbs runs 1.5 times slower.
//!
//! Large buffers are kept when dropped and given out again: fresh memory costs a page fault every 4 KB, which for the temporaries of one
//! key switch took as long as its arithmetic. Whoever holds secrets overwrites them before dropping.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use zeroize::Zeroize;

/// Words of a cache line, and the padding between limbs.
pub const LINE_WORDS: usize = 8;

/// `count` limbs of `n` words each. Every limb starts on a cache line if `n` is a multiple of 8.
#[derive(Debug)]
pub struct Limbs {
    words: Vec<u64>,
    start: usize,
    n: usize,
    count: usize,
}

impl Limbs {
    /// `count` limbs of `n` zeros.
    pub fn zeroed(n: usize, count: usize) -> Self {
        let length = Self::length(n, count);
        match KEPT.take(length) {
            Some(mut words) => {
                words[..length].fill(0);
                Self::from_words(words, n, count)
            }
            None => Self::from_words(vec![0; length], n, count),
        }
    }

    /// `count` limbs of `n` words of any content, for those who write all of them.
    pub fn scratch(n: usize, count: usize) -> Self {
        let length = Self::length(n, count);
        Self::from_words(KEPT.take(length).unwrap_or_else(|| vec![0; length]), n, count)
    }

    fn length(n: usize, count: usize) -> usize {
        count * (n + LINE_WORDS) + LINE_WORDS
    }

    fn from_words(words: Vec<u64>, n: usize, count: usize) -> Self {
        // A vector of words is aligned to 8 bytes only; skipping up to seven of them aligns the rest without unsafe code.
        let start = words
            .as_ptr()
            .align_offset(LINE_WORDS * size_of::<u64>())
            .min(LINE_WORDS);
        Self {
            words,
            start,
            n,
            count,
        }
    }

    /// Words per limb.
    pub fn n(&self) -> usize {
        self.n
    }

    /// Number of limbs.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Words from the start of one limb to the start of the next.
    pub fn stride(&self) -> usize {
        self.n + LINE_WORDS
    }

    /// Limb `i`.
    pub fn limb(&self, i: usize) -> &[u64] {
        let at = self.start + i * self.stride();
        &self.words[at..at + self.n]
    }

    /// Limb `i`, to write.
    pub fn limb_mut(&mut self, i: usize) -> &mut [u64] {
        let at = self.start + i * self.stride();
        &mut self.words[at..at + self.n]
    }

    /// All limbs in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[u64]> {
        let (n, stride) = (self.n, self.stride());
        self.words[self.start..self.start + self.count * stride]
            .chunks_exact(stride)
            .map(move |limb| &limb[..n])
    }

    /// All limbs in order, each to write, to hand to several threads or to borrow several at once.
    pub fn split_mut(&mut self) -> Vec<&mut [u64]> {
        let (n, stride, end) = (self.n, self.stride(), self.start + self.count * self.stride());
        self.words[self.start..end]
            .chunks_exact_mut(stride)
            .map(|limb| &mut limb[..n])
            .collect()
    }

    /// Forgets the limbs from `count` on; the memory stays.
    pub fn truncate(&mut self, count: usize) {
        self.count = self.count.min(count);
    }
}

impl Drop for Limbs {
    fn drop(&mut self) {
        KEPT.keep(std::mem::take(&mut self.words));
    }
}

/// Buffers to be used again.
struct Kept(Mutex<Buffers>);

/// Dropped buffers.
#[derive(Default)]
struct Buffers {
    /// Words in all.
    total: usize,
    /// Words of the longest that was ever kept.
    longest: usize,
    /// How many were ever kept.
    clock: u64,
    /// By length, each with its place among all that were ever kept, the last ones last.
    by_length: BTreeMap<usize, Vec<(u64, Vec<u64>)>>,
}

static KEPT: Kept = Kept(Mutex::new(Buffers {
    total: 0,
    longest: 0,
    clock: 0,
    by_length: BTreeMap::new(),
}));

/// Shorter buffers are left to the allocator, which keeps them itself.
const KEPT_WORDS_MIN: usize = 1 << 12;

/// Words that may always be kept, half a gigabyte.
const KEPT_WORDS: usize = 1 << 26;

/// Buffers of the largest length that may be kept: the temporaries of a bootstrapping fill about as many.
const KEPT_LARGEST: usize = 24;

impl Kept {
    /// A buffer of `length` words or up to half as many more: each level of a chain asks for lengths of its own.
    fn take(&self, length: usize) -> Option<Vec<u64>> {
        if length < KEPT_WORDS_MIN {
            return None;
        }
        let buffers = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (&found, _) = buffers.by_length.range(length..=length + length / 2).next()?;
        buffers.remove(found, Vec::pop)
    }

    fn keep(&self, words: Vec<u64>) {
        let length = words.len();
        if length < KEPT_WORDS_MIN {
            return;
        }
        let buffers = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        buffers.total += length;
        buffers.longest = buffers.longest.max(length);
        buffers.clock += 1;
        let same = buffers.by_length.entry(length).or_default();
        same.push((buffers.clock, words));
        while buffers.total > buffers.room() {
            // What has not been asked for the longest makes room.
            let oldest = |(length, same): (&usize, &Vec<(u64, Vec<u64>)>)| Some((same.first()?.0, *length));
            let Some((_, length)) = buffers.by_length.iter().filter_map(oldest).min() else {
                return;
            };
            buffers.remove(length, |same| (!same.is_empty()).then(|| same.remove(0)));
        }
    }
}

impl Buffers {
    /// Words that may be kept: a ring twice as large has temporaries twice as large.
    fn room(&self) -> usize {
        KEPT_WORDS.max(KEPT_LARGEST * self.longest)
    }

    /// Takes a buffer out of those of a length.
    fn remove(
        &mut self,
        length: usize,
        take: impl FnOnce(&mut Vec<(u64, Vec<u64>)>) -> Option<(u64, Vec<u64>)>,
    ) -> Option<Vec<u64>> {
        let same = self.by_length.get_mut(&length)?;
        let (_, words) = take(same)?;
        if same.is_empty() {
            self.by_length.remove(&length);
        }
        self.total -= length;
        Some(words)
    }
}

impl Clone for Limbs {
    fn clone(&self) -> Self {
        // A copied vector may be aligned differently, so the start is found anew.
        let mut copy = Self::scratch(self.n, self.count);
        for (to, from) in copy.split_mut().into_iter().zip(self.iter()) {
            to.copy_from_slice(from);
        }
        copy
    }
}

impl PartialEq for Limbs {
    fn eq(&self, other: &Self) -> bool {
        self.n == other.n && self.count == other.count && self.iter().eq(other.iter())
    }
}

impl Eq for Limbs {}

impl Zeroize for Limbs {
    fn zeroize(&mut self) {
        self.words.as_mut_slice().zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limbs_are_aligned_disjoint_and_survive_a_copy() {
        let mut limbs = Limbs::zeroed(32, 3);
        for (i, limb) in limbs.split_mut().into_iter().enumerate() {
            limb.fill(i as u64 + 1);
        }
        for _ in 0..4 {
            let copy = limbs.clone();
            assert_eq!(copy, limbs);
            for i in 0..3 {
                assert_eq!(copy.limb(i).as_ptr().align_offset(64), 0);
                assert!(copy.limb(i).iter().all(|&word| word == i as u64 + 1));
            }
            limbs = copy;
        }
        limbs.limb_mut(1).fill(9);
        limbs.truncate(2);
        assert_eq!(limbs.iter().map(|limb| limb[0]).collect::<Vec<_>>(), [1, 9]);
        limbs.zeroize();
        assert!(limbs.iter().flatten().all(|&word| word == 0));
    }

    #[test]
    fn buffers_used_again_are_zeroed_when_that_is_asked_for() {
        for _ in 0..3 {
            let mut limbs = Limbs::zeroed(1 << 12, 3);
            assert!(limbs.iter().flatten().all(|&word| word == 0));
            assert_eq!(limbs.limb(1).as_ptr().align_offset(64), 0);
            limbs.split_mut().into_iter().for_each(|limb| limb.fill(7));
            drop(limbs);
            let again = Limbs::scratch(1 << 12, 3);
            assert_eq!((again.n(), again.count()), (1 << 12, 3));
        }
    }

    #[test]
    fn a_longer_buffer_may_serve_and_keeps_its_length() {
        let kept = Kept(Mutex::default());
        kept.keep(vec![7; 3 << 12]);
        assert_eq!(kept.take(4 << 12), None);
        assert_eq!(kept.take((2 << 12) - 1), None);
        assert_eq!(kept.take(2 << 12).map(|words| words.len()), Some(3 << 12));
        assert_eq!(kept.take(2 << 12), None);
        // The oldest go when there is no more room.
        let large = KEPT_WORDS / 8;
        kept.keep(vec![0; 1 << 12]);
        for length in [large; KEPT_LARGEST - 1] {
            kept.keep(vec![0; length]);
        }
        for length in [1 << 13, large] {
            kept.keep(vec![0; length]);
        }
        let buffers = kept.0.lock().unwrap();
        assert!(buffers.by_length.keys().eq(&[1 << 13, large]));
        assert_eq!(buffers.by_length[&large].len(), KEPT_LARGEST - 1);
        assert_eq!(buffers.total, (1 << 13) + (KEPT_LARGEST - 1) * large);
    }
}
