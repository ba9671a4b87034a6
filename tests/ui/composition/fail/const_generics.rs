//! A block over a constant of its type.

use he_nn::prelude::*;

#[he_nn::block]
fn heads<const N: usize>(x: Tensor) -> Tensor {
    reshape(x, [N, 64 / N])
}

#[he_nn::model(input = [64], depth = 1)]
fn network(x: Tensor) -> Tensor {
    square(heads::<5>(x))
}

fn main() {}
