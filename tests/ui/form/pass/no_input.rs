//! Passing twin of `fail/no_input.rs`.

use he_nn::prelude::*;

#[he_nn::model(input = [4], depth = 1)]
fn network(x: Tensor, w: Weights) -> Tensor {
    w.param("x", [4]) * x
}
