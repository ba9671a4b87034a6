//! [`sigmoid()`]: its rule, what it means on floats.

use crate::graph::Tensor;

use super::activation::activate;
use super::{Approx, Function};

/// Logistic function: `1 / (1 + exp(-x))`.
///
/// * **Shape** unchanged.
/// * **Depth** that of its polynomial, see [`Approx`].
/// * **Packing** As for every [`Approx`].
/// * **Errors** As for every [`Approx`].
#[track_caller]
pub const fn sigmoid<'t>(x: Tensor<'t>, approx: Approx) -> Tensor<'t> {
    activate(x, Function::Sigmoid, approx)
}

/// On floats, without overflow.
pub(crate) fn clear(x: f64) -> f64 {
    if x < 0.0 {
        let e = x.exp();
        e / (1.0 + e)
    } else {
        1.0 / (1.0 + (-x).exp())
    }
}
