//! Exponential function.
//!
//! * **Shape** unchanged.
//! * **Depth** that of its polynomial, see [`Approx`].

use crate::graph::Tensor;

use super::activation::activate;
use super::{Approx, Function};

/// `exp x`, approximated; see the [module documentation](self).
#[track_caller]
pub const fn exp<'t>(x: Tensor<'t>, approx: Approx) -> Tensor<'t> {
    activate(x, Function::Exp, approx)
}
