//! Estimated time of a packing's steps, for the search. The winner is counted and priced operation by operation afterwards.
//!
//! Notation: l limbs of the level, k special primes, b digits. Numbers of transforms are those of section 3 of `docs/ckks.md`: a
//! key switch needs (b + 2)(l + k) of them.

use super::packing::split::Steps;
use super::price::PriceTable;

/// The shape of a chain at one level.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LevelShape {
    /// Ring degree.
    pub degree: usize,
    /// Primes of the level.
    pub limbs: usize,
    /// Primes dropped by rescaling from it.
    pub dropped: usize,
    /// Primes that come back by it.
    pub returned: usize,
    /// Special primes.
    pub special: usize,
    /// Digits of a key switch.
    pub digits: usize,
    /// Words of an expanded key of this level: more than it reads where levels below have primes that this one lacks.
    pub key_words: usize,
    /// Bytes that a word of a key or a plaintext takes, on the average of the primes of the level and the special ones.
    pub word_bytes: f64,
}

/// What the steps of a linear transform and its folds amount to.
#[derive(Clone, Copy, Debug)]
pub struct LinearWork<'s> {
    /// Baby and giant steps.
    pub steps: &'s Steps,
    /// Products with plaintexts.
    pub products: usize,
    /// Output tiles.
    pub outputs: usize,
    /// Distinct words of a plaintext's limb, as a share of the ring degree: samples of a batch share them.
    pub distinct: f64,
}

impl LevelShape {
    fn transforms(&self, count: usize, prices: &PriceTable) -> f64 {
        let butterflies = self.degree as f64 / 2.0 * (self.degree as f64).log2();
        count as f64 * butterflies * prices.ntt_butterfly
    }

    fn words(&self, limbs: usize) -> f64 {
        (limbs * self.degree) as f64
    }

    fn extended(&self) -> usize {
        self.limbs + self.special
    }

    /// Cutting a polynomial into digits on all primes.
    fn decompose(&self, prices: &PriceTable) -> f64 {
        let converted = self.words(self.limbs * self.extended()) * prices.conversion_word;
        self.transforms(self.digits * self.extended(), prices) + converted
    }

    /// Digits times key, and the automorphism of both results.
    fn inner(&self, prices: &PriceTable) -> f64 {
        self.words(2 * self.digits * self.extended()) * (prices.mac_word + self.word_bytes * prices.key_byte)
            + self.words(2 * self.extended()) * prices.automorphism_word
    }

    /// Dividing two polynomials by the special primes and, if `rescale`, by the dropped ones.
    fn down(&self, rescale: bool, prices: &PriceTable) -> f64 {
        let (dropped, returned) = if rescale {
            (self.dropped, self.returned)
        } else {
            (0, 0)
        };
        self.divide(self.special + dropped, self.limbs - dropped + returned, prices)
    }

    /// Two polynomials, from the primes removed to those made.
    fn divide(&self, removed: usize, made: usize, prices: &PriceTable) -> f64 {
        self.transforms(2 * (removed + made), prices)
            + self.words(2 * removed * made) * prices.conversion_word
    }

    /// One linear transform with rescaling.
    pub fn linear(&self, work: &LinearWork<'_>, prices: &PriceTable) -> f64 {
        let steps = work.steps;
        let switched = steps.babies + steps.giants > 0;
        let limbs = if switched { self.extended() } else { self.limbs };
        let word = prices.mac_word + self.word_bytes / 2.0 * work.distinct * prices.plain_byte;
        let products = self.words(2 * work.products * limbs) * word;
        let babies =
            steps.decompositions as f64 * self.decompose(prices) + steps.babies as f64 * self.inner(prices);
        let giant = self.decompose(prices) + self.inner(prices) + self.transforms(self.extended(), prices);
        let down = if switched {
            self.down(true, prices)
        } else {
            self.rescale(prices)
        };
        products + babies + steps.giants as f64 * giant + work.outputs as f64 * down
    }

    /// Rescaling one ciphertext.
    pub fn rescale(&self, prices: &PriceTable) -> f64 {
        self.divide(self.dropped, self.limbs - self.dropped + self.returned, prices)
    }

    /// A rotate-and-add of `terms` terms on each of `tiles` tiles.
    pub fn rotate_sum(&self, tiles: usize, stages: &[usize], prices: &PriceTable) -> f64 {
        let stage = |terms: usize| {
            self.decompose(prices)
                + terms.saturating_sub(1) as f64 * self.inner(prices)
                + self.down(false, prices)
        };
        tiles as f64 * stages.iter().map(|&terms| stage(terms)).sum::<f64>()
    }

    /// A product of ciphertexts with relinearisation and rescaling.
    pub fn multiply(&self, tiles: usize, prices: &PriceTable) -> f64 {
        let tensor = self.words(4 * self.limbs) * prices.mac_word;
        let relinearise = self.decompose(prices)
            + self.words(2 * self.digits * self.extended())
                * (prices.mac_word + self.word_bytes * prices.key_byte)
            + self.down(true, prices);
        tiles as f64 * (tensor + relinearise)
    }

    /// Bytes of one expanded key of this level.
    pub fn key_bytes(&self) -> usize {
        (self.key_words as f64 * self.word_bytes) as usize
    }
}
