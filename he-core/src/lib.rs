//! CKKS and the machine that runs tile-tensor programs.
//!
//! The feature `program`, on by default, is that machine, and work on several threads with it. Without it there is what a client
//! needs: parameters, encoding, keys, encryption, and the arrangement of tensors in tiles.

#[cfg(feature = "program")]
pub mod bootstrap;
pub mod ckks;
pub mod complex;
pub mod error;
pub mod math;
pub mod params;
#[cfg(feature = "program")]
pub mod program;
pub mod tile;

pub use error::{Error, Result};
