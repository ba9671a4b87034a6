//! Passing twin of `fail/degree_too_high.rs`.

use he_nn::prelude::*;

#[he_nn::model(input = [8], depth = 4)]
fn network(x: Tensor, w: Weights) -> Tensor {
    let x = linear(x, w.at("fc1"), Linear::out(8));
    let x = gelu(x, Approx::degree(4).range(4.0));
    linear(x, w.at("fc2"), Linear::out(2))
}
