//! A depth budget and bootstrapping at once.

use he_nn::prelude::*;

#[he_nn::model(input = [784], depth = 1, bootstrap)]
fn network(x: Tensor, w: Weights) -> Tensor {
    linear(x, w.at("fc"), Linear::out(10))
}

fn main() {}
