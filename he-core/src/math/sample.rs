//! Random streams of secrets and their two distributions. A wire format: results are a function of the seed on every machine.
//!
//! A [`Stream`] is named by a seed, a domain and an index (say: what the object is for, and which limb of which digit). Its key is
//! `BLAKE3-keyed(seed, LE64(domain) || LE64(index))`, and its block `c` is `AES-256(key, BE128(c))`: counter mode from zero. A block
//! holds two words, least significant byte first; word `i` stands in block `i / 2`. So any stretch of any stream can be made anywhere,
//! in any order.
//!
//! | distribution | coefficient `i` from word `i` = `w` |
//! |---|---|
//! | centred binomial, 21 | ones among bits 0 to 20 minus ones among bits 21 to 41: variance 10.5, the usual 3.2 for a deviation |
//! | uniform ternary | `floor(3 w / 2^64) - 1`: each of -1, 0, 1 to within `2^-63` |
//!
//! Neither takes a branch or an address from what it samples. What is public and uniform comes from [`super::uniform`].
//!
//! Sources: NIST SP 800-38A (counter mode); ePrint 2024/463, section 5 (the distributions).

use aes::cipher::{Array, BlockCipherEncrypt, KeyInit};
use aes::{Aes256, Block};
use zeroize::Zeroize;

/// A 256-bit seed. Overwritten when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Seed([u8; 32]);

impl Drop for Seed {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl Seed {
    /// These bytes.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// A seed from the operating system.
    pub fn from_os() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes)?;
        Ok(Self(bytes))
    }

    /// The bytes: for public seeds, which travel.
    pub const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl std::fmt::Debug for Seed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Seed(..)")
    }
}

/// One stream of words.
pub struct Stream {
    cipher: Aes256,
}

/// Blocks encrypted by one call of the cipher.
const BATCH_BLOCKS: usize = 256;
/// Words in them.
const BATCH_WORDS: usize = 2 * BATCH_BLOCKS;

impl Stream {
    /// The stream `index` of `domain` under `seed`.
    pub fn new(seed: &Seed, domain: u64, index: u64) -> Self {
        let mut name = [0; 16];
        name[..8].copy_from_slice(&domain.to_le_bytes());
        name[8..].copy_from_slice(&index.to_le_bytes());
        let mut hash = blake3::keyed_hash(&seed.0, &name);
        let mut key = Array::from(*hash.as_bytes());
        let stream = Self {
            cipher: Aes256::new(&key),
        };
        key.zeroize();
        hash.zeroize();
        stream
    }

    /// Words from the start of block `first` on.
    pub fn words(&self, first: u128, out: &mut [u64]) {
        let mut blocks = [Block::default(); BATCH_BLOCKS];
        for (batch, out) in out.chunks_mut(BATCH_WORDS).enumerate() {
            self.batch(first + (batch * BATCH_BLOCKS) as u128, out, &mut blocks);
        }
    }

    /// At most [`BATCH_WORDS`] words; `blocks` is left with the last of them.
    fn batch(&self, first: u128, out: &mut [u64], blocks: &mut [Block; BATCH_BLOCKS]) {
        let blocks = &mut blocks[..out.len().div_ceil(2)];
        for (k, block) in blocks.iter_mut().enumerate() {
            *block = (first + k as u128).to_be_bytes().into();
        }
        self.cipher.encrypt_blocks(blocks);
        let words = |block: &Block| {
            let both = u128::from_le_bytes((*block).into());
            [both as u64, (both >> 64) as u64]
        };
        let (pairs, odd) = out.as_chunks_mut();
        for (pair, block) in pairs.iter_mut().zip(blocks.iter()) {
            *pair = words(block);
        }
        if let ([word], Some(block)) = (odd, blocks.last()) {
            [*word, _] = words(block);
        }
    }

    /// Centred binomial with 21 pairs of bits: variance 10.5. Constant time.
    pub fn cbd21(&self, out: &mut [i8]) {
        const MASK: u64 = (1 << 21) - 1;
        self.small(out, |word| {
            ((word & MASK).count_ones() as i8) - ((word >> 21 & MASK).count_ones() as i8)
        });
    }

    /// Uniform on -1, 0, 1. Constant time.
    pub fn ternary(&self, out: &mut [i8]) {
        self.small(out, |word| ((word as u128 * 3) >> 64) as i8 - 1);
    }

