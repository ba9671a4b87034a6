//! All dimensions in one, in row-major order.
//!
//! * **Shape** `[..] -> [product]`.
//! * **Depth** 0.

use crate::graph::{Op, Shape, Tensor};

/// Flattens a tensor; see the [module documentation](self).
#[track_caller]
pub const fn flatten<'t>(x: Tensor<'t>) -> Tensor<'t> {
    let form = x.form().rearranged(x.rank() == 1);
    x.then(Op::Flatten, Shape::new(&[x.elements()]), 0, form)
}
