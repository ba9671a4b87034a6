//! An adaptive pooling to more than there is.

use he_nn::prelude::*;

#[he_nn::model(input = [1, 28, 28], depth = 5)]
fn network(x: Tensor, _w: Weights) -> Tensor {
    adaptive_avg_pool2d(x, [56, 7])
}

fn main() {}
