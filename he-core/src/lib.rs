//! CKKS and the machine that runs tile-tensor programs.

pub mod ckks;
pub mod complex;
pub mod error;
pub mod math;
pub mod params;
pub mod program;
pub mod tile;

pub use error::{Error, Result};
