//! A closure in place of a block.

use he_nn::prelude::*;

#[he_nn::model(input = [1, 28, 28], depth = 5)]
fn network(x: Tensor, _w: Weights) -> Tensor {
    let twice = |y| square(square(y));
    twice(x)
}

fn main() {}
