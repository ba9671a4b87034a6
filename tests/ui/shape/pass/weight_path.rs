//! Passing twin of `fail/weight_path.rs`.

use he_nn::prelude::*;

#[he_nn::model(input = [1, 28, 28], depth = 5)]
fn network(x: Tensor, w: Weights) -> Tensor {
    linear(flatten(x), w.at("fc").suffix(1), Linear::out(10))
}
