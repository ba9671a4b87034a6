//! [`relu()`]: its rule.

use crate::graph::Tensor;

use super::activation::activate;
use super::{Approx, Function};

/// Rectified linear unit: the larger of `x` and 0.
///
/// * **Shape** unchanged.
/// * **Depth** that of its polynomial, or of its composite sign and one for the product `x (1 + sign(x)) / 2`; see [`Approx`].
/// * **Packing** As for every [`Approx`].
/// * **Errors** As for every [`Approx`].
/// * **Source** J. Lee et al., arXiv 2105.10879, 2021, for the composite.
#[track_caller]
pub const fn relu<'t>(x: Tensor<'t>, approx: Approx) -> Tensor<'t> {
    activate(x, Function::Relu, approx)
}
