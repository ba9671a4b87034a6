//! A `return` in a block.

use he_nn::prelude::*;

#[he_nn::block(example = [8], depth = 1)]
fn block(x: Tensor) -> Tensor {
    if x.dim(0) == 1 {
        return x;
    }
    square(x)
}

fn main() {}
