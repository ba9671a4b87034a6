//! Passing twin of `fail/match_on_encrypted.rs`.

use he_nn::prelude::*;

#[he_nn::model(input = [1, 28, 28], depth = 5)]
fn network(x: Tensor, _w: Weights) -> Tensor {
    match x.channels() {
        1 => square(x),
        _ => x,
    }
}
