//! Neural networks on encrypted data.

pub mod checkpoint;
mod error;

pub use checkpoint::Checkpoint;
pub use error::{Error, Mismatch, Result};
