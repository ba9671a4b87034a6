//! An inverse of operands that ciphertexts do not resolve.

use he_nn::prelude::*;

#[he_nn::model(input = [8], depth = 9)]
fn network(x: Tensor) -> Tensor {
    inverse_sqrt(x, Positive::between(1e-9, 1.0))
}

fn main() {}
