//! Passing twin of `fail/plain_parameter_of_a_model.rs`.

use he_nn::prelude::*;

const OUT: usize = 2;

#[he_nn::model(input = [4], depth = 1)]
fn network(x: Tensor, w: Weights) -> Tensor {
    linear(x, w, Linear::out(OUT))
}
