//! [`reshape()`]: its rule.

use crate::graph::{Message, Op, Shape, Tensor};

/// The same elements in row-major order under another shape.
///
/// * **Shape** any with as many elements.
/// * **Depth** 0.
/// * **Packing** None of its own where the next layer is affine: the elements stay where they are and the weights are read in the new
///   order. In front of anything else (a sum, a product, an output) the tensor must stand as the other operand does.
/// * **Errors** At compile time `shape/reshape_elements` of `docs/errors.md`.
#[track_caller]
pub const fn reshape<'t, const N: usize>(x: Tensor<'t>, dims: [usize; N]) -> Tensor<'t> {
    let shape = Shape::new(&dims);
    if shape.elements() != x.elements() {
        Message::new("`reshape` from ")
            .shape(&x.shape())
            .text(" to ")
            .shape(&shape)
            .text(": ")
            .count(x.elements(), "element")
            .text(" cannot fill ")
            .number(shape.elements())
            .help("the products of the dimensions must be equal")
            .raise();
    }
    let channels = N > 0 && x.rank() > 0 && shape.dim(0) == x.dim(0);
    x.then(Op::Reshape, shape, 0, x.form().rearranged(channels))
}
