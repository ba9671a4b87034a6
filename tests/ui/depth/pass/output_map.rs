//! Passing twin of `fail/output_map.rs`.

use he_nn::prelude::*;

#[he_nn::model(input = [8, 4, 4], depth = 1)]
fn network(x: Tensor, w: Weights) -> Tensor {
    batch_norm2d(conv2d(x, w.at("conv"), Conv2d::out(8)), w.at("bn"))
}
