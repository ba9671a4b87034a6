//! [`concat()`]: its rule.

use super::relabel::ZERO;
use crate::graph::{Form, Message, Op, Tensor};

/// Tensors joined along an axis, as PyTorch's `cat`.
///
/// * **Shape** equal but along the axis, where the sizes add up.
/// * **Depth** 0; maps that wait at one of the tensors are applied first. More than two tensors are recorded as a chain of pairs.
/// * **Packing** None of its own where the next layer is affine: the elements stay where they are and the weights are read in the new
///   order. In front of anything else (a sum, a product, an output) the tensor must stand as the other operand does. Several sources stay
///   in tiles of their own until a layer reads them.
/// * **Errors** At compile time `shape/concat_of_different_shapes` of `docs/errors.md`. [`Error::Infeasible`](crate::Error::Infeasible)
///   where what follows cannot read the parts where they stand.
#[track_caller]
pub const fn concat<'t, const N: usize>(parts: [Tensor<'t>; N], axis: usize) -> Tensor<'t> {
    if N == 0 {
        Message::new("`concat` has no tensor to join").raise();
    }
    let mut whole = parts[0];
    let mut i = 1;
    while i < N {
        whole = join(whole, parts[i], axis);
        i += 1;
    }
    whole
}

#[track_caller]
const fn join<'t>(x: Tensor<'t>, y: Tensor<'t>, axis: usize) -> Tensor<'t> {
    let mut fits = x.rank() == y.rank();
    let mut i = 0;
    while fits && i < x.rank() {
        fits = i == axis || x.dim(i) == y.dim(i);
        i += 1;
    }
    let size = x.dim(axis);
    if !fits {
        Message::new("`concat` along axis ")
            .number(axis)
            .text(" cannot join ")
            .shape(&x.shape())
            .text(" and ")
            .shape(&y.shape())
            .help("every other dimension must be equal")
            .raise();
    }
    let shape = x.shape().with(axis, size + y.dim(axis));
    // A tensor known to the server is joined as it is; a ciphertext must hold its values.
    let x = if x.is_encrypted() { x.settled_fully() } else { x };
    let y = if y.is_encrypted() { y.settled_fully() } else { y };
    x.pair(y, Op::Concat { axis }, shape, 0, Form::Plain)
}

/// For both operands, the element of each behind every element of the result, or [`ZERO`].
pub(crate) fn embeddings(x: &[usize], y: &[usize], axis: usize) -> [Vec<u32>; 2] {
    let inner: usize = x[axis + 1..].iter().product();
    let (first, second) = (x[axis] * inner, y[axis] * inner);
    let outer: usize = x[..axis].iter().product();
    let total = outer * (first + second);
    let place = |i: usize| (i / (first + second), i % (first + second));
    let of_x = |i: usize| match place(i) {
        (row, at) if at < first => (row * first + at) as u32,
        _ => ZERO,
    };
    let of_y = |i: usize| match place(i) {
        (row, at) if at >= first => (row * second + at - first) as u32,
        _ => ZERO,
    };
    [(0..total).map(of_x).collect(), (0..total).map(of_y).collect()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_joined_row_by_row() {
        let [x, y] = embeddings(&[2, 1], &[2, 2], 1);
        assert_eq!(x, [0, ZERO, ZERO, 1, ZERO, ZERO]);
        assert_eq!(y, [ZERO, 0, 1, ZERO, 2, 3]);
    }
}
