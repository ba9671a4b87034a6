//! An inverse that takes more levels than there are.

use he_nn::prelude::*;

#[he_nn::model(input = [8], depth = 9)]
fn network(x: Tensor) -> Tensor {
    inverse(x, Positive::between(1e-4, 1.0))
}

fn main() {}
