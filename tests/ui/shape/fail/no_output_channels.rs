//! A layer without outputs.

use he_nn::prelude::*;

#[he_nn::model(input = [1, 28, 28], depth = 5)]
fn network(x: Tensor, w: Weights) -> Tensor {
    conv2d(x, w.at("conv"), Conv2d::out(0))
}

fn main() {}
