//! A linear layer on an image.

use he_nn::prelude::*;

#[he_nn::model(input = [1, 28, 28], depth = 5)]
fn network(x: Tensor, w: Weights) -> Tensor {
    linear(x, w.at("fc"), Linear::out(10))
}

fn main() {}
