//! A small ring with keys, and slots to compute on: what the tests of this folder share.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Ciphertext, Context, EvaluationKeys, KeyMemory, KeySpec, Plaintext, SecretKey, noise};
use crate::complex::Complex;
use crate::math::kernels::Kernels;
use crate::math::sample::Seed;
use crate::params::{ChainSpec, InsecureChain};

/// Keys and tables of a small ring.
pub(crate) struct Fixture {
    pub(crate) context: Arc<Context>,
    pub(crate) secret: SecretKey,
    pub(crate) keys: EvaluationKeys,
}

fn spec(log_n: u32) -> ChainSpec {
    ChainSpec {
        log_n,
        base_bits: 50,
        level_bits: vec![40; 4],
        special_bits: vec![45; 2],
        terminal_bits: vec![],
        log2_scale: 40.0,
    }
}

/// Four nested levels of 40 bits, three digits at the top.
pub(crate) fn chain(log_n: u32) -> InsecureChain {
    spec(log_n).build_insecure().unwrap()
}

/// Levels of the same sizes, of which the third lacks a prime of the second.
fn rational_chain(log_n: u32) -> InsecureChain {
    let spec = ChainSpec {
        terminal_bits: vec![40, 30, 30],
        ..spec(log_n)
    };
    spec.build_insecure().unwrap()
}

impl Fixture {
    pub(crate) fn new(log_n: u32, rotations: &[i32]) -> Self {
        Self::with_kernels(
            rational_chain(log_n),
            rotations,
            crate::math::kernels::active(),
            KeyMemory::Expanded,
        )
    }

    pub(crate) fn with_kernels(
        chain: InsecureChain,
        rotations: &[i32],
        kernels: Kernels,
        memory: KeyMemory,
    ) -> Self {
        let context = Context::insecure_with_kernels(chain, kernels).unwrap();
        let top = context.top_level();
        let secret = SecretKey::from_seed(&context, &Seed::new([7; 32]));
        let rotations: BTreeMap<i32, usize> = rotations.iter().map(|&r| (r, top)).collect();
        let spec = KeySpec {
            relin_level: Some(top),
            rotations,
            conjugation: Some(top),
        };
        let keys = secret
            .evaluation_keys_from(&context, &spec, &Seed::new([8; 32]))
            .unwrap();
        let keys = keys.expand(&context, memory).unwrap();
        Self {
            context,
            secret,
            keys,
        }
    }

    /// Encrypts at the canonical scale of a level.
    pub(crate) fn encrypt(&self, slots: &[Complex], level: usize) -> Ciphertext {
        let plaintext = self
            .context
            .encode_complex(slots, self.context.scale(level), level, false)
            .unwrap();
        self.secret
            .encrypt(&self.context, &plaintext)
            .unwrap()
            .expand(&self.context)
    }

    pub(crate) fn decrypt(&self, x: &Ciphertext) -> Vec<Complex> {
        self.secret.decrypt(&self.context, x)
    }

    /// A plaintext by which a canonical ciphertext of `level` may be multiplied.
    pub(crate) fn factor(&self, slots: &[Complex], level: usize, special: bool) -> Plaintext {
        self.context
            .encode_complex(slots, self.context.chain().plain_scale(level), level, special)
            .unwrap()
    }

    /// Holds a ciphertext to the slots expected: no error above ten deviations of coefficient variance `v` and the rounding of floats.
    #[track_caller]
    pub(crate) fn assert_slots(&self, x: &Ciphertext, expected: &[Complex], v: f64) {
        let bound = noise::slot_bound(v, self.context.degree(), x.scale()) + FLOAT_ERROR;
        let found = self.decrypt(x);
        let worst = distance(&found, expected);
        assert!(
            worst < bound,
            "error {worst:e}, allowed {bound:e}; {:?} against {:?}",
            found[0],
            expected[0]
        );
        assert!(
            (x.scale() / self.context.scale(x.level()) - 1.0).abs() < 1e-9,
            "the scale is not canonical"
        );
    }
}

/// What encoding and decoding lose at slots of modulus about one: a few units in the last place for each stage of the transforms.
const FLOAT_ERROR: f64 = 1e-13;

/// The largest distance of two slots.
pub(crate) fn distance(x: &[Complex], y: &[Complex]) -> f64 {
    assert_eq!(x.len(), y.len());
    x.iter().zip(y).map(|(&x, &y)| (x - y).abs()).fold(0.0, f64::max)
}

/// Slots in the unit square, the same for the same seed.
pub(crate) fn slots(count: usize, seed: u64) -> Vec<Complex> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    };
    (0..count).map(|_| Complex::new(next(), next())).collect()
}

pub(crate) fn rotated(x: &[Complex], r: i32) -> Vec<Complex> {
    let n = x.len() as i32;
    (0..n).map(|s| x[(s + r).rem_euclid(n) as usize]).collect()
}

/// Mean square of the slots.
pub(crate) fn mean_square(x: &[Complex]) -> f64 {
    x.iter().map(|z| z.abs() * z.abs()).sum::<f64>() / x.len() as f64
}
