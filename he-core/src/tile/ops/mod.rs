//! Operations on tile tensors: each writes program operations and says which shape results.
//!
//! Unknown slots are tracked and never cleared on the side. A cell that is unused along several dimensions is unknown if one of them
//! is; every rule for the flags of a result is justified with sets of dimensions: `U` those along which a cell is unused, `D` those
//! with unused slots, `X` and `Y` the unknown ones of the operands. A cell of `x` is an element if `U` and `D_x` are disjoint, else
//! zero if `U` and `X` are disjoint, else unknown.

mod contract;
mod elementwise;
mod mask;
mod reduce;
mod replicate;
mod rotate;

pub use contract::{contract, contract_plain, repair};
pub use elementwise::{add, add_plain, multiply, multiply_plain, sub};
pub use mask::clear;
pub use reduce::{stages, sum};
pub use replicate::replicate;
pub use rotate::rotate;

#[cfg(test)]
mod properties;
