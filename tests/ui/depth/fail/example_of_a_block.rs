//! A block that checks itself.

use he_nn::prelude::*;

#[he_nn::block(example = [8], depth = 1)]
fn block(x: Tensor, w: Weights) -> Tensor {
    square(linear(x, w, Linear::out(8)))
}

fn main() {}
