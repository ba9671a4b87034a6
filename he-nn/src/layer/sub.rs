//! [`sub()`]: its rule.

use crate::graph::{Op, Tensor};

/// Differences of tensors; `x - y` in an annotated function.
///
/// * **Shape** PyTorch's broadcasting.
/// * **Depth** 0, as for `add`.
/// * **Packing** As for `add`.
/// * **Errors** As for `add`.
#[track_caller]
pub const fn sub<'t>(x: Tensor<'t>, y: Tensor<'t>) -> Tensor<'t> {
    super::add::combine(x, y, Op::Sub)
}
