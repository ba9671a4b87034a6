//! Two axes exchanged, as PyTorch's `transpose`, without the batch dimension.
//!
//! * **Shape** `[.., A, .., B, ..] -> [.., B, .., A, ..]`.
//! * **Depth** 0.

use crate::graph::{Op, Tensor};

/// Exchanges axes `a` and `b`; see the [module documentation](self).
#[track_caller]
pub const fn transpose<'t>(x: Tensor<'t>, a: usize, b: usize) -> Tensor<'t> {
    let shape = x.shape().with(a, x.dim(b)).with(b, x.dim(a));
    let form = x.form().rearranged(a == b || a != 0 && b != 0);
    x.then(Op::Transpose { a, b }, shape, 0, form)
}
