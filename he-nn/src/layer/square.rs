//! `x * x`, the activation of CryptoNets.
//!
//! * **Shape** unchanged.
//! * **Depth** 1; a map from the weights that waits is applied first, a constant factor passes through.

use crate::graph::{Form, Op, Tensor};

/// `x * x`; see the [module documentation](self).
#[track_caller]
pub const fn square<'t>(x: Tensor<'t>) -> Tensor<'t> {
    let x = x.settled();
    let form = if matches!(x.form(), Form::Factor) {
        Form::Factor
    } else {
        Form::Plain
    };
    x.then(Op::Square, x.shape(), 1, form)
}
