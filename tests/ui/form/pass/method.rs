//! Passing twin of `fail/method.rs`.

use he_nn::prelude::*;

struct Widths(usize);

#[he_nn::block]
fn project(widths: Widths, x: Tensor, w: Weights) -> Tensor {
    linear(x, w, Linear::out(widths.0))
}
