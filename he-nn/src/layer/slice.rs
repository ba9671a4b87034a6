//! [`slice()`]: its rule, its options.

use crate::graph::{Message, Op, Tensor};

/// Options recorded by [`slice()`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slice {
    /// The axis.
    pub axis: usize,
    /// First entry kept.
    pub start: usize,
    /// First entry behind those kept.
    pub end: usize,
}

/// Part of an axis: `x[.., start..end, ..]` in PyTorch.
///
/// Keeps entries `start..end` of `axis`.
///
/// * **Shape** `end - start` along the axis.
/// * **Depth** 0.
/// * **Packing** None of its own where the next layer is affine: the elements stay where they are and the weights are read in the new
///   order. In front of anything else (a sum, a product, an output) the tensor must stand as the other operand does.
/// * **Errors** At compile time `shape/slice_beyond_the_end`, `shape/no_such_dimension` of `docs/errors.md`.
#[track_caller]
pub const fn slice<'t>(x: Tensor<'t>, axis: usize, start: usize, end: usize) -> Tensor<'t> {
    let size = x.dim(axis);
    if start >= end || end > size {
        Message::new("`slice` takes ")
            .number(start)
            .text("..")
            .number(end)
            .text(" of axis ")
            .number(axis)
            .text(", which has ")
            .number(size)
            .text(if size == 1 { " entry" } else { " entries" })
            .help("take at least one entry, and none beyond the end")
            .raise();
    }
    let form = x.form().rearranged(axis != 0);
    x.then(
        Op::Slice(Slice { axis, start, end }),
        x.shape().with(axis, end - start),
        0,
        form,
    )
}

/// The element behind each element of the result.
pub(crate) fn sources(from: &[usize], options: &Slice) -> Vec<u32> {
    let Slice { axis, start, end } = *options;
    let inner: usize = from[axis + 1..].iter().product();
    let row = from[axis] * inner;
    let outer: usize = from[..axis].iter().product();
    (0..outer)
        .flat_map(|o| (o * row + start * inner..o * row + end * inner).map(|i| i as u32))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_of_a_matrix() {
        assert_eq!(
            sources(
                &[2, 3],
                &Slice {
                    axis: 1,
                    start: 1,
                    end: 3
                }
            ),
            [1, 2, 4, 5]
        );
        assert_eq!(
            sources(
                &[3, 2],
                &Slice {
                    axis: 0,
                    start: 1,
                    end: 2
                }
            ),
            [2, 3]
        );
    }
}
