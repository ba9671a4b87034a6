//! What an annotated function needs: `use he_nn::prelude::*;`.

pub use crate::Model;
pub use crate::graph::{Tensor, Weights};
pub use crate::layer::*;
pub use crate::plain;
pub use he_core::params::{Params, Security};
