//! CKKS and the machine that runs tile-tensor programs.

pub mod complex;
pub mod math;
pub mod program;
