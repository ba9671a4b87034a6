//! Replication: `1/t -> */t`, by adding rotations of the one value into the zeros beside it.
//!
//! Index `i` receives index 0 of its own row from `i` slots back. The other rotations bring indices 1..t of this row or, past its
//! start, of the row before; all are zero if neither this dimension nor a more significant one inside the tile is unknown.

use super::super::shape::{Kind, TileDim};
use super::super::tensor::{TileError, TileTensor};
use super::reduce::stages;
use crate::program::Builder;

/// `x` with its single element along `dim` in every slot: no level.
pub fn replicate(b: &mut Builder, x: &TileTensor, dim: usize, radix: usize) -> Result<TileTensor, TileError> {
    let along = x.dim(dim)?;
    if along.is_broadcast() {
        return Ok(x.clone());
    }
    let operation = "replication";
    if along.size != 1 || along.external() != 1 || along.kind == Kind::Replicated {
        return Err(TileError::Arrangement {
            operation,
            dim,
            found: along,
            needed: "a single element in a single tile",
        });
    }
    let before = if x.shape.is_first(dim) { dim } else { 0 };
    for (dim, &found) in x.shape.dims().iter().enumerate().take(dim + 1).skip(before) {
        if found.unknown && found.tile > 1 {
            return Err(TileError::Unknown {
                operation,
                dim,
                found,
            });
        }
    }
    let mut stages = stages(x.shape.stride(dim), along.tile, radix);
    stages.iter_mut().flatten().for_each(|r| *r = -*r);
    let value = b.rotate_sum(x.value, &stages)?;
    Ok(TileTensor {
        shape: x.shape.with_dim(dim, TileDim::replicated(along.tile))?,
        value,
    })
}
