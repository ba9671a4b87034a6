//! Passing twin of `fail/tuples_and_shadowing.rs`.

use he_nn::prelude::*;

#[he_nn::block]
fn split(x: Tensor) -> (Tensor, Tensor) {
    let half = x.dim(0) / 2;
    (slice(x, 0, 0, half), slice(x, 0, half, 2 * half))
}

#[he_nn::model(input = [9, 4], depth = 2)]
fn network(x: Tensor) -> (Tensor, Tensor) {
    let (x, y) = split(x);
    let (x, y) = (x * y, y - x);
    (concat([x, y], 0), x + slice(y, 0, 0, 4))
}
