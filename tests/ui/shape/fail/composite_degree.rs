//! A member of a composite that is even.

use he_nn::prelude::*;

#[he_nn::model(input = [8], depth = 9)]
fn network(x: Tensor) -> Tensor {
    sign(x, Approx::composite(&[7, 8]))
}

fn main() {}
