//! Passing twin of `fail/inverse_precision.rs`.

use he_nn::prelude::*;

#[he_nn::model(input = [8], depth = 9)]
fn network(x: Tensor) -> Tensor {
    inverse(x, Positive::between(0.1, 1.0).precision(0.1))
}
