//! Gaussian error linear unit: `x Φ(x)`, the exact form of PyTorch's `GELU`.
//!
//! * **Shape** unchanged.
//! * **Depth** that of its polynomial, see [`Approx`].

use crate::graph::Tensor;

use super::activation::activate;
use super::{Approx, Function};

/// `x Φ(x)`, approximated; see the [module documentation](self).
#[track_caller]
pub const fn gelu<'t>(x: Tensor<'t>, approx: Approx) -> Tensor<'t> {
    activate(x, Function::Gelu, approx)
}
