//! [`transpose()`]: its rule.

use crate::graph::{Op, Tensor};

/// Two axes exchanged, as PyTorch's `transpose`, without the batch dimension.
///
/// * **Shape** `[.., A, .., B, ..] -> [.., B, .., A, ..]`.
/// * **Depth** 0.
/// * **Packing** As for `permute`.
/// * **Errors** At compile time `shape/no_such_dimension` of `docs/errors.md`.
#[track_caller]
pub const fn transpose<'t>(x: Tensor<'t>, a: usize, b: usize) -> Tensor<'t> {
    let shape = x.shape().with(a, x.dim(b)).with(b, x.dim(a));
    let form = x.form().rearranged(a == b || a != 0 && b != 0);
    x.then(Op::Transpose { a, b }, shape, 0, form)
}
