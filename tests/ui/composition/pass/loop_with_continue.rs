//! Passing twin of `fail/loop_with_continue.rs`.

use he_nn::prelude::*;

#[he_nn::model(input = [8], depth = 6)]
fn network(x: Tensor, w: Weights) -> Tensor {
    let mut x = x;
    for i in (0..=4).rev() {
        if i % 2 == 1 {
            continue;
        }
        x = square(linear(x, w.at("fc").idx(i), Linear::out(8)));
    }
    x
}
