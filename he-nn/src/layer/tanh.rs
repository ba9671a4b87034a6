//! Hyperbolic tangent.
//!
//! * **Shape** unchanged.
//! * **Depth** that of its polynomial, see [`Approx`].

use crate::graph::Tensor;

use super::activation::activate;
use super::{Approx, Function};

/// `tanh x`, approximated; see the [module documentation](self).
#[track_caller]
pub const fn tanh<'t>(x: Tensor<'t>, approx: Approx) -> Tensor<'t> {
    activate(x, Function::Tanh, approx)
}
