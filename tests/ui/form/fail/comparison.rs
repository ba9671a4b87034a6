//! A comparison kept for later.

use he_nn::prelude::*;

#[he_nn::model(input = [1, 28, 28], depth = 5)]
fn network(x: Tensor, _w: Weights) -> Tensor {
    let large = x >= x;
    if large { square(x) } else { x }
}

fn main() {}
