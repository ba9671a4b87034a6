//! Uniform words of public polynomials. A wire format: seeds travel instead of them.
//!
//! A [`UniformStream`] is named by a seed, a domain and an index, as a [`super::sample::Stream`] is. Its key is the first 16 bytes of
//! `BLAKE3-keyed(seed, LE64(domain) || LE64(index))`, and its block `c` of attempt `t` is `AES-128(key, LE64(c) || LE64(t))`. A block
//! holds two words, least significant byte first; word `i` of an attempt stands in its block `i / 2`. So any stretch of any stream
//! can be made anywhere, in any order.
//!
//! Coefficient `i` modulo `q` is `floor(w q / 2^64)` for the word `i` = `w` of the first attempt with `w q mod 2^64 >= 2^64 mod q`. That is
//! exactly uniform: the products `w q` that fall between `r 2^64` and `(r + 1) 2^64` are a distance of `q` apart, and all but the first
//! `2^64 mod q` places there have `floor(2^64 / q)` of them, whatever `r`. An attempt fails with probability below `q/2^64 < 2^-14`.
//!
//! Nothing here is secret, so 128 bits of key are enough, and time may depend on all of it.
//!
//! Sources: D. Lemire, "Fast random integer generation in an interval", ACM TOMACS 2019; public matrices by AES-128 from public seeds:
//! FrodoKEM, submission to NIST, 2021, section 2.2.3.

use super::kernels::Kernels;
use super::modulus::Modulus;
use super::sample::Seed;
use aes::cipher::{BlockCipherEncrypt, KeyInit};
use aes::{Aes128, Block};

/// One stream of public uniform words.
#[derive(Clone, Debug)]
pub struct UniformStream {
    /// The first one is the key.
    round_keys: [[u8; 16]; 11],
}

/// Blocks encrypted by one call of the cipher, and their words.
const BATCH_BLOCKS: usize = 128;
const BATCH_WORDS: usize = 2 * BATCH_BLOCKS;

impl UniformStream {
    /// The stream `index` of `domain` under a public seed.
    pub fn new(seed: &Seed, domain: u64, index: u64) -> Self {
        let mut name = [0; 16];
        name[..8].copy_from_slice(&domain.to_le_bytes());
        name[8..].copy_from_slice(&index.to_le_bytes());
        let hash = blake3::keyed_hash(seed.bytes(), &name);
        let mut key = [0; 16];
        key.copy_from_slice(&hash.as_bytes()[..16]);
        Self {
            round_keys: expand_key(key),
        }
    }

    /// The coefficients modulo `q` from `first` on.
    ///
    /// # Panics
    /// If `first` is odd.
    pub fn fill(&self, kernels: &Kernels, q: &Modulus, first: usize, out: &mut [u64]) {
        assert!(first.is_multiple_of(2), "coefficient {first} shares a block");
        kernels.uniform(q, self, first, out);
    }

    #[cfg(target_arch = "x86_64")]
    pub(super) fn round_keys(&self) -> &[[u8; 16]; 11] {
        &self.round_keys
    }

    /// [`Self::fill`] by the definition.
    pub(super) fn fill_portable(&self, q: &Modulus, first: usize, out: &mut [u64]) {
        let cipher = Aes128::new(&self.round_keys[0].into());
        let mut blocks = [Block::default(); BATCH_BLOCKS];
        for (batch, out) in out.chunks_mut(BATCH_WORDS).enumerate() {
            let first = first + batch * BATCH_WORDS;
            let blocks = &mut blocks[..out.len().div_ceil(2)];
            for (k, block) in blocks.iter_mut().enumerate() {
                *block = counter((first / 2 + k) as u64, 0);
            }
            cipher.encrypt_blocks(blocks);
            let mut failed = false;
            for (pair, block) in out.chunks_mut(2).zip(blocks.iter()) {
                for (out, word) in pair.iter_mut().zip(words(block)) {
                    let scaled = q.scale(word);
                    failed |= scaled.is_none();
                    *out = scaled.unwrap_or(FAILED);
                }
            }
            if failed {
                let failed = out.iter_mut().enumerate().filter(|(_, out)| **out == FAILED);
                failed.for_each(|(i, out)| *out = retried(&cipher, q, first + i));
            }
        }
    }
}

