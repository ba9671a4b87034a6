//! Passing twin of `fail/sum_of_different_shapes.rs`.

use he_nn::prelude::*;

#[he_nn::model(input = [1, 28, 28], depth = 5)]
fn network(x: Tensor, w: Weights) -> Tensor {
    let y = conv2d(x, w.at("conv"), Conv2d::out(1).kernel(3).padding(1));
    y + x
}
