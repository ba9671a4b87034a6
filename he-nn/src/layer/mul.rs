//! [`mul()`]: its rule.

use crate::graph::{Form, Op, Tensor};

/// Elementwise products of tensors; `x * y` in an annotated function.
///
/// * **Shape** PyTorch's broadcasting.
/// * **Depth** 1, and maps from the weights that wait at an operand are applied first; a constant factor passes through.
/// * **Packing** Any, if both operands stand in the same slots of as many tiles. One product of ciphertexts and one key switch a tile, no
///   rotation; with a tensor of the server's, one product with a plaintext a tile.
/// * **Errors** At compile time `shape/sum_of_different_shapes`, `depth/budget_spent` of `docs/errors.md`.
///   [`Error::Infeasible`](crate::Error::Infeasible) where no packing brings both operands to the same slots.
#[track_caller]
pub const fn mul<'t>(x: Tensor<'t>, y: Tensor<'t>) -> Tensor<'t> {
    let shape = super::add::broadcast(&x, &y, &Op::Mul);
    let (x, y) = (x.settled(), y.settled());
    let factor = matches!(x.form(), Form::Factor) || matches!(y.form(), Form::Factor);
    x.pair(
        y,
        Op::Mul,
        shape,
        1,
        if factor { Form::Factor } else { Form::Plain },
    )
}
