//! The tile-tensor notation.
//!
//! A shape is a list of [dimensions](TileDim), written `[5/2, 6~/8, */4]`. The slots of a tile are the product of those of all
//! dimensions, flattened row-major (first dimension most significant), and so are the tiles.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

pub use super::dim::{Kind, TileDim};

/// Why a shape is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[expect(
    missing_docs,
    reason = "the fields are explained by the message above each variant"
)]
pub enum ShapeError {
    /// Text that is not a shape.
    #[error("`{found}` is not a tile dimension: expected forms like 5/2, 6~/8, 6(~4)/2, 5?/2, */4")]
    Syntax { found: String },
    /// Sizes must be positive.
    #[error("{role} must be positive")]
    Zero { role: &'static str },
    /// An external size too small to hold the elements.
    #[error("external size {found} is below the {needed} that {size} elements in tiles of {tile} need")]
    External {
        found: usize,
        needed: usize,
        size: usize,
        tile: usize,
    },
    /// A replicated dimension holds one element.
    #[error("a replicated dimension holds one element, found {found}")]
    Replicated { found: usize },
    /// More slots or tiles than can be addressed.
    #[error("the shape has more than 2^31 slots or tiles")]
    TooLarge,
}

/// The shape of a tile tensor.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Vec<TileDim>", into = "Vec<TileDim>")]
pub struct TileShape {
    dims: Vec<TileDim>,
}

impl From<TileShape> for Vec<TileDim> {
    fn from(shape: TileShape) -> Self {
        shape.dims
    }
}

impl TryFrom<Vec<TileDim>> for TileShape {
    type Error = ShapeError;
    fn try_from(dims: Vec<TileDim>) -> Result<Self, ShapeError> {
        Self::new(dims)
    }
}

impl TileShape {
    /// A checked shape.
    pub fn new(dims: Vec<TileDim>) -> Result<Self, ShapeError> {
        let dims: Vec<TileDim> = dims.into_iter().map(TileDim::checked).collect::<Result<_, _>>()?;
        for count in [TileDim::external as fn(&TileDim) -> usize, |d| d.tile, |d| d.size] {
            let product = dims.iter().try_fold(1usize, |p, d| p.checked_mul(count(d)));
            product.filter(|&p| p <= 1 << 31).ok_or(ShapeError::TooLarge)?;
        }
        Ok(Self { dims })
    }

    /// The dimensions.
    pub fn dims(&self) -> &[TileDim] {
        &self.dims
    }

    /// Slots of a tile.
    pub fn slots(&self) -> usize {
        self.dims.iter().map(|d| d.tile).product()
    }

    /// Number of tiles.
    pub fn tiles(&self) -> usize {
        self.dims.iter().map(TileDim::external).product()
    }

    /// Number of elements.
    pub fn elements(&self) -> usize {
        self.dims.iter().map(|d| d.size).product()
    }

    /// Size of each dimension.
    pub fn sizes(&self) -> Vec<usize> {
        self.dims.iter().map(|d| d.size).collect()
    }

    /// Slots between neighbours of `dim` inside a tile.
    pub fn stride(&self, dim: usize) -> usize {
        self.dims[dim + 1..].iter().map(|d| d.tile).product()
    }

    /// Whether no earlier dimension has more than one slot: then a rotation along `dim` wraps inside it.
    pub fn is_first(&self, dim: usize) -> bool {
        self.dims[..dim].iter().all(|d| d.tile == 1)
    }

    /// Whether any slot is unknown.
    pub fn has_unknown(&self) -> bool {
        self.dims.iter().any(|d| d.unknown)
    }

    /// The same shape with dimension `dim` replaced.
    pub fn with_dim(&self, dim: usize, with: TileDim) -> Result<Self, ShapeError> {
        let mut dims = self.dims.clone();
        dims[dim] = with;
        Self::new(dims)
    }

    /// The same shape with known zeros in all unused slots.
    pub fn cleared(&self) -> Self {
        Self {
            dims: self
                .dims
                .iter()
                .map(|d| TileDim { unknown: false, ..*d })
                .collect(),
        }
    }
}

impl fmt::Display for TileShape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dims: Vec<String> = self.dims.iter().map(TileDim::to_string).collect();
        write!(f, "[{}]", dims.join(", "))
    }
}

impl FromStr for TileShape {
    type Err = ShapeError;

    fn from_str(text: &str) -> Result<Self, ShapeError> {
        let inner = text.trim().strip_prefix('[').and_then(|t| t.strip_suffix(']'));
        let inner = inner.ok_or_else(|| ShapeError::Syntax {
            found: text.trim().to_owned(),
        })?;
        if inner.trim().is_empty() {
            return Self::new(Vec::new());
        }
        Self::new(inner.split(',').map(str::parse).collect::<Result<_, _>>()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_notation_is_read_and_printed() {
        for text in [
            "[5/2, 6~/8]",
            "[*/4, 1?/2, 7]",
            "[6(~4)/2]",
            "[5~?/2]",
            "[5?/8, */1]",
            "[]",
        ] {
            let shape: TileShape = text.parse().unwrap();
            assert_eq!(shape.to_string(), text);
        }
        let shape: TileShape = " [ 5 / 2 , 6~/4 ] ".parse().unwrap();
        assert_eq!((shape.slots(), shape.tiles(), shape.elements()), (8, 6, 30));
    }

    #[test]
    fn unknown_is_dropped_where_no_slot_is_unused() {
        assert_eq!(
            "[4?/2, *?/4]".parse::<TileShape>().unwrap().to_string(),
            "[4/2, */4]"
        );
    }

    #[test]
    fn bad_notation_is_refused() {
        for text in [
            "5/2",
            "[5/0]",
            "[0/2]",
            "[5/2",
            "[x/2]",
            "[5(~2)/2]",
            "[5(2)/2]",
            "[-1/2]",
            "[5//2]",
            "[99999999999/2]",
        ] {
            assert!(text.parse::<TileShape>().is_err(), "{text} was accepted");
        }
        let error = "[9(~2)/4]".parse::<TileShape>().unwrap_err();
        assert_eq!(
            error,
            ShapeError::External {
                found: 2,
                needed: 3,
                size: 9,
                tile: 4
            }
        );
    }
}
