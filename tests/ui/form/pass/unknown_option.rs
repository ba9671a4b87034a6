//! Passing twin of `fail/unknown_option.rs`.

use he_nn::prelude::*;

#[he_nn::model(input = [784], depth = 1, range = 2.0)]
fn network(x: Tensor, w: Weights) -> Tensor {
    linear(x, w.at("fc"), Linear::out(10))
}
