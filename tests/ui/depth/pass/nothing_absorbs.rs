//! Passing twin of `fail/nothing_absorbs.rs`.

use he_nn::prelude::*;

#[he_nn::model(input = [8, 4, 4], depth = 3)]
fn network(x: Tensor, w: Weights) -> Tensor {
    let x = conv2d(x, w.at("conv"), Conv2d::out(8));
    let x = batch_norm2d(x, w.at("bn"));
    square(square(x))
}
