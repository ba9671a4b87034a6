//! Elementwise products of tensors; `x * y` in an annotated function.
//!
//! * **Shape** PyTorch's broadcasting.
//! * **Depth** 1, and maps from the weights that wait at an operand are applied first; a constant factor passes through.

use crate::graph::{Form, Op, Tensor};

/// `x * y`; see the [module documentation](self).
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
