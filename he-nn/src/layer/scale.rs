//! [`scale()`]: its rule.

use crate::graph::{Along, Message, Op, Tensor};

/// Multiplication by a constant of the program; `x * 0.5` and `-x` in an annotated function.
///
/// * **Shape** unchanged.
/// * **Depth** 0: the factor is known to the plan and moves on to the next affine layer or to the client.
/// * **Packing** None of its own: no rotation, no product. The sign alone, where nothing absorbs it, is two products with `i`, which are
///   free.
/// * **Errors** At compile time `shape/zero_factor` of `docs/errors.md`.
#[track_caller]
pub const fn scale<'t>(x: Tensor<'t>, factor: f64) -> Tensor<'t> {
    if !factor.is_finite() || factor == 0.0 {
        Message::new("the factor of `scale` is zero or not finite")
            .help("leave the term out instead of multiplying it by 0")
            .raise();
    }
    x.then(Op::Scale { factor }, x.shape(), 0, x.form().map(Along::Nothing))
}
