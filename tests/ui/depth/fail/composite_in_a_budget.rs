//! A composite that takes more levels than there are.

use he_nn::prelude::*;

#[he_nn::model(input = [8], depth = 9)]
fn network(x: Tensor) -> Tensor {
    relu(x, Approx::composite(&[15, 15, 27]))
}

fn main() {}
