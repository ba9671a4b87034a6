//! A model with a width as parameter.

use he_nn::prelude::*;

#[he_nn::model(input = [4], depth = 1)]
fn network(x: Tensor, w: Weights, out: usize) -> Tensor {
    linear(x, w, Linear::out(out))
}

fn main() {}
