//! A batch norm between two squares.

use he_nn::prelude::*;

#[he_nn::model(input = [8, 4, 4], depth = 3)]
fn network(x: Tensor, w: Weights) -> Tensor {
    let x = square(x);
    let x = batch_norm2d(x, w.at("bn"));
    square(square(x))
}

fn main() {}
