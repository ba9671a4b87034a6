//! A block of the library, too deep.

use he_nn::prelude::*;

#[he_nn::model(input = [3, 32, 32], depth = 3)]
fn network(x: Tensor, w: Weights) -> Tensor {
    let x =
        he_nn::block::conv_bn_polynomial(x, w.at("stem"), Conv2d::out(24).kernel(4).stride(2).padding(1), 2);
    let x =
        he_nn::block::conv_bn_polynomial(x, w.at("down"), Conv2d::out(48).kernel(3).stride(2).padding(1), 2);
    linear(flatten(x), w.at("fc"), Linear::out(10))
}

fn main() {}
