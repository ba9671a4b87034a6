//! Parameters of bootstrapping, and the chain they need.

use serde::{Deserialize, Serialize};

use super::factor::{Side, Steps};
use super::failure::failure_log2;
use crate::ckks::KeySpec;
use crate::ckks::polynomial::polynomial_levels;
use crate::params::{Chain, ChainSpec, LOG_N_MAX, LOG_N_MIN, Published, SPARSE_WEIGHT, Secret, log2};

/// How to bootstrap, and on which chain.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BootstrapSpec {
    /// Logarithm of the ring degree.
    pub log_n: u32,
    /// Levels of the work between two refreshes.
    pub work: usize,
    /// Bits of the scale, and of a level of SlotsToCoeffs and of the work.
    pub scale_bits: u32,
    /// Bits of the base modulus q0.
    pub base_bits: u32,
    /// Bits of the levels of EvalMod, lowest first.
    pub eval_bits: Vec<u32>,
    /// Bits of a level of CoeffsToSlots.
    pub raised_bits: u32,
    /// Levels of SlotsToCoeffs.
    pub slots_to_coeffs: usize,
    /// Levels of CoeffsToSlots.
    pub coeffs_to_slots: usize,
    /// Degree of the cosine.
    pub degree: usize,
    /// Double angles after it.
    pub double_angles: usize,
    /// log2 of the message ratio rho: the base modulus over the largest value.
    pub message_ratio_bits: f64,
    /// Bits of each special prime.
    pub special_bits: Vec<u32>,
    /// Bits of each terminal prime; empty for nested levels.
    pub terminal_bits: Vec<u32>,
}

/// K: what a secret of weight 32 exceeds less than once in 2^138 refreshes ([`BootstrapSpec::failure_probability_log2`]).
const QUOTIENT_BOUND: f64 = 16.0;

/// Fewest factors of CoeffsToSlots: one of turns, and others.
pub(super) const COEFFS_TO_SLOTS_MIN: usize = 2;

/// Largest degree of the cosine: a chain has no levels for more.
const DEGREE_MAX: usize = 1 << 10;
/// Largest message ratio: beyond it nothing of a word is left for the message.
const MESSAGE_RATIO_BITS_MAX: f64 = 40.0;

impl BootstrapSpec {
    /// N = 2^16: base 50, SlotsToCoeffs 3 x 40, work 15 x 40, EvalMod 8 x 60, CoeffsToSlots 4 x 48, P 6 x 50 bits, on levels that are not
    /// nested: 31 primes where nested ones take 39. Of terminals of 24 to 48 bits these are the ones that leave the fewest transforms.
    pub fn b16() -> Self {
        Self {
            work: 15,
            eval_bits: vec![60; 8],
            coeffs_to_slots: 4,
            message_ratio_bits: 13.0,
            terminal_bits: vec![40, 34, 26],
            ..Self::b16_lite()
        }
    }

    /// N = 2^16, one prime a level: base 50, SlotsToCoeffs 3 x 40, work 18 x 40, EvalMod 8 x 50, CoeffsToSlots 3 x 48, P 6 x 50 bits.
    pub fn b16_lite() -> Self {
        Self {
            log_n: 16,
            work: 18,
            scale_bits: 40,
            base_bits: 50,
            eval_bits: vec![50; 8],
            raised_bits: 48,
            slots_to_coeffs: 3,
            coeffs_to_slots: 3,
            degree: 56,
            double_angles: 2,
            message_ratio_bits: 11.0,
            special_bits: vec![50; 6],
            terminal_bits: vec![],
        }
    }

    /// N = 2^17, the deep one: base 50, SlotsToCoeffs 3 x 40, work 44 x 40, EvalMod 8 x 60, CoeffsToSlots 4 x 48, P 18 x 50 bits: three
    /// digits, so that a key takes 40 % of what it would with P of 12 primes, which leave 7 levels more.
    pub fn b17() -> Self {
        Self {
            log_n: 17,
            work: 44,
            special_bits: vec![50; 18],
            ..Self::b16()
        }
    }

    /// N = 2^15: base 40, SlotsToCoeffs 2 x 30, work 4 x 30, EvalMod 8 x 46, CoeffsToSlots 3 x 45, P 3 x 48 bits: three primes of
    /// EvalMod and CoeffsToSlots make a digit. Of the 18 primes of nested levels 17 are left.
    pub fn b15() -> Self {
        Self {
            log_n: 15,
            work: 4,
            scale_bits: 30,
            base_bits: 40,
            eval_bits: vec![46; 8],
            raised_bits: 45,
            slots_to_coeffs: 2,
            coeffs_to_slots: 3,
            degree: 56,
            double_angles: 2,
            message_ratio_bits: 9.0,
            special_bits: vec![48; 3],
            terminal_bits: vec![40, 30, 30],
        }
    }

