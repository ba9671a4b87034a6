//! A permutation that is none.

use he_nn::prelude::*;

#[he_nn::model(input = [1, 28, 28], depth = 5)]
fn network(x: Tensor, _w: Weights) -> Tensor {
    permute(x, [2, 1, 1])
}

fn main() {}
