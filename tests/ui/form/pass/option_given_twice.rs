//! Passing twin of `fail/option_given_twice.rs`.

use he_nn::prelude::*;

#[he_nn::model(input = [784], depth = 1)]
fn network(x: Tensor, w: Weights) -> Tensor {
    linear(x, w.at("fc"), Linear::out(10))
}
