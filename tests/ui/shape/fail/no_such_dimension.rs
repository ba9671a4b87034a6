//! A dimension the tensor does not have.

use he_nn::prelude::*;

#[he_nn::model(input = [1, 28, 28], depth = 5)]
fn network(x: Tensor, _w: Weights) -> Tensor {
    mean(x, 3)
}

fn main() {}
