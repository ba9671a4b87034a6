//! A model that returns nothing.

use he_nn::prelude::*;

#[he_nn::model(input = [4], depth = 1)]
fn network(x: Tensor) {
    let _ = square(x);
}

fn main() {}
