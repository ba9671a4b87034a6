//! A long path is abridged.

use he_nn::prelude::*;

#[he_nn::model(input = [8], depth = 20)]
fn network(x: Tensor, w: Weights) -> Tensor {
    let mut x = x;
    for i in 0..11 {
        x = square(linear(x, w.at("fc").idx(i), Linear::out(8)));
    }
    x
}

fn main() {}
