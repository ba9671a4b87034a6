//! Passing twin of `fail/no_output.rs`.

use he_nn::prelude::*;

#[he_nn::model(input = [4], depth = 1)]
fn network(x: Tensor) -> Tensor {
    square(x)
}
