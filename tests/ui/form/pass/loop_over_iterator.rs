//! Passing twin of `fail/loop_over_iterator.rs`.

use he_nn::prelude::*;

#[he_nn::model(input = [1, 28, 28], depth = 5)]
fn network(x: Tensor, w: Weights) -> Tensor {
    let widths = [64, 10];
    let mut x = flatten(x);
    for i in 0..widths.len() {
        x = linear(x, w.at("fc").idx(i), Linear::out(widths[i]));
    }
    x
}
