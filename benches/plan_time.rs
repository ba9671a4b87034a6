//! Seconds that planning takes: for every network of the example `networks`, against the number of layers, and for deep networks that
//! are refreshed on the way.
//!
//! `cargo bench --bench plan_time [-- NAME .. | -- --refreshed]`; without names, all but those of 224 x 224 pixels; with `--refreshed` only
//! the last table, and with `--bounds` what bounding the error takes besides, with random weights (a minute). Ranges are assumed, so no
//! weights are needed. The second table should grow in step with the layers; the third has a second for each network.

use std::time::Instant;

use clap::{Parser, ValueEnum};
use comfy_table::Table;
use he_core::bootstrap::BootstrapSpec;
use he_nn::plan::{Goal, Plan};
use he_nn::prelude::*;
use he_nn::{Ranges, Result};

#[path = "../examples/networks/models.rs"]
mod models;
#[path = "../examples/support/random.rs"]
mod random;
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

/// Layers of 64 x 64, each with a square.
macro_rules! deep {
    ($($name:ident $layers:literal)*) => {$(
        #[he_nn::model(input = [64], bootstrap)]
        fn $name(x: Tensor, w: Weights) -> Tensor {
            let mut x = x;
            for i in 0..$layers {
                x = square(linear(x, w.at("layer").idx(i), Linear::out(64)));
            }
            linear(x, w.at("fc"), Linear::out(10))
        }
    )*};
}

deep! { deep40 40 }

/// The same with a skip around each.
macro_rules! residual {
    ($($name:ident $layers:literal)*) => {$(
        #[he_nn::model(input = [784], bootstrap)]
        fn $name(x: Tensor, w: Weights) -> Tensor {
            let mut x = linear(x, w.at("features"), Linear::out(64));
            for i in 0..$layers {
                x = x + square(linear(x, w.at("layer").idx(i), Linear::out(64)));
            }
            linear(x, w.at("fc"), Linear::out(10))
        }
    )*};
}

residual! { residual20 20 residual40 40 }

/// Plans networks and prints how long it took.
#[derive(Parser)]
struct Arguments {
    /// Which networks.
    #[arg(value_enum)]
    names: Vec<Name>,
    /// Only the networks that are refreshed on the way.
    #[arg(long, conflicts_with = "names")]
    refreshed: bool,
    /// Bounds their errors, too.
    #[arg(long)]
    bounds: bool,
    /// What cargo passes to every benchmark.
    #[arg(long, hide = true)]
    bench: bool,
}

/// The start of a digest, for telling plans apart.
fn start_of(digest: [u8; 32]) -> String {
    digest[..4].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Seconds that something takes, and what came of it.
fn timed<T>(f: impl FnOnce() -> T) -> (f64, T) {
    let start = Instant::now();
    let result = f();
    (start.elapsed().as_secs_f64(), result)
}

fn goal(model: &'static Model) -> Goal {
    Goal::latency().ranges(&Ranges::assumed(model, ASSUMED_RANGE))
}

/// What came of planning.
fn outcome(plan: &Result<Plan>) -> String {
    match plan {
        Ok(plan) => format!(
            "2^{}, predicted {:.5} s, {}",
            plan.chain().log_n(),
            plan.predicted_seconds(),
            start_of(plan.digest())
        ),
        Err(error) => error.to_string().lines().next().unwrap_or_default().to_owned(),
    }
}

fn main() {
    let Arguments {
        names,
        refreshed,
        bounds,
        ..
    } = Arguments::parse();
    if !refreshed {
        networks(names);
        layers();
    }
    refreshed_on_the_way(bounds);
}

fn networks(names: Vec<Name>) {
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
        let (seconds, plan) = timed(|| name.model().plan(&goal(name.model())));
        table.add_row([name.file(), format!("{seconds:.2}"), outcome(&plan)]);
    }
    println!("{table}");
}

fn layers() {
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
        let (seconds, _) = timed(|| model.plan(&goal(model)));
        let each = 1e3 * seconds / f64::from(layers);
        table.add_row([layers.to_string(), format!("{seconds:.3}"), format!("{each:.1}")]);
    }
    println!("{table}");
}

fn refreshed_on_the_way(bounds: bool) {
    let mut table = Table::new();
    table.set_header([
        "network",
        "ciphertexts refreshed",
        "planning, s",
        "plan",
        "bound, s",
    ]);
    for model in [deep40(), residual20(), residual40()] {
        let goal = goal(model).bootstrap(BootstrapSpec::b16());
        let (seconds, plan) = timed(|| model.plan(&goal));
        let refreshes = plan.as_ref().map_or(0, |plan| plan.bill().total.refreshes);
        // What `plan_for` does besides.
        let bound = || {
            plan.as_ref()
                .ok()?
                .predicted_error(&random::weights(model).ok()?)
                .ok()
        };
        let (bounding, bound) = timed(|| bounds.then(bound).flatten());
        let bound = bound.map_or(String::new(), |bound| format!("{bounding:.2}: {bound:.1e}"));
        let seconds = format!("{seconds:.2}");
        table.add_row([
            model.name(),
            &refreshes.to_string(),
            &seconds,
            &outcome(&plan),
            &bound,
        ]);
    }
    println!("{table}");
}
