//! An `if` on an encrypted value.

use he_nn::prelude::*;

#[he_nn::model(input = [1, 28, 28], depth = 5)]
fn network(x: Tensor, _w: Weights) -> Tensor {
    let hot = x * x;
    if hot > x { hot } else { x }
}

fn main() {}
