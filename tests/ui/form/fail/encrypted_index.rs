//! An index that depends on encrypted data.

use he_nn::prelude::*;

#[he_nn::model(input = [1, 28, 28], depth = 5)]
fn network(x: Tensor, _w: Weights) -> Tensor {
    let factors = [0.5, 2.0];
    scale(x, factors[x])
}

fn main() {}
