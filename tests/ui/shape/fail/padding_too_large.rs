//! A pooling that would average padding only.

use he_nn::prelude::*;

#[he_nn::model(input = [1, 28, 28], depth = 5)]
fn network(x: Tensor, _w: Weights) -> Tensor {
    avg_pool2d_with(x, AvgPool2d::kernel(2).padding(2))
}

fn main() {}
