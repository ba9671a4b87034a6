//! Passing twin of `fail/longest_branch.rs`.

use he_nn::prelude::*;

#[he_nn::model(input = [8], depth = 4)]
fn network(x: Tensor, w: Weights) -> Tensor {
    let short = linear(x, w.at("skip"), Linear::out(8));
    let long = square(linear(square(x), w.at("fc"), Linear::out(8)));
    (short + long) * x
}
