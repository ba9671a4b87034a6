//! An activation on tensors.

#[he_nn::activation(degree = 3)]
fn cube(x: he_nn::Tensor) -> he_nn::Tensor {
    x * x * x
}

fn main() {}
