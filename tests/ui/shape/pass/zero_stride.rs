//! Passing twin of `fail/zero_stride.rs`.

use he_nn::prelude::*;

#[he_nn::model(input = [1, 28, 28], depth = 5)]
fn network(x: Tensor, w: Weights) -> Tensor {
    conv2d(x, w.at("conv"), Conv2d::out(5).kernel(5).stride(1))
}
