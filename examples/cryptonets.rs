//! CryptoNets on encrypted digits: convolution, square, dense, square, dense (Gilad-Bachrach et al., ICML 2016, table 1).
//!
//! `cargo run --release --example cryptonets`

use he_nn::prelude::*;

mod support;

/// CryptoNets on MNIST (Gilad-Bachrach et al., ICML 2016).
#[he_nn::model(input = [1, 28, 28], depth = 5)]
pub fn crypto_nets(x: Tensor, w: Weights) -> Tensor {
    let x = conv2d(x, w.at("conv1"), Conv2d::out(5).kernel(5).stride(2).padding(1));
    let x = square(x);
    let x = linear(flatten(x), w.at("fc1"), Linear::out(100));
    let x = square(x);
    linear(x, w.at("fc2"), Linear::out(10))
}

fn main() -> Result<std::process::ExitCode, Box<dyn std::error::Error>> {
    support::run::bundled(crypto_nets(), "cryptonets_mnist", 20)
}
