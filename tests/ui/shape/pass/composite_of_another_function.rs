//! Passing twin of `fail/composite_of_another_function.rs`.

use he_nn::prelude::*;

#[he_nn::model(input = [8], depth = 9)]
fn network(x: Tensor) -> Tensor {
    gelu(x, Approx::degree(7))
}
