//! Tile tensors: tensors spread over the slots of ciphertexts by a small notation.
//!
//! | file | holds |
//! |---|---|
//! | [`shape`], `dim` | the notation, `[5/2, 6~/8, */4]`, and that of one dimension |
//! | [`layout`] | what it means: a map from (tile, slot) to element, zero or unknown |
//! | [`arrangement`] | how a client spreads a tensor, of which a dimension may be split over several of a tile's |
//! | [`mod@pack`] | values to slots and back through a layout |
//! | [`tensor`] | a shaped value of a program |
//! | [`ops`] | what can be done with it, and the shape that results |
//!
//! Source: Aharoni, Adir, Baruch, Drucker, Ezov, Farkash, Greenberg, Masalha, Moshkowich, Murik, Shaul, Soceanu, "HeLayers: A Tile
//! Tensors Framework for Large Neural Networks on Encrypted Data", PoPETs 2023.

pub mod arrangement;
mod dim;
pub mod layout;
#[cfg(feature = "program")]
pub mod ops;
pub mod pack;
pub mod shape;
#[cfg(feature = "program")]
pub mod tensor;

pub use layout::{Cell, Layout};
pub use pack::{PackError, pack, unpack};
pub use shape::{Kind, ShapeError, TileDim, TileShape};
#[cfg(feature = "program")]
pub use tensor::TileTensor;