/// No coefficient.
const FAILED: u64 = u64::MAX;

/// Coefficient `i` where the first attempt failed.
#[cold]
fn retried(cipher: &Aes128, q: &Modulus, i: usize) -> u64 {
    let mut attempts = (1..).map(|attempt| {
        let mut block = counter(i as u64 / 2, attempt);
        cipher.encrypt_block(&mut block);
        q.scale(words(&block)[i % 2])
    });
    attempts.find_map(|found| found).unwrap_or_default()
}

fn counter(block: u64, attempt: u64) -> Block {
    (u128::from(block) | u128::from(attempt) << 64)
        .to_le_bytes()
        .into()
}

fn words(block: &Block) -> [u64; 2] {
    let both = u128::from_le_bytes((*block).into());
    [both as u64, (both >> 64) as u64]
}

/// The round keys of AES-128 (FIPS 197, section 5.2). Looks up bytes of the key: for public keys.
fn expand_key(key: [u8; 16]) -> [[u8; 16]; 11] {
    let mut keys = [key; 11];
    let mut constant = 1;
    for round in 1..11 {
        let last = keys[round - 1];
        let next = &mut keys[round];
        *next = last;
        for i in 0..4 {
            next[i] ^= S_BOX[usize::from(last[12 + (i + 1) % 4])];
        }
        next[0] ^= constant;
        constant = times_x(constant);
        for i in 4..16 {
            next[i] ^= next[i - 4];
        }
    }
    keys
}

/// A byte as a polynomial over the field of two elements, times x, modulo `x^8 + x^4 + x^3 + x + 1`.
const fn times_x(a: u8) -> u8 {
    a << 1 ^ if a & 0x80 != 0 { 0x1b } else { 0 }
}

