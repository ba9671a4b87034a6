//! An inverse of no precision.

use he_nn::prelude::*;

#[he_nn::model(input = [8], depth = 9)]
fn network(x: Tensor) -> Tensor {
    inverse(x, Positive::between(0.1, 1.0).precision(1.0))
}

fn main() {}
