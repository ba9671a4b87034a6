//! Sigmoid linear unit: `x / (1 + exp(-x))`.
//!
//! * **Shape** unchanged.
//! * **Depth** that of its polynomial, see [`Approx`].

use crate::graph::Tensor;

use super::activation::activate;
use super::{Approx, Function};

/// `x / (1 + exp(-x))`, approximated; see the [module documentation](self).
#[track_caller]
pub const fn silu<'t>(x: Tensor<'t>, approx: Approx) -> Tensor<'t> {
    activate(x, Function::Silu, approx)
}

/// On floats.
pub(crate) fn clear(x: f64) -> f64 {
    x * super::sigmoid::clear(x)
}
