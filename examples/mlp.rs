//! A perceptron with one hidden layer and a square, on encrypted digits: the smallest whole network.
//!
//! `cargo run --release --example mlp`

use clap::Parser;
use he_nn::prelude::*;

mod support;
use support::data::bundled;
use support::run::Job;
use support::{Data, Options};

/// Dense, square, dense.
#[he_nn::model(input = [784], depth = 3)]
pub fn mlp_square(x: Tensor, w: Weights) -> Tensor {
    let x = square(linear(x, w.at("fc1"), Linear::out(128)));
    linear(x, w.at("fc2"), Linear::out(10))
}

/// Classifies encrypted handwritten digits with a small network.
#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    options: Options,
}

fn main() -> Result<std::process::ExitCode, Box<dyn std::error::Error>> {
    let Arguments { options } = Arguments::parse();
    let job = Job {
        model: mlp_square(),
        checkpoint: bundled("mlp_square_mnist", "model.safetensors"),
        data: Data::open(&bundled("mlp_square_mnist", "test.safetensors"))?,
        requests: 20,
    };
    Ok(support::run::main(&job, &options))
}
