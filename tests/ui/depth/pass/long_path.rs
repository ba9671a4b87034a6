//! Passing twin of `fail/long_path.rs`.

use he_nn::prelude::*;

#[he_nn::model(input = [8], depth = 20)]
fn network(x: Tensor, w: Weights) -> Tensor {
    let mut x = x;
    for i in 0..10 {
        x = square(linear(x, w.at("fc").idx(i), Linear::out(8)));
    }
    x
}
