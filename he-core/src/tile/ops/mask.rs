//! Clearing unknown slots: a product with a 0/1 mask, for one level.
//!
//! It is never done on the side. Where a product with a plaintext follows anyway, leave the mask to it:
//! [`multiply_plain`](super::multiply_plain) clears for nothing.

use super::super::layout::Cell;
use super::super::tensor::{TileError, TileTensor};
use crate::program::{Builder, PlainId, Slots, Term};

/// `x` with zeros in all unused slots: one level, or `x` itself if nothing is unknown.
pub fn clear(b: &mut Builder, x: &TileTensor) -> Result<TileTensor, TileError> {
    if !x.shape.has_unknown() {
        return Ok(x.clone());
    }
    let layout = x.layout();
    let mut masks: Vec<(Vec<f64>, PlainId)> = Vec::new();
    let mut terms = Vec::with_capacity(layout.tiles());
    for tile in 0..layout.tiles() {
        let keep = |c| f64::from(u8::from(matches!(c, Cell::Element(_))));
        let mask: Vec<f64> = layout.tile(tile).map(keep).collect();
        let plain = match masks.iter().find(|(known, _)| *known == mask) {
            Some((_, plain)) => *plain,
            None => {
                let plain = b.known_factor(x.value, Slots::from(mask.clone()), false)?;
                masks.push((mask, plain));
                plain
            }
        };
        terms.push(Term {
            output: tile as u32,
            giant: 0,
            input: tile as u32,
            baby: 0,
            plain,
        });
    }
    let value = b.linear(x.value, layout.tiles() as u32, terms)?;
    Ok(TileTensor {
        shape: x.shape.cleared(),
        value,
    })
}
