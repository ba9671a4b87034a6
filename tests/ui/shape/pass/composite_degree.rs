//! Passing twin of `fail/composite_degree.rs`.

use he_nn::prelude::*;

#[he_nn::model(input = [8], depth = 9)]
fn network(x: Tensor) -> Tensor {
    sign(x, Approx::composite(&[7, 9]))
}
