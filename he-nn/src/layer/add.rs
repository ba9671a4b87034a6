//! [`add()`]: its rule.

use crate::graph::{Form, Message, Op, Shape, Tensor};

/// Sums of tensors; `x + y` in an annotated function.
///
/// * **Shape** PyTorch's broadcasting: aligned at the last dimension, a 1 stretches.
/// * **Depth** 0; a map that waits at one of two encrypted operands is applied first. A tensor of the server's joins the offset of a
///   waiting map.
/// * **Packing** Any, if both operands stand in the same slots of as many tiles; then no rotation. The packings of both sides are
///   searched together.
/// * **Errors** At compile time `shape/sum_of_different_shapes` of `docs/errors.md`. [`Error::Infeasible`](crate::Error::Infeasible)
///   where no packing brings both operands to the same slots.
#[track_caller]
pub const fn add<'t>(x: Tensor<'t>, y: Tensor<'t>) -> Tensor<'t> {
    combine(x, y, Op::Add)
}

/// The rule of sums and differences.
#[track_caller]
pub(super) const fn combine<'t>(x: Tensor<'t>, y: Tensor<'t>, op: Op) -> Tensor<'t> {
    let shape = broadcast(&x, &y, &op);
    match (x.is_encrypted(), y.is_encrypted()) {
        (true, true) => x
            .settled_fully()
            .pair(y.settled_fully(), op, shape, 0, Form::Plain),
        (true, false) => x.pair(y, op, shape, 0, offset(&x, &shape)),
        (false, true) => x.pair(y, op, shape, 0, offset(&y, &shape)),
        (false, false) => x.pair(y, op, shape, 0, Form::Plain),
    }
}

/// The form of an encrypted tensor plus one of the server's.
const fn offset(encrypted: &Tensor<'_>, shape: &Shape) -> Form {
    let same = encrypted.shape().same(shape);
    match encrypted.form() {
        Form::PendingChannel => Form::PendingElement,
        form => form.rearranged(same),
    }
}

/// The shape of an elementwise operation on two tensors.
#[track_caller]
pub(super) const fn broadcast(x: &Tensor<'_>, y: &Tensor<'_>, op: &Op) -> Shape {
    match x.shape().broadcast(&y.shape()) {
        Some(shape) => shape,
        None => Message::new("`")
            .text(op.name())
            .text("` of shapes ")
            .shape(&x.shape())
            .text(" and ")
            .shape(&y.shape())
            .text(", which do not fit each other")
            .help("aligned at the last dimension, sizes must be equal or 1")
            .raise(),
    }
}
