//! What one unit of work costs on a machine.

use he_core::program::count::Counts;
use serde::{Deserialize, Serialize};

/// Nanoseconds a unit, one thread. `cargo bench --bench price_table -- --out FILE` measures one and writes it as JSON; the default was
/// measured on an AVX-512 server core. [`Goal::prices`](super::Goal::prices) takes a table.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PriceTable {
    /// One butterfly of a number-theoretic transform.
    pub ntt_butterfly: f64,
    /// One word of a base conversion: a source limb times a target limb.
    pub conversion_word: f64,
    /// One word multiplied and accumulated.
    pub mac_word: f64,
    /// One word moved by an automorphism.
    pub automorphism_word: f64,
    /// One byte of an evaluation key read.
    pub key_byte: f64,
    /// One byte of an encoded plaintext read.
    pub plain_byte: f64,
}

impl PriceTable {
    /// The table that serves when none was measured: about 1.5 times what the benchmark's loops take, because in whole requests tables and
    /// operands come from further away. With it, predictions for the bundled networks are 1.1 to 1.5 times too low on the quiet machine
    /// it was fitted on.
    pub const DEFAULT: PriceTable = PriceTable {
        ntt_butterfly: 0.32,
        conversion_word: 0.22,
        mac_word: 0.32,
        automorphism_word: 0.20,
        key_byte: 0.07,
        plain_byte: 0.06,
    };

    /// Nanoseconds of the counted work on a ring of the given degree.
    pub fn nanoseconds(&self, counts: &Counts, degree: usize) -> f64 {
        let butterflies = degree as f64 / 2.0 * (degree as f64).log2();
        counts.ntts as f64 * butterflies * self.ntt_butterfly
            + counts.conversion_words as f64 * self.conversion_word
            + counts.mac_words as f64 * self.mac_word
            + counts.automorphism_words as f64 * self.automorphism_word
            + counts.key_bytes as f64 * self.key_byte
            + counts.plain_bytes as f64 * self.plain_byte
    }

    /// The same table with every price multiplied by `factor`.
    pub fn scaled(&self, factor: f64) -> Self {
        PriceTable {
            ntt_butterfly: self.ntt_butterfly * factor,
            conversion_word: self.conversion_word * factor,
            mac_word: self.mac_word * factor,
            automorphism_word: self.automorphism_word * factor,
            key_byte: self.key_byte * factor,
            plain_byte: self.plain_byte * factor,
        }
    }
}
