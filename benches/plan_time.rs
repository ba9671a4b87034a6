//! Seconds that planning takes: for every network of the example `networks`, and against the number of layers.
//!
//! `cargo bench --bench plan_time [-- NAME ..]`; without names, all but those of 224 x 224 pixels. Ranges are assumed, so no weights are
//! needed. The second table should grow in step with the layers.

use std::time::Instant;

use clap::{Parser, ValueEnum};
use comfy_table::Table;
use he_nn::Ranges;
use he_nn::plan::Goal;
use he_nn::prelude::*;

#[path = "../examples/networks/models.rs"]
mod models;
use models::Name;

/// Bound assumed at every site.
const ASSUMED_RANGE: f64 = 2.0;

/// Dense layers side by side, their squares added up.
macro_rules! wide {
    ($($name:ident $layers:literal)*) => {$(
        #[he_nn::model(input = [64], depth = 2)]
        fn $name(x: Tensor, w: Weights) -> Tensor {
            let mut sum = square(linear(x, w.at("branch").idx(0), Linear::out(16)));
            for i in 1..$layers {
                sum = sum + square(linear(x, w.at("branch").idx(i), Linear::out(16)));
            }
            sum
        }
    )*};
}

wide! { wide4 4 wide8 8 wide16 16 wide32 32 wide64 64 }

/// Plans networks and prints how long it took.
#[derive(Parser)]
struct Arguments {
    /// Which networks.
    #[arg(value_enum)]
    names: Vec<Name>,
    /// What cargo passes to every benchmark.
    #[arg(long, hide = true)]
    bench: bool,
}

/// Seconds, and what came of it.
fn plan(model: &'static Model) -> (f64, String) {
    let start = Instant::now();
    let plan = model.plan(&Goal::latency().ranges(&Ranges::assumed(model, ASSUMED_RANGE)));
    let seconds = start.elapsed().as_secs_f64();
    let outcome = match plan {
        Ok(plan) => format!(
            "2^{}, predicted {:.3} s",
            plan.chain().log_n(),
            plan.predicted_seconds()
        ),
        Err(error) => error.to_string().lines().next().unwrap_or_default().to_owned(),
    };
    (seconds, outcome)
}

fn main() {
    let Arguments { names, .. } = Arguments::parse();
    let large = [Name::Covid224, Name::Alexnet224];
    let all = Name::value_variants().iter().filter(|name| !large.contains(name));
    let names: Vec<Name> = if names.is_empty() {
        all.copied().collect()
    } else {
        names
    };
    let mut table = Table::new();
    table.set_header(["network", "planning, s", "plan"]);
    for name in names {
        let (seconds, outcome) = plan(name.model());
        table.add_row([name.file(), format!("{seconds:.2}"), outcome]);
    }
    println!("{table}");

    let mut table = Table::new();
    table.set_header(["dense layers", "planning, s", "ms a layer"]);
    let sizes = [
        (4, wide4()),
        (8, wide8()),
        (16, wide16()),
        (32, wide32()),
        (64, wide64()),
    ];
    for (layers, model) in sizes {
        let (seconds, _) = plan(model);
        let each = 1e3 * seconds / f64::from(layers);
        table.add_row([layers.to_string(), format!("{seconds:.3}"), format!("{each:.1}")]);
    }
    println!("{table}");
}
