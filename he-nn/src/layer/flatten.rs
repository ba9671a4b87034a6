//! [`flatten()`]: its rule.

use crate::graph::{Op, Shape, Tensor};

/// All dimensions in one, in row-major order.
///
/// * **Shape** `[..] -> [product]`.
/// * **Depth** 0.
/// * **Packing** None of its own where the next layer is affine: the elements stay where they are and the weights are read in the new
///   order. In front of anything else (a sum, a product, an output) the tensor must stand as the other operand does.
/// * **Errors** None.
#[track_caller]
pub const fn flatten<'t>(x: Tensor<'t>) -> Tensor<'t> {
    let form = x.form().rearranged(x.rank() == 1);
    x.then(Op::Flatten, Shape::new(&[x.elements()]), 0, form)
}
