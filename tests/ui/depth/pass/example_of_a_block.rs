//! Passing twin of `fail/example_of_a_block.rs`.

use he_nn::prelude::*;

#[he_nn::block(example = [8], depth = 2)]
fn block(x: Tensor, w: Weights) -> Tensor {
    square(linear(x, w, Linear::out(8)))
}
