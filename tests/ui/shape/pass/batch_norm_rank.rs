//! Passing twin of `fail/batch_norm_rank.rs`.

use he_nn::prelude::*;

#[he_nn::model(input = [1, 28, 28], depth = 5)]
fn network(x: Tensor, w: Weights) -> Tensor {
    batch_norm2d(x, w.at("bn"))
}
