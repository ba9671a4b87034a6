//! Logistic regression on encrypted patients' records. The server computes the score; its sign is the answer.
//!
//! `cargo run --release --example logreg -- --data breast-cancer`

use clap::{Parser, ValueEnum};
use he_nn::prelude::*;

mod support;
use support::Options;
use support::run::Job;

/// Heart disease from 15 raw features (cholesterol, the largest, stays below 700).
#[he_nn::model(input = [15], depth = 1, range = 700.0)]
pub fn logreg_heart(x: Tensor, w: Weights) -> Tensor {
    linear(standardize(x, w.at("scaler")), w.at("linear"), Linear::out(1))
}

/// Breast cancer from 30 raw features (the worst area, the largest, stays below 5000).
#[he_nn::model(input = [30], depth = 1, range = 5000.0)]
pub fn logreg_breast_cancer(x: Tensor, w: Weights) -> Tensor {
    linear(standardize(x, w.at("scaler")), w.at("linear"), Linear::out(1))
}

/// The bundled data sets.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Records {
    /// 276 patients, 15 features.
    Heart,
    /// 171 patients, 30 features.
    BreastCancer,
}

/// Diagnoses encrypted records.
#[derive(Parser)]
struct Arguments {
    /// Which records.
    #[arg(long, value_enum, default_value = "heart")]
    data: Records,
    #[command(flatten)]
    options: Options,
}

fn main() -> Result<std::process::ExitCode, Box<dyn std::error::Error>> {
    let Arguments { data, options } = Arguments::parse();
    let (model, folder) = match data {
        Records::Heart => (logreg_heart(), "logreg_heart"),
        Records::BreastCancer => (logreg_breast_cancer(), "logreg_breast_cancer"),
    };
    Ok(support::run::main(&Job::bundled(model, folder, 20)?, &options))
}
