//! A tile tensor inside a program: a shape, and the value whose tiles it describes.

use super::layout::{Cell, Layout};
use super::pack::{PackError, pack};
use super::shape::{Kind, ShapeError, TileDim, TileShape};
use crate::program::{Builder, PlainClass, PlainId, PlainValues, ValueId, VerifyError};

/// A shaped value of a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TileTensor {
    /// How the tensor lies in the tiles.
    pub shape: TileShape,
    /// The tiles.
    pub value: ValueId,
}

/// Why a tile-tensor operation is refused.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
#[expect(
    missing_docs,
    reason = "the fields are explained by the message above each variant"
)]
pub enum TileError {
    /// A resulting shape is impossible.
    #[error(transparent)]
    Shape(#[from] ShapeError),
    /// The program refuses the operation.
    #[error(transparent)]
    Program(#[from] VerifyError),
    /// The shape does not fill the program's tiles.
    #[error("shape {shape} has {found} slots, the program's tiles have {expected}")]
    Slots {
        shape: TileShape,
        found: usize,
        expected: usize,
    },
    /// A dimension that does not exist.
    #[error("dimension {found} does not exist: there are {allowed}")]
    Dim { found: usize, allowed: usize },
    /// Two dimensions that do not broadcast.
    #[error("dimension {dim}: {left} and {right} do not fit: equal, or one replicated in equal tiles")]
    Mismatch {
        dim: usize,
        left: TileDim,
        right: TileDim,
    },
    /// An operation that needs known zeros met unknown slots.
    #[error(
        "{operation} needs zeros in the unused slots of dimension {dim} ({found}); help: clear it first, for one level"
    )]
    Unknown {
        operation: &'static str,
        dim: usize,
        found: TileDim,
    },
    /// A dimension whose arrangement does not allow the operation.
    #[error("{operation} along dimension {dim} ({found}) needs {needed}")]
    Arrangement {
        operation: &'static str,
        dim: usize,
        found: TileDim,
        needed: &'static str,
    },
}

impl TileTensor {
    /// A named program input of this shape.
    pub fn input(b: &mut Builder, name: &str, shape: TileShape, level: u32) -> Result<Self, TileError> {
        let (found, expected) = (shape.slots(), b.slots());
        if found != expected {
            return Err(TileError::Slots {
                shape,
                found,
                expected,
            });
        }
        let value = b.input(name, shape.tiles() as u32, level)?;
        Ok(Self { shape, value })
    }

    /// What stands in every slot.
    pub fn layout(&self) -> Layout {
        Layout::of(&self.shape)
    }

    /// Dimension `dim`, if it exists.
    pub(super) fn dim(&self, dim: usize) -> Result<TileDim, TileError> {
        let allowed = self.shape.dims().len();
        self.shape
            .dims()
            .get(dim)
            .copied()
            .ok_or(TileError::Dim { found: dim, allowed })
    }
}

/// Plaintext operands of an operation: one plaintext a tile, and which element of the plain tensor stands where in them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlainTensor {
    /// One plaintext a tile of the result.
    pub plain: Vec<PlainId>,
    /// What belongs in their slots.
    pub layout: Layout,
}

impl PlainTensor {
    /// Allocates a plaintext for every tile of `layout`, in the class that the layout itself guarantees.
    pub(super) fn allocate(
        b: &mut Builder,
        layout: Layout,
        mut plaintext: impl FnMut(&mut Builder, PlainClass) -> Result<PlainId, VerifyError>,
    ) -> Result<Self, TileError> {
        let classes: Vec<PlainClass> = (0..layout.tiles()).map(|t| class_of(&layout, t)).collect();
        let plain = classes
            .into_iter()
            .map(|class| plaintext(b, class))
            .collect::<Result<_, _>>()?;
        Ok(Self { plain, layout })
    }

    /// Gives the plaintexts the values of a row-major tensor.
    pub fn fill<T: Copy + Into<f64>>(&self, values: &[T], into: &mut PlainValues) -> Result<(), PackError> {
        for (&id, tile) in self.plain.iter().zip(pack(&self.layout, values)?) {
            into.insert(id, tile);
        }
        Ok(())
    }
}

/// The class of every plaintext that follows one tile of a layout.
fn class_of(layout: &Layout, tile: usize) -> PlainClass {
    let cells: Vec<Cell> = layout.tile(tile).collect();
    let mut period = cells.len();
    while period.is_multiple_of(2) && cells[..period / 2] == cells[period / 2..period] {
        period /= 2;
    }
    match period {
        1 => PlainClass::Constant,
        p if p == cells.len() => PlainClass::General,
        p => PlainClass::Periodic { period: p as u32 },
    }
}

/// (tile index, index inside the tile) along every dimension, for a tile and slot of a shape.
pub(super) fn coordinates(shape: &TileShape, mut tile: usize, mut slot: usize) -> Vec<(usize, usize)> {
    let mut at: Vec<(usize, usize)> = Vec::with_capacity(shape.dims().len());
    for d in shape.dims().iter().rev() {
        at.push((tile % d.external(), slot % d.tile));
        (tile, slot) = (tile / d.external(), slot / d.tile);
    }
    at.reverse();
    at
}

/// The flat index of the tile at `coordinates`, where a dimension with one tile stands for all.
pub(super) fn tile_at(shape: &TileShape, coordinates: impl IntoIterator<Item = usize>) -> u32 {
    let step =
        |flat: usize, (d, a): (&TileDim, usize)| flat * d.external() + if d.external() == 1 { 0 } else { a };
    shape.dims().iter().zip(coordinates).fold(0, step) as u32
}

/// The shape two operands broadcast to, with no dimension unknown.
pub(super) fn broadcast(x: &TileShape, y: &TileShape) -> Result<TileShape, TileError> {
    let (found, allowed) = (y.dims().len(), x.dims().len());
    if found != allowed {
        return Err(TileError::Dim { found, allowed });
    }
    let one = |(dim, (&left, &right)): (usize, (&TileDim, &TileDim))| {
        let same = (left.size, left.kind) == (right.size, right.kind);
        let merged = if left.is_broadcast() { right } else { left };
        if left.tile != right.tile || !(same || left.is_broadcast() || right.is_broadcast()) {
            return Err(TileError::Mismatch { dim, left, right });
        }
        // `1/1` beside `*/1`: the same thing under two names.
        let kind = if merged.is_broadcast() {
            Kind::Replicated
        } else {
            merged.kind
        };
        Ok(TileDim {
            unknown: false,
            kind,
            ..merged
        })
    };
    let dims = x
        .dims()
        .iter()
        .zip(y.dims())
        .enumerate()
        .map(one)
        .collect::<Result<_, _>>()?;
    Ok(TileShape::new(dims)?)
}

/// The tiles of `x` in the order of the tiles of `shape`, each repeated as broadcasting demands.
pub(super) fn expand(b: &mut Builder, x: &TileTensor, shape: &TileShape) -> Result<ValueId, TileError> {
    let source = |tile| tile_at(&x.shape, coordinates(shape, tile, 0).into_iter().map(|(a, _)| a));
    Ok(b.select(x.value, (0..shape.tiles()).map(source).collect())?)
}
