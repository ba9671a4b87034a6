//! Rectified linear units by composites of degrees {15, 15, 27} on a full ciphertext at N = 2^16, one behind the other so that values are
//! refreshed in between: of 32768 numbers x the unit of `relu(x) - x`, which is that of `-x`.
//!
//! `cargo run --release --example relu -- --samples 1 --threads 1`

use clap::Parser;
use he_core::bootstrap::BootstrapSpec;
use he_nn::Checkpoint;
use he_nn::prelude::*;

mod support;
use support::run::{Job, Weights as Source};
use support::{Data, Options};

/// Slots of a ciphertext.
const SLOTS: usize = 1 << 15;

const UNIT: Approx = Approx::composite(&[15, 15, 27]);

/// Two units.
#[he_nn::model(input = [32768], bootstrap)]
pub fn units(x: Tensor) -> Tensor {
    relu(relu(x, UNIT) - x, UNIT)
}

/// Runs the units.
#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    options: Options,
}

fn main() -> Result<std::process::ExitCode, Box<dyn std::error::Error>> {
    let Arguments { options } = Arguments::parse();
    // Half of the numbers evenly over [-1, 1], half towards zero.
    let number = |i: usize| {
        let t = (i / 4) as f32 / (SLOTS / 4) as f32;
        let magnitude = if i.is_multiple_of(2) {
            t
        } else {
            (-16.0 * t).exp2()
        };
        if i % 4 < 2 { magnitude } else { -magnitude }
    };
    let job = Job {
        model: units(),
        weights: Source::Made(Checkpoint::from_tensors([])),
        data: Data {
            inputs: (0..SLOTS).map(number).collect(),
            elements: SLOTS,
            labels: None,
            logits: None,
        },
        requests: 1,
        bootstrap: Some(BootstrapSpec::b16()),
    };
    Ok(support::run::main(&job, &options))
}
