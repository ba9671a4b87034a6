//! The CKKS scheme: approximate arithmetic on vectors of complex numbers, encrypted.
//!
//! Notation: N ring degree, n = N/2 slots, level l = number of rescales left, Q_l and P products of primes, S_l canonical scale of level
//! l (see [`crate::params`]). Rotation by r: `rot_r(x)[s] = x[(s + r) mod n]`.
//!
//! From bottom to top: [`Context`] holds the tables of a chain and encodes slots into [`Plaintext`]s; [`SecretKey`], [`PublicKey`] and
//! [`EvaluationKeys`] are the keys; [`SeededCiphertext`] and [`Ciphertext`] what travels; [`eval`] has the operations on single
//! ciphertexts, [`linear`] transforms over many, [`polynomial`] functions of the slots; [`noise`] predicts the errors.
//!
//! Source: Cheon, Kim, Kim, Song, ASIACRYPT 2017; in residue form Cheon, Han, Kim, Kim, Song, SAC 2018.

mod ciphertext;
mod combine;
mod context;
pub(crate) mod domain;
mod encode;
mod encrypt;
pub mod eval;
mod fft;
#[cfg(test)]
mod fixture;
mod flood;
mod keys;
mod keyswitch;
#[cfg(test)]
mod known_answers;
pub mod linear;
pub mod noise;
#[cfg(test)]
mod oracle;
mod pack;
mod parallel;
pub mod polynomial;
mod subring;
#[cfg(test)]
mod wire_test;

#[cfg(feature = "program")]
pub(crate) use ciphertext::check_scale;
pub use ciphertext::{Ciphertext, SeededCiphertext};
pub use context::Context;
pub use encode::Plaintext;
#[cfg(feature = "program")]
pub(crate) use fft::SpecialFft;
pub use flood::Flooding;
#[cfg(all(test, feature = "program"))]
pub(crate) use keys::sparse_ternary;
pub use keys::{
    EncapsulationKeys, EvaluationKeys, KeyMemory, KeySpec, PublicKey, SecretKey, SeededEvaluationKeys,
};
