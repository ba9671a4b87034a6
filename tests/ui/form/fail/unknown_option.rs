//! A misspelt option.

use he_nn::prelude::*;

#[he_nn::model(input = [784], depth = 1, rnage = 2.0)]
fn network(x: Tensor, w: Weights) -> Tensor {
    linear(x, w.at("fc"), Linear::out(10))
}

fn main() {}
