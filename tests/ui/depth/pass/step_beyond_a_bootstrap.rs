//! Passing twin of `fail/step_beyond_a_bootstrap.rs`.

use he_nn::prelude::*;

#[he_nn::model(input = [8], bootstrap)]
fn network(x: Tensor) -> Tensor {
    sigmoid(x, Approx::degree(255).range(8.0))
}
