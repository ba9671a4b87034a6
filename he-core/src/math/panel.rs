//! Packed operands of inner products, in the order in which a kernel reads them.
//!
//! Evaluation keys and encoded weights are read once a request and come from memory, whose speed is what their products cost. So
//! their words take as many bits as their prime has, and the rows that one sum reads stand side by side: for each block of 32
//! coefficients, the words of every row. The sums of a limb read one stream from start to end.

use super::kernels::Kernels;
use super::shared::SharedBytes;
use std::ops::Range;

/// Words of a block: what a kernel sums side by side.
pub const BLOCK_WORDS: usize = 32;

/// Bytes that a kernel may read behind the last packed word.
const SLACK_BYTES: usize = 64;

/// Rows of packed words, interleaved block by block.
#[derive(Clone, Debug)]
pub struct Panel {
    bytes: Bytes,
    bits: u32,
    rows: usize,
    n: usize,
}

/// The words of a panel, and the slack behind them.
#[derive(Clone, Debug)]
enum Bytes {
    Own(Vec<u8>),
    Shared(SharedBytes),
}

impl Bytes {
    fn as_slice(&self) -> &[u8] {
        match self {
            Self::Own(bytes) => bytes,
            Self::Shared(bytes) => bytes,
        }
    }
}

/// The blocks of a panel, borrowed once for many reads.
#[derive(Clone, Copy)]
pub(super) struct Blocks<'a> {
    bytes: &'a [u8],
    block_bytes: usize,
    row_bytes: usize,
    bits: u32,
}

impl Panel {
    /// `rows` rows of `n` zeros of `bits` bits.
    ///
    /// # Panics
    /// If `n` is none of 8, 16 and the multiples of 32, or `bits` is not from 1 to 56.
    pub fn zeroed(n: usize, rows: usize, bits: u32) -> Self {
        assert!(
            n.is_multiple_of(BLOCK_WORDS) || n == 8 || n == 16,
            "a row of a panel has whole blocks, not {n} words"
        );
        assert!(
            (1..=56).contains(&bits),
            "a packed word has 1 to 56 bits, not {bits}"
        );
        Self {
            bytes: Bytes::Own(vec![0; rows * Self::row_bytes(n, bits) + SLACK_BYTES]),
            bits,
            rows,
            n,
        }
    }

    /// A panel whose packed words, block by block and in each block row by row, are these.
    ///
    /// # Panics
    /// As [`zeroed`](Self::zeroed), or if there are more or fewer bytes than such a panel has.
    pub fn from_bytes(n: usize, rows: usize, bits: u32, bytes: &[u8]) -> Self {
        assert_eq!(bytes.len(), rows * Self::row_bytes(n, bits));
        let mut panel = Self::zeroed(0, rows, bits);
        panel.n = n;
        let mut copy = Vec::with_capacity(bytes.len() + SLACK_BYTES);
        copy.extend_from_slice(bytes);
        copy.extend_from_slice(&[0; SLACK_BYTES]);
        panel.bytes = Bytes::Own(copy);
        panel
    }

    /// A panel whose packed words are read where they are, in a range of `bytes`. They are copied only where they end less than 64 bytes
    /// before their owner's memory does: kernels read that far.
    ///
    /// # Panics
    /// As [`from_bytes`](Self::from_bytes), or if the range ends beyond the bytes.
    pub fn shared(n: usize, rows: usize, bits: u32, bytes: &SharedBytes, range: Range<usize>) -> Self {
        assert_eq!(range.len(), rows * Self::row_bytes(n, bits));
        let Some(in_place) = bytes.with_slack(range.clone(), SLACK_BYTES) else {
            return Self::from_bytes(n, rows, bits, &bytes[range]);
        };
        let mut panel = Self::zeroed(0, rows, bits);
        panel.n = n;
        panel.bytes = Bytes::Shared(in_place);
        panel
    }

