//! Keys. The secret key leaves this module in no form but the bytes that its owner asks for.
//!
//! Notation: s secret, uniform ternary; D_j the digits of a key, runs of primes; g_j = P modulo the primes of D_j and 0 modulo all
//! others (the gadget); e errors, centred binomial of variance 21/2.

mod encapsulation;
mod evaluation;
mod public;
mod secret;
mod switching;

pub use encapsulation::EncapsulationKeys;
#[cfg(all(test, feature = "program"))]
pub(crate) use encapsulation::sparse_ternary;
pub use evaluation::{EvaluationKeys, KeySpec, SeededEvaluationKeys};
pub use public::PublicKey;
pub use secret::SecretKey;
pub use switching::KeyMemory;
#[cfg(test)]
pub(crate) use switching::SeededSwitchKey;
pub(crate) use switching::SwitchKey;
