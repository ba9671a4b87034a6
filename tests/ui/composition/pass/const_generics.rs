//! Passing twin of `fail/const_generics.rs`.

use he_nn::prelude::*;

#[he_nn::block]
fn heads<const N: usize>(x: Tensor) -> Tensor {
    reshape(x, [N, 64 / N])
}

#[he_nn::model(input = [64], depth = 1)]
fn network(x: Tensor) -> Tensor {
    square(heads::<4>(x))
}
