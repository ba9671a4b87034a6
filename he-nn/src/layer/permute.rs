//! [`permute()`]: its rule, its options.

use super::relabel::indices;
use crate::graph::{MAX_RANK, Message, Op, Tensor};

/// An order of axes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Permute {
    axes: [u8; MAX_RANK],
    rank: u8,
}

impl Permute {
    /// Axis `i` of the result is this axis of the operand.
    pub const fn axis(&self, i: usize) -> usize {
        self.axes[i] as usize
    }

    /// Number of axes.
    pub const fn rank(&self) -> usize {
        self.rank as usize
    }
}

/// Axes in another order, as PyTorch's `permute`, without the batch dimension.
///
/// * **Shape** dimension `i` of the result is dimension `axes[i]` of the operand.
/// * **Depth** 0.
/// * **Packing** None of its own where the next layer is affine: the elements stay where they are and the weights are read in the new
///   order. In front of anything else (a sum, a product, an output) the tensor must stand as the other operand does.
/// * **Errors** At compile time `shape/permute_names_an_axis_twice` of `docs/errors.md`.
#[track_caller]
pub const fn permute<'t, const N: usize>(x: Tensor<'t>, axes: [usize; N]) -> Tensor<'t> {
    if N != x.rank() {
        Message::new("`permute` names ")
            .number(N)
            .text(if N == 1 { " axis" } else { " axes" })
            .text(" of a tensor of shape ")
            .shape(&x.shape())
            .help("name every axis once, counted from 0 without the batch")
            .raise();
    }
    let mut order = Permute {
        axes: [0; MAX_RANK],
        rank: N as u8,
    };
    let mut shape = x.shape();
    let mut seen = [false; MAX_RANK];
    let mut i = 0;
    while i < N {
        if axes[i] >= N || seen[axes[i]] {
            Message::new("`permute` names axis ")
                .number(axes[i])
                .text(if axes[i] >= N {
                    ", which the tensor does not have"
                } else {
                    " twice"
                })
                .help("name every axis once, counted from 0 without the batch")
                .raise();
        }
        seen[axes[i]] = true;
        order.axes[i] = axes[i] as u8;
        shape = shape.with(i, x.dim(axes[i]));
        i += 1;
    }
    let form = x.form().rearranged(N == 0 || axes[0] == 0);
    x.then(Op::Permute(order), shape, 0, form)
}

/// The element behind each element of the result; axis `i` of the result is axis `axes[i]` of the operand.
pub(crate) fn sources(from: &[usize], axes: &[usize]) -> Vec<u32> {
    let stride = |axis: usize| from[axis + 1..].iter().product::<usize>();
    let strides: Vec<usize> = axes.iter().map(|&axis| stride(axis)).collect();
    let to: Vec<usize> = axes.iter().map(|&axis| from[axis]).collect();
    indices(&to)
        .map(|index| index.iter().zip(&strides).map(|(i, s)| i * s).sum::<usize>() as u32)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::sources;

    #[test]
    fn a_matrix_is_transposed() {
        assert_eq!(sources(&[2, 3], &[1, 0]), [0, 3, 1, 4, 2, 5]);
        assert_eq!(sources(&[2, 1, 2], &[2, 0, 1]), [0, 2, 1, 3]);
    }
}
