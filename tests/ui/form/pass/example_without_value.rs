//! Passing twin of `fail/example_without_value.rs`.

use he_nn::prelude::*;

#[he_nn::block(example = [4], out = 2, depth = 1)]
fn project(x: Tensor, w: Weights, out: usize) -> Tensor {
    linear(x, w, Linear::out(out))
}
