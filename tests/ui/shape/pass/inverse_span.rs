//! Passing twin of `fail/inverse_span.rs`.

use he_nn::prelude::*;

#[he_nn::model(input = [8], depth = 9)]
fn network(x: Tensor) -> Tensor {
    inverse_sqrt(x, Positive::between(1e-3, 1.0))
}
