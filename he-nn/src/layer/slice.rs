//! Part of an axis: `x[.., start..end, ..]` in PyTorch.
//!
//! * **Shape** `end - start` along the axis.
//! * **Depth** 0.

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

/// Keeps entries `start..end` of `axis`; see the [module documentation](self).
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
