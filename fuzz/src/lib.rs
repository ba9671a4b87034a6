//! Everything that is read from bytes, by name: what the fuzz targets run, and the property tests of the workspace too.
//!
//! A reader must refuse or accept, never panic, and take memory in proportion to what it was given. What it accepts must be what is
//! written again, wherever the form is canonical. Messages are read under a digest that fits: a digest finds accidents, and who writes
//! hostile bytes writes the digest as well.

mod engine;
mod network;

use he_core::params::ChainSpec;

/// A reader, and valid bytes to start from.
pub struct Entry {
    /// Name of the target and of its corpus.
    pub name: &'static str,
    /// Reads; panics if that goes wrong.
    pub read: fn(&[u8]),
    /// Bytes that are accepted.
    pub samples: fn() -> Vec<Vec<u8>>,
}

macro_rules! entries {
    ($($module:ident::$name:ident, $samples:ident;)*) => {
        /// All of them.
        pub const ENTRIES: &[Entry] = &[$(Entry {
            name: stringify!($name),
            read: $module::$name,
            samples: $module::$samples,
        }),*];
    };
}

entries! {
    engine::ciphertext, ciphertexts;
    engine::seeded_ciphertext, seeded_ciphertexts;
    engine::secret_key, secret_keys;
    engine::public_key, public_keys;
    engine::evaluation_keys, evaluation_key_sets;
    engine::encapsulation_keys, encapsulation_key_sets;
    engine::chain, chains;
    engine::chain_spec, chain_specs;
    engine::arrangement, arrangements;
    engine::program, programs;
    network::client_spec, client_specs;
    network::message, messages;
    network::stream, streams;
    network::reply, replies;
    network::secret, secrets;
    network::plan, plans;
    network::ranges, ranges_files;
    network::checkpoint, checkpoints;
    network::npy, npy_files;
}

/// A chain without levels in the smallest ring in which one is secure.
fn smallest() -> ChainSpec {
    ChainSpec {
        log_n: 11,
        base_bits: 26,
        level_bits: vec![],
        special_bits: vec![26],
        terminal_bits: vec![],
        log2_scale: 20.0,
    }
}

/// Reads with the entry of this name.
///
/// # Panics
/// If there is none, or the reader panics.
#[allow(dead_code, reason = "the property tests go through all entries")]
pub fn read(name: &str, bytes: &[u8]) {
    let entry = ENTRIES.iter().find(|entry| entry.name == name);
    (entry.unwrap_or_else(|| panic!("no entry `{name}`")).read)(bytes);
}

const DIGEST_BYTES: usize = 32;

/// A message with the digest that fits.
fn resealed(bytes: &[u8]) -> Vec<u8> {
    [bytes, blake3::hash(bytes).as_bytes()].concat()
}

/// A message without its digest.
fn unsealed(bytes: &[u8]) -> Vec<u8> {
    bytes[..bytes.len() - DIGEST_BYTES].to_vec()
}
