//! [`exp()`]: its rule.

use crate::graph::Tensor;

use super::activation::activate;
use super::{Approx, Function};

/// Exponential function.
///
/// * **Shape** unchanged.
/// * **Depth** that of its polynomial, see [`Approx`].
/// * **Packing** As for every [`Approx`].
/// * **Errors** As for every [`Approx`].
#[track_caller]
pub const fn exp<'t>(x: Tensor<'t>, approx: Approx) -> Tensor<'t> {
    activate(x, Function::Exp, approx)
}
