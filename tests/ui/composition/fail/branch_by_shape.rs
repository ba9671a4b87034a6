//! A skip connection chosen by shape.

use he_nn::prelude::*;

#[he_nn::block]
fn residual(x: Tensor, w: Weights, out: usize) -> Tensor {
    let skip = if x.channels() == out {
        x
    } else {
        pad_channels(x, out / 2)
    };
    let y = conv2d(x, w.at("conv"), Conv2d::out(out).kernel(3).padding(1));
    batch_norm2d(y, w.at("bn")) + skip
}

#[he_nn::model(input = [8, 8, 8], depth = 2)]
fn network(x: Tensor, w: Weights) -> Tensor {
    let x = residual(x, w.at("a"), 8);
    residual(x, w.at("b"), 16)
}

fn main() {}
