//! Passing twin of `fail/two_budgets.rs`.

use he_nn::prelude::*;

#[he_nn::model(input = [784], bootstrap)]
fn network(x: Tensor, w: Weights) -> Tensor {
    linear(x, w.at("fc"), Linear::out(10))
}