/// SubBytes (FIPS 197, section 5.1.1): inverses in the field of 256 elements, and an affine map.
const S_BOX: [u8; 256] = {
    let mut powers = [1; 256];
    let mut i = 1;
    while i < 256 {
        // x + 1 generates the invertible elements.
        powers[i] = powers[i - 1] ^ times_x(powers[i - 1]);
        i += 1;
    }
    let mut table = [0x63; 256];
    let mut i = 0;
    while i < 255 {
        let inverse = powers[255 - i];
        let mut k = 0;
        while k < 5 {
            table[powers[i] as usize] ^= inverse.rotate_left(k);
            k += 1;
        }
        i += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::kernels;

    fn stream() -> UniformStream {
        UniformStream::new(&Seed::new(std::array::from_fn(|i| i as u8)), 7, 11)
    }

    fn bytes(hex: &str) -> [u8; 16] {
        std::array::from_fn(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).unwrap())
    }

    /// FIPS 197: the last round key of appendix A.1, and appendix C.1.
    #[test]
    fn known_answers() {
        let keys = expand_key(bytes("2b7e151628aed2a6abf7158809cf4f3c"));
        assert_eq!(keys[1], bytes("a0fafe1788542cb123a339392a6c7605"));
        assert_eq!(keys[10], bytes("d014f9a8c9ee2589e13f0cc8b6630ca6"));
        let mut block = Block::from(bytes("00112233445566778899aabbccddeeff"));
        Aes128::new(&bytes("000102030405060708090a0b0c0d0e0f").into()).encrypt_block(&mut block);
        assert_eq!(<[u8; 16]>::from(block), bytes("69c4e0d86a7b0430d8cdb78070b4c55a"));
    }

    #[test]
    fn wire_format_is_pinned() {
        let mut found = [0; 5];
        stream().fill(&kernels::active(), &Modulus::new(1111361812955137), 0, &mut found);
        assert_eq!(
            found,
            [
                716273388542493,
                480244137911082,
                828998917495889,
                936653835772253,
                1063582967507208
            ]
        );
    }

    /// Word `i` by the text of the definition, with 128-bit arithmetic and one block at a time.
    fn defined(stream: &UniformStream, q: u64, i: usize) -> (u64, u64) {
        let cipher = Aes128::new(&stream.round_keys[0].into());
        for attempt in 0.. {
            let mut input = [0; 16];
            input[..8].copy_from_slice(&(i as u64 / 2).to_le_bytes());
            input[8..].copy_from_slice(&u64::to_le_bytes(attempt));
            let mut block = Block::from(input);
            cipher.encrypt_block(&mut block);
            let mut word = [0; 8];
            word.copy_from_slice(&block[i % 2 * 8..][..8]);
            let product = u128::from(u64::from_le_bytes(word)) * u128::from(q);
            if product % (1 << 64) >= (1 << 64) % u128::from(q) {
                return ((product >> 64) as u64, attempt);
            }
        }
        unreachable!("attempts have no end")
    }

    #[test]
    #[cfg_attr(miri, ignore = "a million words")]
    fn words_follow_the_definition_on_every_path_and_are_uniform() {
        // 2^18 words: modulo the first prime 5 first attempts fail, at 2^-15.6; modulo the others none is expected to.
        let n = 1 << 18;
        for q in [1111361812955137, 1125899902124033, 1088139821057, 1068236801, 97] {
            let defined: Vec<(u64, u64)> = (0..n).map(|i| defined(&stream(), q, i)).collect();
            let failed = defined.iter().filter(|(_, attempts)| *attempts > 0).count();
            assert!(failed > 0 || q != 1111361812955137, "no attempt failed");
            for kernels in kernels::available() {
                let mut out = vec![0; n];
                stream().fill(&kernels, &Modulus::new(q), 0, &mut out);
                let wrong = out.iter().zip(&defined).position(|(a, (b, _))| a != b);
                assert_eq!(wrong, None, "path {}, modulo {q}", kernels.path());
            }
            // 64 equal classes (97 has none such): chi-square with 63 degrees of freedom exceeds 120 with probability 2e-5.
            if q > 1 << 20 {
                let mut counts = [0u32; 64];
                for &(word, _) in &defined {
                    counts[(u128::from(word) * 64 / u128::from(q)) as usize] += 1;
                }
                let expected = n as f64 / 64.0;
                let chi_square = counts
                    .iter()
                    .map(|&c| (f64::from(c) - expected).powi(2) / expected)
                    .sum::<f64>();
                assert!(
                    (25.0..120.0).contains(&chi_square),
                    "chi-square {chi_square} modulo {q}"
                );
            }
        }
    }

    #[test]
    fn any_stretch_can_be_made_alone_and_names_separate_streams() {
        let q = Modulus::new(1111361812955137);
        for kernels in kernels::available() {
            let mut whole = vec![0; 1001];
            stream().fill(&kernels, &q, 0, &mut whole);
            for (first, length) in [(0, 1), (2, 64), (350, 301), (700, 299)] {
                let mut part = vec![0; length];
                stream().fill(&kernels, &q, first, &mut part);
                assert_eq!(whole[first..first + length], part, "{}", kernels.path());
            }
            let seed = Seed::new(std::array::from_fn(|i| i as u8));
            for (domain, index) in [(7, 12), (8, 11), (11, 7)] {
                let mut other = [0; 4];
                UniformStream::new(&seed, domain, index).fill(&kernels, &q, 0, &mut other);
                assert!(whole.iter().all(|word| !other.contains(word)));
            }
        }
    }

    /// Every remainder of a small modulus comes from as many words of a small width: the rule, with 12 bits in place of 64.
    #[test]
    fn the_rule_is_exact() {
        for q in [3u64, 97, 257, 1021, 2049] {
            let mut counts = vec![0; q as usize];
            for w in 0..1u64 << 12 {
                if w * q % (1 << 12) >= (1 << 12) % q {
                    counts[((w * q) >> 12) as usize] += 1;
                }
            }
            assert!(counts.iter().all(|&count| count == (1 << 12) / q), "modulo {q}");
        }
    }
}
