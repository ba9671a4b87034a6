//! Sum over a dimension: tiles are added, then slots by rotating.
//!
//! `[.., n/t, ..]` gives `*/t` along the first dimension with more than one slot, where the rotations wrap inside it, and `1?/t`
//! along any other, where only index 0 collects its own row. Rotations: `log2(t)` for each remaining tile at radix 2. The unused
//! slots of the summed dimension must be zero; the flags of the others stay as they are, for the sum runs over cells with the same
//! other coordinates.

use super::super::shape::TileDim;
use super::super::tensor::{TileError, TileTensor, coordinates, tile_at};
use crate::program::Builder;

/// The stages that sum `count` slots (a power of two) `stride` apart, `radix` at a time: a larger radix takes fewer, hoisted, stages
/// and more keys.
pub fn stages(stride: usize, count: usize, radix: usize) -> Vec<Vec<i32>> {
    let (mut stride, mut left) = (stride as i32, count);
    let mut stages = Vec::new();
    while left > 1 {
        let width = radix.max(2).min(left);
        stages.push((0..width as i32).map(|k| k * stride).collect());
        stride *= width as i32;
        left /= width;
    }
    stages
}

/// The sum of `x` over `dim`, which then has one element. `radix` as in [`stages`], a power of two.
pub fn sum(b: &mut Builder, x: &TileTensor, dim: usize, radix: usize) -> Result<TileTensor, TileError> {
    let along = x.dim(dim)?;
    if along.is_broadcast() {
        return Ok(x.clone());
    }
    if along.unknown {
        return Err(TileError::Unknown {
            operation: "a sum",
            dim,
            found: along,
        });
    }
    let tile = along.tile;
    let result = match (tile, x.shape.is_first(dim)) {
        (1, _) => TileDim::plain(1, 1),
        (_, true) => TileDim::replicated(tile),
        (_, false) => TileDim::plain(1, tile).unknown(),
    };
    let shape = x.shape.with_dim(dim, result)?;
    let mut value = None;
    for index in 0..along.external() {
        let source = |t| {
            let at = coordinates(&shape, t, 0).into_iter().enumerate();
            tile_at(&x.shape, at.map(|(d, (a, _))| if d == dim { index } else { a }))
        };
        let part = b.select(x.value, (0..shape.tiles()).map(source).collect())?;
        value = Some(match value {
            Some(sum) => b.add(sum, part)?,
            None => part,
        });
    }
    let value = b.rotate_sum(
        value.unwrap_or(x.value),
        &stages(x.shape.stride(dim), tile, radix),
    )?;
    Ok(TileTensor { shape, value })
}
