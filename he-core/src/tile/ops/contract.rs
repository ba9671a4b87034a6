//! Contraction: product, then sum over a dimension. Matrix products are contractions of operands that are replicated crosswise.
//!
//! `M [a/t0, b/t1]` with `v [*/t0, b/t1]`, summed over dimension 1, is `M v`. `A [a/t0, b/t1, */t2]` with `B [*/t0, b/t1, c/t2]`,
//! summed over dimension 1, is `A B`.

use super::super::shape::TileShape;
use super::super::tensor::{PlainTensor, TileError, TileTensor};
use super::{clear, multiply, multiply_plain, replicate, sum};
use crate::program::Builder;

/// `sum over dim of x ⊙ y`: one level.
pub fn contract(
    b: &mut Builder,
    x: &TileTensor,
    y: &TileTensor,
    dim: usize,
    radix: usize,
) -> Result<TileTensor, TileError> {
    let product = multiply(b, x, y)?;
    sum(b, &product, dim, radix)
}

/// `sum over dim of x ⊙ p` for a plain tensor of shape `plain`: one level.
pub fn contract_plain(
    b: &mut Builder,
    x: &TileTensor,
    plain: &TileShape,
    dim: usize,
    radix: usize,
) -> Result<(TileTensor, PlainTensor), TileError> {
    let (product, factors) = multiply_plain(b, x, plain)?;
    Ok((sum(b, &product, dim, radix)?, factors))
}

/// Turns the `1?/t` of a sum into `*/t`: clear (one level), then replicate.
pub fn repair(b: &mut Builder, x: &TileTensor, dim: usize, radix: usize) -> Result<TileTensor, TileError> {
    if x.dim(dim)?.is_broadcast() {
        return Ok(x.clone());
    }
    let cleared = clear(b, x)?;
    replicate(b, &cleared, dim, radix)
}
