//! Passing twin of `fail/generic_model.rs`.

use he_nn::prelude::*;

#[he_nn::block]
fn narrow<const N: usize>(x: Tensor, w: Weights) -> Tensor {
    linear(x, w, Linear::out(N))
}

#[he_nn::model(input = [4], depth = 1)]
fn network(x: Tensor, w: Weights) -> Tensor {
    narrow::<2>(x, w)
}
