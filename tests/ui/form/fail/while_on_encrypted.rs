//! A `while` on an encrypted value.

use he_nn::prelude::*;

#[he_nn::model(input = [1, 28, 28], depth = 5)]
fn network(x: Tensor, _w: Weights) -> Tensor {
    let mut y = x;
    let mut n = 0;
    while y < x && n < 3 {
        y = square(y);
        n += 1;
    }
    y
}

fn main() {}
