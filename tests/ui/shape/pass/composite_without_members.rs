//! Passing twin of `fail/composite_without_members.rs`.

use he_nn::prelude::*;

#[he_nn::model(input = [8], depth = 9)]
fn network(x: Tensor) -> Tensor {
    relu(x, Approx::composite(&[7, 7]))
}
