//! A composite sign for a function that is none.

use he_nn::prelude::*;

#[he_nn::model(input = [8], depth = 9)]
fn network(x: Tensor) -> Tensor {
    gelu(x, Approx::composite(&[7, 7]))
}

fn main() {}
