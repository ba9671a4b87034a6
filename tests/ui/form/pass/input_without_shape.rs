//! Passing twin of `fail/input_without_shape.rs`.

use he_nn::prelude::*;

#[he_nn::model(image = [1, 28, 28], mask = [28, 28], depth = 1)]
fn network(image: Tensor, mask: Tensor) -> Tensor {
    image * mask
}
