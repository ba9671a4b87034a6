//! [`tanh()`]: its rule.

use crate::graph::Tensor;

use super::activation::activate;
use super::{Approx, Function};

/// Hyperbolic tangent.
///
/// * **Shape** unchanged.
/// * **Depth** that of its polynomial, see [`Approx`].
/// * **Packing** As for every [`Approx`].
/// * **Errors** As for every [`Approx`].
#[track_caller]
pub const fn tanh<'t>(x: Tensor<'t>, approx: Approx) -> Tensor<'t> {
    activate(x, Function::Tanh, approx)
}
