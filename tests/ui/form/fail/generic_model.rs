//! A generic model.

use he_nn::prelude::*;

#[he_nn::block]
fn narrow<const N: usize>(x: Tensor, w: Weights) -> Tensor {
    linear(x, w, Linear::out(N))
}

#[he_nn::model(input = [4], depth = 1)]
fn network<const N: usize>(x: Tensor, w: Weights) -> Tensor {
    narrow::<N>(x, w)
}

fn main() {}
