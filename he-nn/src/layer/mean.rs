//! [`mean()`]: its rule.

use crate::graph::{Along, Op, Tensor};

/// Mean over one axis, which disappears, as PyTorch's `mean(dim)` without the batch dimension.
///
/// * **Shape** without the axis.
/// * **Depth** 0: the sum is rotations, the division folds as for `avg_pool2d`.
/// * **Packing** As for `sum`.
/// * **Errors** As for `sum`.
#[track_caller]
pub const fn mean<'t>(x: Tensor<'t>, axis: usize) -> Tensor<'t> {
    let (x, form) = super::sum::reduce(x, axis);
    x.then(
        Op::Mean { axis },
        x.shape().without(axis),
        0,
        form.map(Along::Nothing),
    )
}