    /// The chain.
    pub fn chain(&self) -> ChainSpec {
        let low = vec![self.scale_bits; self.slots_to_coeffs + self.work];
        let high = vec![self.raised_bits; self.coeffs_to_slots];
        ChainSpec {
            log_n: self.log_n,
            base_bits: self.base_bits,
            level_bits: [low, self.eval_bits.clone(), high].concat(),
            special_bits: self.special_bits.clone(),
            terminal_bits: self.terminal_bits.clone(),
            log2_scale: f64::from(self.scale_bits),
        }
    }

    /// Levels that EvalMod takes.
    pub fn eval_mod_levels(&self) -> usize {
        polynomial_levels(self.degree) + self.double_angles
    }

    /// Level of refreshed ciphertexts.
    pub fn refreshed_level(&self) -> usize {
        self.slots_to_coeffs + self.work
    }

    /// Lowest level at which a ciphertext can be refreshed.
    pub fn entry_level(&self) -> usize {
        self.slots_to_coeffs
    }

    /// Level at which EvalMod starts.
    pub fn eval_level(&self) -> usize {
        self.refreshed_level() + self.eval_mod_levels()
    }

    /// All levels.
    pub fn levels(&self) -> usize {
        self.eval_level() + self.coeffs_to_slots
    }

    /// Whether it describes refreshing of so many slots on a chain with so many levels. Nothing else may be asked of a specification
    /// that was read from somewhere.
    pub(crate) fn fits(&self, slots: usize, levels: usize) -> bool {
        let counts = [
            self.work,
            self.slots_to_coeffs,
            self.coeffs_to_slots,
            self.double_angles,
        ];
        (LOG_N_MIN..=LOG_N_MAX).contains(&self.log_n)
            && slots == 1 << (self.log_n - 1)
            && counts.iter().all(|&count| count <= levels)
            && self.slots_to_coeffs >= 1
            && self.coeffs_to_slots >= COEFFS_TO_SLOTS_MIN
            && (1..=DEGREE_MAX).contains(&self.degree)
            && self.eval_bits.len() == self.eval_mod_levels()
            && (1.0..=MESSAGE_RATIO_BITS_MAX).contains(&self.message_ratio_bits)
            && self.levels() == levels
    }

    /// The evaluation keys that refreshing needs besides the encapsulation keys, each up to its level: all that a client has to know.
    pub fn key_spec(&self) -> KeySpec {
        let mut spec = KeySpec {
            relin_level: Some(self.eval_level()),
            conjugation: Some(self.eval_level()),
            ..KeySpec::default()
        };
        for (level, steps) in self.transforms() {
            for rotation in steps.rotations() {
                // Half a turn either way is one rotation, for example.
                let rotation = rotation.rem_euclid(1 << (self.log_n - 1));
                let highest = spec.rotations.entry(rotation).or_default();
                *highest = level.max(*highest);
            }
        }
        spec
    }

    /// Level and steps of every factor that takes rotation keys: of SlotsToCoeffs, then of CoeffsToSlots behind its first.
    pub(crate) fn transforms(&self) -> impl Iterator<Item = (usize, Steps)> {
        let slots = 1 << (self.log_n - 1);
        let (low, high) = (self.slots_to_coeffs, self.coeffs_to_slots);
        let down = move |top: usize| (0..).map(move |i| top - i);
        let to_coefficients = down(low).zip(Steps::of_factors(slots, low, Side::Back));
        let mut back = Steps::of_factors(slots, high, Side::Forth);
        back.reverse();
        to_coefficients.chain(down(self.levels()).zip(back).skip(1))
    }

    /// log2 of a bound on the probability that one refresh, of a pair or of a single ciphertext, meets a quotient outside the interval
    /// on which the cosine is approximated, and is wrong without a sign of it.
    pub fn failure_probability_log2(&self) -> f64 {
        failure_log2(1 << self.log_n, SPARSE_WEIGHT, QUOTIENT_BOUND)
    }

    /// What is published besides what every user of the chain publishes: the two keys of the encapsulation.
    pub fn published(&self, chain: &Chain) -> Vec<Published> {
        let p0 = log2(chain.primes()[chain.q_count()]);
        vec![
            Published {
                family: "key to the sparse secret",
                log2_modulus: chain.log_q(0) + p0,
                secret: Secret::Sparse {
                    weight: SPARSE_WEIGHT,
                },
            },
            Published {
                family: "keys from the sparse secret",
                log2_modulus: chain.log_q(chain.top_level()) + p0,
                secret: Secret::Ternary,
            },
        ]
    }

    /// Scale at which EvalMod starts: squares of x take theirs to that of the lowest level at which the cosine's powers stand.
    pub(crate) fn eval_scale(&self, chain: &Chain) -> f64 {
        let lowest = self.refreshed_level() + self.double_angles + 1;
        (lowest + 1..=self.eval_level()).fold(chain.divisor(lowest), |scale, level| {
            (scale * chain.divisor(level)).sqrt()
        })
    }

    pub(crate) fn message_ratio(&self) -> f64 {
        self.message_ratio_bits.exp2()
    }

    /// K': where the cosine is approximated, with room for a fourth of a turn.
    pub(crate) fn bound(&self) -> f64 {
        QUOTIENT_BOUND + 0.25
    }
}
