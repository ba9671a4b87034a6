//! A skip connection around a layer that shrinks.

use he_nn::prelude::*;

#[he_nn::model(input = [1, 28, 28], depth = 5)]
fn network(x: Tensor, w: Weights) -> Tensor {
    let y = conv2d(x, w.at("conv"), Conv2d::out(1).kernel(3));
    y + x
}

fn main() {}
