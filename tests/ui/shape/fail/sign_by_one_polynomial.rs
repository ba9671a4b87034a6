//! One polynomial for a function that jumps.

use he_nn::prelude::*;

#[he_nn::model(input = [8], depth = 9)]
fn network(x: Tensor) -> Tensor {
    sign(x, Approx::degree(27))
}

fn main() {}
