//! A residual chain of twenty random layers and squares, 42 levels deep, on encrypted digits: what only a model with `bootstrap` can be.
//!
//! The weights are random, so the answers mean nothing; what counts is that encrypted ones are those of the clear model, within the bound.
//! Takes 24 GB of memory: client and server in one process.
//!
//! `cargo run --release --example residual_chain`

use clap::Parser;
use he_core::bootstrap::BootstrapSpec;
use he_nn::prelude::*;

mod support;
use support::run::{Job, Weights as Source};
use support::{Data, Options};

/// Features of an image, twenty blocks, ten numbers.
#[he_nn::model(input = [784], bootstrap)]
pub fn residual_chain(x: Tensor, w: Weights) -> Tensor {
    let mut x = linear(x, w.at("features"), Linear::out(64));
    for i in 0..20 {
        x = x + square(linear(x, w.at("layer").idx(i), Linear::out(64)));
    }
    linear(x, w.at("fc"), Linear::out(10))
}

/// Runs the chain.
#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    options: Options,
}

fn main() -> Result<std::process::ExitCode, Box<dyn std::error::Error>> {
    let Arguments { options } = Arguments::parse();
    let data = Data::open(&support::data::bundled("mlp_square_mnist", "test.safetensors"))?;
    let job = Job {
        model: residual_chain(),
        weights: Source::Made(support::random::weights(residual_chain())?),
        // Labels and outputs are those of a trained network.
        data: Data {
            labels: None,
            logits: None,
            ..data
        },
        requests: 2,
        bootstrap: Some(BootstrapSpec::b16()),
    };
    Ok(support::run::main(&job, &options))
}
