//! Passing twin of `fail/several_models.rs`.

use he_nn::prelude::*;

#[he_nn::block]
fn body(x: Tensor) -> Tensor {
    square(square(x))
}

#[he_nn::model(input = [8], depth = 2)]
fn first(x: Tensor) -> Tensor {
    body(x)
}

#[he_nn::model(input = [4, 8], depth = 2)]
fn second(x: Tensor) -> Tensor {
    transpose(body(x), 0, 1)
}
