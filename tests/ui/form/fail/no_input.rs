//! A model without an input.

use he_nn::prelude::*;

#[he_nn::model(input = [4], depth = 1)]
fn network(w: Weights) -> Tensor {
    w.param("x", [4])
}

fn main() {}
