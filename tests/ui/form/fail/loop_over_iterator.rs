//! A `for` over an iterator.

use he_nn::prelude::*;

#[he_nn::model(input = [1, 28, 28], depth = 5)]
fn network(x: Tensor, w: Weights) -> Tensor {
    let widths = [64, 10];
    let mut x = flatten(x);
    for (i, _) in widths.iter().enumerate() {
        x = linear(x, w.at("fc").idx(i), Linear::out(widths[i]));
    }
    x
}

fn main() {}
