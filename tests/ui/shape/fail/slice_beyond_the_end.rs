//! A slice beyond the end.

use he_nn::prelude::*;

#[he_nn::model(input = [1, 28, 28], depth = 5)]
fn network(x: Tensor, _w: Weights) -> Tensor {
    slice(x, 1, 14, 29)
}

fn main() {}
