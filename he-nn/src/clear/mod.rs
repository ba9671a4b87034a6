//! Models on floats: the unlowered graph, one node after the other, in f64.
//!
//! This is the oracle that every encrypted result is compared with, so it shares nothing with the lowering: activations are the
//! functions themselves, not their polynomials.

mod node;
mod ranges;
mod run;

pub(crate) use node::{plain_nodes, weights};
pub use ranges::{MARGIN, Ranges, SiteRange, TYPICAL_MARGIN};
#[cfg(test)]
pub(crate) use run::Session;
