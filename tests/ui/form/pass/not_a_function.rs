//! Passing twin of `fail/not_a_function.rs`.

use he_nn::prelude::*;

#[he_nn::model(input = [4], depth = 1)]
fn network(x: Tensor) -> Tensor {
    square(x)
}
