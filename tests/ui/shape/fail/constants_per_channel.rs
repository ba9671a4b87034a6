//! Three means for one channel.

use he_nn::prelude::*;

#[he_nn::model(input = [1, 28, 28], depth = 5)]
fn network(x: Tensor, _w: Weights) -> Tensor {
    normalize(x, &[0.5, 0.5, 0.5], &[0.5, 0.5, 0.5])
}

fn main() {}