    /// Its packed words.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes.as_slice()[..self.bytes()]
    }

    /// Bytes of a row of `n` words of `bits` bits.
    pub fn row_bytes(n: usize, bits: u32) -> usize {
        n / 8 * bits as usize
    }

    /// Bytes of its words.
    pub fn bytes(&self) -> usize {
        self.rows * Self::row_bytes(self.n, self.bits)
    }

    /// Bits of a word.
    pub fn bits(&self) -> u32 {
        self.bits
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Words of a row.
    pub fn n(&self) -> usize {
        self.n
    }

    /// Words of a row that stand side by side.
    pub fn block(&self) -> usize {
        self.n.min(BLOCK_WORDS)
    }

    fn block_bytes(&self) -> usize {
        self.rows * Self::row_bytes(self.block(), self.bits)
    }

    /// Its blocks.
    ///
    /// # Panics
    /// If whoever shares the bytes has fewer of them than when the panel was made.
    pub(super) fn blocks(&self) -> Blocks<'_> {
        Blocks {
            bytes: &self.bytes.as_slice()[..self.bytes() + SLACK_BYTES],
            block_bytes: self.block_bytes(),
            row_bytes: Self::row_bytes(self.block(), self.bits),
            bits: self.bits,
        }
    }

    /// Sets rows, given with their numbers: together, because rows of one block share cache lines.
    ///
    /// # Panics
    /// If a row does not exist, or has another length.
    pub fn set(&mut self, kernels: &Kernels, rows: &[(usize, &[u64])]) {
        for (row, words) in rows {
            assert!(
                *row < self.rows && words.len() == self.n,
                "row {row} of {}, {} words of {}",
                self.rows,
                words.len(),
                self.n
            );
        }
        if self.rows == 0 {
            return;
        }
        // The end of the run of rows that each belongs to: packing a row may write over those that come after it.
        let mut ends: Vec<usize> = rows.iter().map(|(row, _)| row + 1).collect();
        for i in (1..rows.len()).rev() {
            if rows[i].0 == rows[i - 1].0 + 1 {
                ends[i - 1] = ends[i];
            }
        }
        let (block, row_bytes) = (self.block(), Self::row_bytes(self.block(), self.bits));
        let (bits, block_bytes) = (self.bits, self.block_bytes());
        let count = self.n / block;
        if let Bytes::Shared(bytes) = &self.bytes {
            self.bytes = Bytes::Own(bytes.to_vec());
        }
        let Bytes::Own(bytes) = &mut self.bytes else {
            return;
        };
        let blocks = bytes.chunks_exact_mut(block_bytes).take(count);
        for (at, bytes) in blocks.enumerate() {
            for ((row, words), end) in rows.iter().zip(&ends) {
                let packed = &mut bytes[row * row_bytes..end * row_bytes];
                kernels.pack(&words[at * block..][..block], bits, packed);
            }
        }
    }

    /// Reads the words of a row.
    ///
    /// # Panics
    /// If the row does not exist, or has another length.
    pub fn read(&self, kernels: &Kernels, row: usize, words: &mut [u64]) {
        assert!(row < self.rows && words.len() == self.n);
        let row_bytes = Self::row_bytes(self.block(), self.bits);
        let blocks = self.as_bytes().chunks_exact(self.block_bytes());
        for (words, bytes) in words.chunks_exact_mut(self.block()).zip(blocks) {
            kernels.unpack(&bytes[row * row_bytes..][..row_bytes], self.bits, words);
        }
    }

    /// The largest of its words; 0 without any.
    pub fn largest(&self, kernels: &Kernels) -> u64 {
        let mut words = [0; 32 * BLOCK_WORDS];
        let mut largest = 0;
        let piece = Self::row_bytes(words.len(), self.bits);
        for bytes in self.as_bytes().chunks(piece) {
            let words = &mut words[..bytes.len() / self.bits as usize * 8];
            kernels.unpack(bytes, self.bits, words);
            largest = words.iter().fold(largest, |largest, &word| largest.max(word));
        }
        largest
    }
}

impl Blocks<'_> {
    /// The first byte of a block, in which row follows row.
    #[cfg(target_arch = "x86_64")]
    pub(super) fn ptr(&self, block: usize) -> *const u8 {
        self.bytes[block * self.block_bytes..].as_ptr()
    }

    /// The words of a row in a block.
    #[inline(always)]
    pub(super) fn unpack(&self, block: usize, row: usize, words: &mut [u64]) {
        let start = block * self.block_bytes + row * self.row_bytes;
        let mask = (1 << self.bits) - 1;
        for (i, word) in words.iter_mut().enumerate() {
            let bit = i * self.bits as usize;
            let mut bytes = [0; 8];
            bytes.copy_from_slice(&self.bytes[start + bit / 8..][..8]);
            *word = u64::from_le_bytes(bytes) >> (bit % 8) & mask;
        }
    }
}

#[cfg(test)]
mod tests;
