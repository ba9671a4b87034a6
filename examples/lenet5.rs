//! LeNet-5 with average pooling and trained cubics, on encrypted digits (LeCun et al., Proceedings of the IEEE 86, 1998, figure 2).
//!
//! `cargo run --release --example lenet5`

use he_nn::prelude::*;

mod support;

/// LeNet-5; each activation is a cubic whose coefficients were trained with the weights.
#[he_nn::model(input = [1, 28, 28], depth = 13)]
pub fn lenet5(x: Tensor, w: Weights) -> Tensor {
    let x = conv2d(x, w.at("conv1"), Conv2d::out(6).kernel(5).padding(2));
    let x = avg_pool2d(polynomial(x, w.at("act1"), 3), 2);
    let x = conv2d(x, w.at("conv2"), Conv2d::out(16).kernel(5));
    let x = avg_pool2d(polynomial(x, w.at("act2"), 3), 2);
    let x = polynomial(linear(flatten(x), w.at("fc1"), Linear::out(120)), w.at("act3"), 3);
    let x = polynomial(linear(x, w.at("fc2"), Linear::out(84)), w.at("act4"), 3);
    linear(x, w.at("fc3"), Linear::out(10))
}

fn main() -> Result<std::process::ExitCode, Box<dyn std::error::Error>> {
    support::run::bundled(lenet5(), "lenet5_poly3_mnist", 3)
}
