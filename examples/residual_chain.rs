//! A residual chain of twenty random layers and activations on encrypted digits, squares or rectified linear units by composites of
//! degrees {15, 15, 27}: 42 and 322 levels deep, what only a model with `bootstrap` can be.
//!
//! The weights are random, so the answers mean nothing; what counts is that encrypted ones are those of the clear model, within the bound.
//! Takes 24 GB of memory: client and server in one process. `--plan` plans and bounds the error, and runs nothing.
//!
//! `cargo run --release --example residual_chain -- --activation relu`

use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use he_core::bootstrap::BootstrapSpec;
use he_nn::Goal;
use he_nn::prelude::*;

mod support;
use support::clock::timed;
use support::report::seconds;
use support::run::{Job, Weights as Source};
use support::{Data, Options};

/// Features of an image, twenty blocks, ten numbers.
#[he_nn::model(input = [784], bootstrap)]
pub fn squares(x: Tensor, w: Weights) -> Tensor {
    let mut x = linear(x, w.at("features"), Linear::out(64));
    for i in 0..20 {
        x = x + square(linear(x, w.at("layer").idx(i), Linear::out(64)));
    }
    linear(x, w.at("fc"), Linear::out(10))
}

/// The same with rectified linear units.
#[he_nn::model(input = [784], bootstrap)]
pub fn units(x: Tensor, w: Weights) -> Tensor {
    let mut x = linear(x, w.at("features"), Linear::out(64));
    for i in 0..20 {
        x = x + relu(
            linear(x, w.at("layer").idx(i), Linear::out(64)),
            Approx::composite(&[15, 15, 27]),
        );
    }
    linear(x, w.at("fc"), Linear::out(10))
}

/// What stands in each block behind its layer.
#[derive(Clone, Copy, ValueEnum)]
enum Activation {
    Square,
    Relu,
}

impl Activation {
    fn model(self) -> &'static Model {
        match self {
            Activation::Square => squares(),
            Activation::Relu => units(),
        }
    }
}

/// Runs the chain.
#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    options: Options,
    /// What stands behind each layer.
    #[arg(long, value_enum, default_value_t = Activation::Square)]
    activation: Activation,
    /// Plans, prints the plan and the bound on its error, and runs nothing.
    #[arg(long)]
    plan: bool,
}

fn main() -> Result<ExitCode, Box<dyn std::error::Error>> {
    let Arguments {
        options,
        activation,
        plan,
    } = Arguments::parse();
    let model = activation.model();
    let (weights, data) = (
        support::random::weights(model)?,
        Data::open(&support::data::bundled("mlp_square_mnist", "test.safetensors"))?,
    );
    if plan {
        let ranges = model.calibrate(&weights, &data.inputs)?;
        let goal = Goal::latency().bootstrap(BootstrapSpec::b16());
        let goal = goal.threads(options.threads()).ranges(&ranges);
        let (plan, time) = timed(|| model.plan_for(&goal, &weights));
        let plan = plan?;
        println!("{plan}");
        println!(
            "bound     an error of {:.1e}; planned and bounded in {}",
            plan.predicted_error(&weights)?,
            seconds(time.wall)
        );
        return Ok(ExitCode::SUCCESS);
    }
    let job = Job {
        model,
        weights: Source::Made(weights),
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
