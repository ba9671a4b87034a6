//! Networks for comparison with other systems, from seeded or trained weights in a folder: `NAME.safetensors` with PyTorch's names, and
//! `NAME.test.safetensors` with inputs `x`.
//!
//! `cargo run --release --example networks -- lola --dir FOLDER`

use std::path::PathBuf;

use clap::Parser;

mod models;
#[path = "../support/mod.rs"]
mod support;
use models::Name;
use support::run::{Job, Weights};
use support::{Data, Options};

/// Runs a network of a folder.
#[derive(Parser)]
struct Arguments {
    /// Which network.
    #[arg(value_enum)]
    name: Name,
    /// Where its files are.
    #[arg(long)]
    dir: PathBuf,
    #[command(flatten)]
    options: Options,
}

fn main() -> Result<std::process::ExitCode, Box<dyn std::error::Error>> {
    let Arguments { name, dir, options } = Arguments::parse();
    let file = name.file();
    let job = Job {
        model: name.model(),
        weights: Weights::File(dir.join(format!("{file}.safetensors"))),
        data: Data::open(&dir.join(format!("{file}.test.safetensors")))?,
        requests: 3,
        bootstrap: None,
    };
    Ok(support::run::main(&job, &options))
}
