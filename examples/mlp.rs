//! A perceptron with one hidden layer and a square, on encrypted digits: the smallest whole network.
//!
//! `cargo run --release --example mlp`

use he_nn::prelude::*;

mod support;

/// Dense, square, dense.
#[he_nn::model(input = [784], depth = 3)]
pub fn mlp_square(x: Tensor, w: Weights) -> Tensor {
    let x = square(linear(x, w.at("fc1"), Linear::out(128)));
    linear(x, w.at("fc2"), Linear::out(10))
}

fn main() -> Result<std::process::ExitCode, Box<dyn std::error::Error>> {
    support::run::bundled(mlp_square(), "mlp_square_mnist", 20)
}
