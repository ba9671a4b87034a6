//! Passing twin of `fail/inverse_in_a_budget.rs`.

use he_nn::prelude::*;

#[he_nn::model(input = [8], depth = 9)]
fn network(x: Tensor) -> Tensor {
    inverse(x, Positive::between(1e-3, 1.0))
}
