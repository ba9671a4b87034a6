//! Cyclic rotation along a dimension: `y[o] = x[(o + r) mod n]`, without a product.
//!
//! Only along the first dimension with more than one slot, where a rotation wraps inside it, and only if no slot is unused. With more
//! than one tile the dimension must be interleaved: then neighbours sit in different tiles, whole tiles change places, and only those
//! that wrap are rotated.

use super::super::shape::Kind;
use super::super::tensor::{TileError, TileTensor, coordinates, tile_at};
use crate::program::Builder;

/// `x` rotated by `r` along `dim`: no level, and at most one rotation a tile.
pub fn rotate(b: &mut Builder, x: &TileTensor, dim: usize, r: i32) -> Result<TileTensor, TileError> {
    let along = x.dim(dim)?;
    if along.is_broadcast() {
        return Ok(x.clone());
    }
    let operation = "rotation";
    let refuse = |needed| {
        Err(TileError::Arrangement {
            operation,
            dim,
            found: along,
            needed,
        })
    };
    if !x.shape.is_first(dim) && along.tile > 1 {
        return refuse("no earlier dimension with more than one slot");
    }
    if along.has_unused() {
        return refuse("no unused slots");
    }
    let external = along.external();
    if external > 1 && along.tile > 1 && along.kind == Kind::Plain {
        return refuse("interleaving, since it spans several tiles");
    }
    let r = r.rem_euclid(along.size as i32) as usize;
    let stride = x.shape.stride(dim);
    let mut sources = Vec::with_capacity(x.shape.tiles());
    let mut turns = Vec::with_capacity(x.shape.tiles());
    for tile in 0..x.shape.tiles() {
        let mut at: Vec<usize> = coordinates(&x.shape, tile, 0)
            .into_iter()
            .map(|(a, _)| a)
            .collect();
        let moved = at[dim] + r;
        at[dim] = moved % external;
        sources.push(tile_at(&x.shape, at));
        turns.push((moved / external % along.tile * stride) as i32);
    }
    let selected = b.select(x.value, sources)?;
    let value = b.rotate(selected, &turns)?;
    Ok(TileTensor {
        shape: x.shape.clone(),
        value,
    })
}
