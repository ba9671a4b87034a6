//! Passing twin of `fail/composite_in_a_budget.rs`.

use he_nn::prelude::*;

#[he_nn::model(input = [8], bootstrap)]
fn network(x: Tensor) -> Tensor {
    relu(x, Approx::composite(&[15, 15, 27]))
}
