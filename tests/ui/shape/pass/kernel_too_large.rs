//! Passing twin of `fail/kernel_too_large.rs`.

use he_nn::prelude::*;

#[he_nn::model(input = [1, 28, 28], depth = 5)]
fn network(x: Tensor, w: Weights) -> Tensor {
    let x = avg_pool2d(x, 14);
    conv2d(x, w.at("conv"), Conv2d::out(5).kernel(2))
}