    fn small(&self, out: &mut [i8], f: impl Fn(u64) -> i8) {
        let mut blocks = [Block::default(); BATCH_BLOCKS];
        let mut words = [0; BATCH_WORDS];
        for (batch, out) in out.chunks_mut(BATCH_WORDS).enumerate() {
            let words = &mut words[..out.len()];
            self.batch((batch * BATCH_BLOCKS) as u128, words, &mut blocks);
            for (out, &word) in out.iter_mut().zip(words.iter()) {
                *out = f(word);
            }
        }
        words.zeroize();
        blocks.iter_mut().for_each(|block| block.as_mut_slice().zeroize());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream() -> Stream {
        Stream::new(&Seed::new(std::array::from_fn(|i| i as u8)), 7, 11)
    }

    fn bytes<const N: usize>(hex: &str) -> [u8; N] {
        std::array::from_fn(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).unwrap())
    }

    /// FIPS 197, appendix C.3, and SP 800-38A, F.5.5 (AES-256 in counter mode, the key stream under the first two blocks).
    #[test]
    fn known_answers() {
        let key: [u8; 32] = bytes("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
        let mut block = Block::from(bytes::<16>("00112233445566778899aabbccddeeff"));
        Aes256::new(&key.into()).encrypt_block(&mut block);
        assert_eq!(<[u8; 16]>::from(block), bytes("8ea2b7ca516745bfeafc49904b496089"));

        let key: [u8; 32] = bytes("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4");
        let stream = Stream {
            cipher: Aes256::new(&key.into()),
        };
        let mut words = [0; 4];
        stream.words(
            u128::from_be_bytes(bytes("f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff")),
            &mut words,
        );
        let output: [u8; 32] = bytes("0bdf7df1591716335e9a8b15c860c5025a6e699d536119065433863c8f657b94");
        assert_eq!(words.map(u64::to_le_bytes).as_flattened(), output);
    }

    #[test]
    fn wire_format_is_pinned() {
        let stream = stream();
        let (mut words, mut error, mut secret) = ([0; 3], [0; 8], [0; 8]);
        stream.words(0, &mut words);
        stream.cbd21(&mut error);
        stream.ternary(&mut secret);
        assert_eq!(
            words,
            [641896905760911115, 18033156401750836452, 2479963586221150012]
        );
        assert_eq!(error, [-1, 2, 4, 2, 4, -3, 1, -2]);
        assert_eq!(secret, [-1, 1, -1, -1, 0, 1, -1, -1]);
    }

    #[test]
    fn any_stretch_can_be_made_alone_and_names_separate_streams() {
        let mut whole = vec![0; 1001];
        stream().words(0, &mut whole);
        let mut part = vec![0; 301];
        stream().words(350, &mut part);
        assert_eq!(whole[700..], part[..301]);
        let seed = Seed::new(std::array::from_fn(|i| i as u8));
        for (domain, index) in [(7, 12), (8, 11), (11, 7)] {
            let mut other = [0; 4];
            Stream::new(&seed, domain, index).words(0, &mut other);
            assert!(whole.iter().all(|word| !other.contains(word)));
        }
        assert_ne!(Seed::from_os().unwrap(), Seed::from_os().unwrap());
    }

    #[test]
    #[cfg_attr(miri, ignore = "two million draws")]
    fn errors_and_secrets_have_their_distributions() {
        let n = 1 << 20;
        let mut error = vec![0; n];
        stream().cbd21(&mut error);
        let moment = |k: i32| error.iter().map(|&e| (e as f64).powi(k)).sum::<f64>() / n as f64;
        // Standard errors: mean 3.2e-3, variance 1.4e-2 (0.14 %), fourth moment (below 1 %).
        assert!(moment(1).abs() < 0.016, "mean {}", moment(1));
        assert!((moment(2) / 10.5 - 1.0).abs() < 0.005, "variance {}", moment(2));
        assert!(
            (moment(4) / (3.0 * 10.5 * 10.5 - 21.0 / 4.0) - 1.0).abs() < 0.03,
            "fourth moment {}",
            moment(4)
        );
        assert!(error.iter().all(|e| (-21..=21).contains(e)));

        let mut secret = vec![0; n];
        stream().ternary(&mut secret);
        for value in -1..=1 {
            let frequency = secret.iter().filter(|&&s| s == value).count() as f64 / n as f64;
            // Five standard deviations of sqrt(2/9/n) = 4.6e-4.
            assert!((frequency - 1.0 / 3.0).abs() < 0.0023, "{value}: {frequency}");
        }
    }
}
