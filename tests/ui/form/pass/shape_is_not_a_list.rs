//! Passing twin of `fail/shape_is_not_a_list.rs`.

use he_nn::prelude::*;

#[he_nn::model(input = [784], depth = 1)]
fn network(x: Tensor, w: Weights) -> Tensor {
    linear(x, w.at("fc"), Linear::out(10))
}
