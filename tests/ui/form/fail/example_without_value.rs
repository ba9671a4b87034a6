//! A block example that leaves a parameter open.

use he_nn::prelude::*;

#[he_nn::block(example = [4], depth = 1)]
fn project(x: Tensor, w: Weights, out: usize) -> Tensor {
    linear(x, w, Linear::out(out))
}

fn main() {}
