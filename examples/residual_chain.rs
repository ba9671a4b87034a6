//! A residual chain of twenty random layers and squares, 42 levels deep, on encrypted digits: what only a model with `bootstrap` can be.
//!
//! The weights are random, so the answers mean nothing; what counts is that encrypted ones are those of the clear model, within the bound.
//! Takes 24 GB of memory: client and server in one process.
//!
//! `cargo run --release --example residual_chain`

use clap::Parser;
use he_core::bootstrap::BootstrapSpec;
use he_nn::Checkpoint;
use he_nn::checkpoint::TensorData;
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

/// Weights that keep values of order one through all squares, uniform (splitmix64, Steele et al. 2014).
fn random_weights() -> Result<Checkpoint, he_nn::Error> {
    let mut state = 1u64;
    let mut next = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (state ^ state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ z >> 31) as f64 / (u64::MAX / 2) as f64 - 1.0
    };
    let tensors = residual_chain()
        .manifest()
        .parameters
        .into_iter()
        .map(|parameter| {
            let inputs: usize = parameter.shape.iter().skip(1).product();
            let size = if inputs > 1 {
                0.5 / (inputs as f64).sqrt()
            } else {
                0.1
            };
            let value = |x: f64| (size * x) as f32;
            let values = (0..parameter.shape.iter().product())
                .map(|_| value(next()))
                .collect();
            Ok((parameter.name, TensorData::new(&parameter.shape, values)?))
        });
    Ok(Checkpoint::from_tensors(
        tensors.collect::<Result<Vec<_>, he_nn::Error>>()?,
    ))
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
        weights: Source::Made(random_weights()?),
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
