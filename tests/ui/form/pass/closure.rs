//! Passing twin of `fail/closure.rs`.

use he_nn::prelude::*;

#[he_nn::block]
fn twice(y: Tensor) -> Tensor {
    square(square(y))
}

#[he_nn::model(input = [1, 28, 28], depth = 5)]
fn network(x: Tensor, _w: Weights) -> Tensor {
    twice(x)
}
