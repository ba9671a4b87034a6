//! Tensors to slot values and back.

use super::layout::{Cell, Layout};

/// Why values and layout do not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[expect(
    missing_docs,
    reason = "the fields are explained by the message above each variant"
)]
pub enum PackError {
    /// The tensor has fewer elements than the layout names.
    #[error("the layout names {expected} elements, the tensor has {found}")]
    Elements { expected: usize, found: usize },
    /// The number of tiles differs.
    #[error("expected {expected} tiles, found {found}")]
    Tiles { expected: usize, found: usize },
    /// The number of slots differs.
    #[error("expected {expected} slots a tile, found {found}")]
    Slots { expected: usize, found: usize },
    /// No slot holds the element.
    #[error("element {element} stands in no slot")]
    Missing { element: usize },
}

/// The slot values of a row-major tensor; zero and unknown slots are zero.
pub fn pack<T: Copy + Into<f64>>(layout: &Layout, values: &[T]) -> Result<Vec<Vec<f64>>, PackError> {
    pack_with(layout, values, |_, _| 0.0)
}

/// As [`pack`], with `unknown(tile, slot)` in the unknown slots.
pub fn pack_with<T: Copy + Into<f64>>(
    layout: &Layout,
    values: &[T],
    mut unknown: impl FnMut(usize, usize) -> f64,
) -> Result<Vec<Vec<f64>>, PackError> {
    let expected = layout.elements();
    if values.len() < expected {
        return Err(PackError::Elements {
            expected,
            found: values.len(),
        });
    }
    let mut slot = |tile: usize, (slot, cell): (usize, Cell)| match cell {
        Cell::Element(e) => values[e as usize].into(),
        Cell::Zero => 0.0,
        Cell::Unknown => unknown(tile, slot),
    };
    Ok((0..layout.tiles())
        .map(|t| layout.tile(t).enumerate().map(|c| slot(t, c)).collect())
        .collect())
}

/// The first `elements` elements of a tensor from the slot values, reading the first copy of each.
pub fn unpack<T: AsRef<[f64]>>(layout: &Layout, tiles: &[T], elements: usize) -> Result<Vec<f64>, PackError> {
    if tiles.len() != layout.tiles() {
        return Err(PackError::Tiles {
            expected: layout.tiles(),
            found: tiles.len(),
        });
    }
    if let Some(tile) = tiles.iter().find(|t| t.as_ref().len() != layout.slots()) {
        return Err(PackError::Slots {
            expected: layout.slots(),
            found: tile.as_ref().len(),
        });
    }
    let positions = layout.positions(elements);
    let read = |element| match positions.of(element) {
        [(tile, slot), ..] => Ok(tiles[*tile as usize].as_ref()[*slot as usize]),
        [] => Err(PackError::Missing { element }),
    };
    (0..elements).map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unpacking_inverts_packing() {
        for text in ["[5/2, 3~/4]", "[*/2, 7/4]", "[6(~5)/2, 1?/4]", "[3?/4, 2~?/4]"] {
            let shape: crate::tile::TileShape = text.parse().unwrap();
            let layout = Layout::of(&shape);
            let values: Vec<f32> = (0..shape.elements()).map(|e| e as f32 + 1.0).collect();
            let tiles = pack_with(&layout, &values, |_, _| f64::NAN).unwrap();
            let back = unpack(&layout, &tiles, shape.elements()).unwrap();
            assert!(
                back.iter().zip(&values).all(|(a, b)| *a == f64::from(*b)),
                "{text}"
            );
        }
    }

    #[test]
    fn misfits_are_typed() {
        let layout = Layout::of(&"[5/2]".parse().unwrap());
        assert_eq!(
            pack(&layout, &[1.0f32; 4]),
            Err(PackError::Elements {
                expected: 5,
                found: 4
            })
        );
        let tiles = vec![vec![0.0; 2]; 3];
        assert_eq!(
            unpack(&layout, &tiles[..2], 5),
            Err(PackError::Tiles {
                expected: 3,
                found: 2
            })
        );
        assert_eq!(
            unpack(&layout, &[[0.0; 1]; 3], 5),
            Err(PackError::Slots {
                expected: 2,
                found: 1
            })
        );
        assert_eq!(unpack(&layout, &tiles, 6), Err(PackError::Missing { element: 5 }));
    }
}
