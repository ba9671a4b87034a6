//! [`silu()`]: its rule, what it means on floats.

use crate::graph::Tensor;

use super::activation::activate;
use super::{Approx, Function};

/// Sigmoid linear unit: `x / (1 + exp(-x))`.
///
/// * **Shape** unchanged.
/// * **Depth** that of its polynomial, see [`Approx`].
/// * **Packing** As for every [`Approx`].
/// * **Errors** As for every [`Approx`].
/// * **Source** Elfwing, Uchibe, Doya, Neural Networks 107, 2018.
#[track_caller]
pub const fn silu<'t>(x: Tensor<'t>, approx: Approx) -> Tensor<'t> {
    activate(x, Function::Silu, approx)
}

/// On floats.
pub(crate) fn clear(x: f64) -> f64 {
    x * super::sigmoid::clear(x)
}
