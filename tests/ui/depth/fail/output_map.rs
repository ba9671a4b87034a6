//! A batch norm behind the last activation.

use he_nn::prelude::*;

#[he_nn::model(input = [8, 4, 4], depth = 1)]
fn network(x: Tensor, w: Weights) -> Tensor {
    batch_norm2d(square(x), w.at("bn"))
}

fn main() {}
