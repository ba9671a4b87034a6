//! A 1-D batch norm on an image.

use he_nn::prelude::*;

#[he_nn::model(input = [1, 28, 28], depth = 5)]
fn network(x: Tensor, w: Weights) -> Tensor {
    batch_norm1d(x, w.at("bn"))
}

fn main() {}
