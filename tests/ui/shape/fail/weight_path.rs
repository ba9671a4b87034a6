//! A number appended to no name.

use he_nn::prelude::*;

#[he_nn::model(input = [1, 28, 28], depth = 5)]
fn network(x: Tensor, w: Weights) -> Tensor {
    linear(flatten(x), w.suffix(1), Linear::out(10))
}

fn main() {}
