//! Passing twin of `fail/adaptive_pool_enlarges.rs`.

use he_nn::prelude::*;

#[he_nn::model(input = [1, 28, 28], depth = 5)]
fn network(x: Tensor, _w: Weights) -> Tensor {
    adaptive_avg_pool2d(x, [14, 7])
}
