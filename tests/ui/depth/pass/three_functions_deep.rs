//! Passing twin of `fail/three_functions_deep.rs`.

use he_nn::prelude::*;

#[he_nn::block]
fn unit(x: Tensor, w: Weights) -> Tensor {
    square(linear(x, w, Linear::out(8)))
}

#[he_nn::block]
fn pair(x: Tensor, w: Weights) -> Tensor {
    let x = unit(x, w.at("a"));
    unit(x, w.at("b"))
}

#[he_nn::block]
fn tower(x: Tensor, w: Weights) -> Tensor {
    pair(pair(x, w.at("low")), w.at("high"))
}

#[he_nn::model(input = [8], depth = 9)]
fn network(x: Tensor, w: Weights) -> Tensor {
    let x = tower(x, w.at("tower"));
    linear(x, w.at("head"), Linear::out(2))
}
