//! Passing twin of `fail/reshape_elements.rs`.

use he_nn::prelude::*;

#[he_nn::model(input = [1, 28, 28], depth = 5)]
fn network(x: Tensor, _w: Weights) -> Tensor {
    reshape(x, [28, 28])
}
