//! [`square()`]: its rule.

use crate::graph::{Form, Op, Tensor};

/// `x * x`, the activation of CryptoNets.
///
/// * **Shape** unchanged.
/// * **Depth** 1; a map from the weights that waits is applied first, a constant factor passes through.
/// * **Packing** Any: it acts on every slot where it stands. One product of ciphertexts and one key switch a tile, no rotation.
/// * **Errors** At compile time `depth/budget_spent` of `docs/errors.md`.
/// * **Source** Gilad-Bachrach et al. (CryptoNets), ICML 2016.
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
