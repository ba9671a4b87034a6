//! Refreshes ciphertexts: stages, time, levels and precision of bootstrapping.
//!
//! `cargo run --release --example bootstrap -- [--set B16|B16-lite|B15] [--keys seeded|expanded] [--threads T] [--repeat R] [--json FILE]`

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use comfy_table::Table;
use he_core::bootstrap::{BootstrapSpec, Bootstrapper, Stage};
use he_core::ckks::{Ciphertext, Context, KeyMemory, SecretKey};
use serde::Serialize;

mod support;
use support::clock::{peak_rss_bytes, timed};
use support::report::{bytes, seconds};

/// Refreshes pairs of full ciphertexts of structured slots.
#[derive(Parser)]
struct Arguments {
    /// Parameters.
    #[arg(long, value_enum, default_value_t = Set::B16)]
    set: Set,
    /// Threads.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    threads: u16,
    /// What of the keys is in memory.
    #[arg(long, value_enum, default_value_t = Keys::Seeded)]
    keys: Keys,
    /// Pairs of every structure.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    repeat: u16,
    /// Writes the numbers as one JSON object.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Set {
    /// N = 2^16, EvalMod at 60 bits, 15 levels of 40 bits between refreshes.
    #[value(name = "B16")]
    B16,
    /// N = 2^16, one prime a level, 18 levels of 40 bits between refreshes.
    #[value(name = "B16-lite")]
    B16Lite,
    /// N = 2^15, 4 levels of 30 bits between refreshes: low latency.
    #[value(name = "B15")]
    B15,
}

#[derive(Clone, Copy, ValueEnum)]
enum Keys {
    /// One half; the other is made again from its seed whenever it is used.
    Seeded,
    /// Both halves.
    Expanded,
}

impl Set {
    fn spec(self) -> BootstrapSpec {
        match self {
            Self::B16 => BootstrapSpec::b16(),
            Self::B16Lite => BootstrapSpec::b16_lite(),
            Self::B15 => BootstrapSpec::b15(),
        }
    }
}

#[derive(Serialize)]
struct Report {
    /// Half of a pair's CPU seconds.
    seconds_per_ciphertext: Vec<f64>,
    wall_seconds_per_pair: Vec<f64>,
    levels_left: usize,
    worst_bits: f64,
    mean_bits: f64,
    evaluation_key_bytes: usize,
    plaintext_bytes: usize,
    setup_s: f64,
    keygen_s: f64,
    peak_rss_bytes: Option<u64>,
    log_qp: f64,
    security_bits: u32,
}

/// Pairs of slots: waves, constants, one slot, alternating signs, tiny ones.
fn structured(n: usize) -> Vec<(&'static str, [Vec<f64>; 2])> {
    let of = |f: &dyn Fn(usize) -> f64| (0..n).map(f).collect::<Vec<f64>>();
    let sign = |k: usize| if k.is_multiple_of(2) { 1.0 } else { -1.0 };
    vec![
        (
            "waves",
            [of(&|k| (k as f64).sin()), of(&|k| (1.1 * k as f64).cos())],
        ),
        ("constants", [vec![1.0; n], vec![-1.0; n]]),
        ("one slot", [of(&|k| f64::from(k == 3)), vec![0.0; n]]),
        ("alternating", [of(&sign), vec![1.0; n]]),
        ("tiny", [vec![1e-4; n], vec![-1e-4; n]]),
    ]
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let arguments = Arguments::parse();
    rayon::ThreadPoolBuilder::new()
        .num_threads(arguments.threads.into())
        .build_global()?;
    let spec = arguments.set.spec();
    let context = &Context::new(spec.chain().build()?)?;
    let chain = context.chain();
    println!(
        "ring      N = 2^{}, log QP = {:.0} of {} bits, {} + {} primes, {} levels",
        chain.log_n(),
        chain.log_qp(),
        chain.security().cap_bits(chain.log_n()),
        chain.q_count(),
        chain.special_count(),
        chain.top_level(),
    );
    let (bootstrapper, setup) = timed(|| Bootstrapper::new(context, &spec));
    let bootstrapper = bootstrapper?;
    println!(
        "transform plaintexts {} in {}",
        bytes(bootstrapper.plaintext_bytes() as u64),
        seconds(setup.wall)
    );
    let secret = SecretKey::generate(context)?;
    let key_spec = bootstrapper.key_spec();
    let memory = match arguments.keys {
        Keys::Seeded => KeyMemory::Seeded,
        Keys::Expanded => KeyMemory::Expanded,
    };
    let (keys, keygen) = timed(|| secret.evaluation_keys(context, &key_spec));
    let (keys, expand) = timed(|| keys?.expand(context, memory));
    let (keys, encapsulation) = (&keys?, &secret.encapsulation_keys(context)?);
    println!(
        "keys      {} rotations, {} seeded, {} in memory, made in {} (CPU {}), loaded in {} (CPU {})",
        key_spec.rotations.len(),
        bytes(key_spec.wire_bytes(context) as u64),
        bytes(keys.bytes() as u64),
        seconds(keygen.wall),
        seconds(keygen.cpu),
        seconds(expand.wall),
        seconds(expand.cpu)
    );
    let encrypt = |slots: &[f64]| -> he_core::Result<Ciphertext> {
        let level = bootstrapper.entry_level();
        let plain = context.encode(slots, context.scale(level), level, false)?;
        Ok(secret.encrypt(context, &plain)?.expand(context))
    };
    let mut table = Table::new();
    table.set_header([
        "slots",
        "s a pair",
        "CPU s a ciphertext",
        "worst bits",
        "mean bits",
        "stages",
    ]);
    let (mut cpu, mut wall) = (vec![], vec![]);
    let (mut worst, mut all_mean, mut levels) = (f64::INFINITY, vec![], 0);
    for (name, [x, y]) in structured(context.slots()) {
        let (cx, cy) = (encrypt(&x)?, encrypt(&y)?);
        for _ in 0..arguments.repeat {
            let mut stages: Vec<(Stage, f64)> = vec![];
            let start = std::time::Instant::now();
            let (refreshed, time) = timed(|| {
                bootstrapper.refresh_pair(keys, encapsulation, [&cx, &cy], &mut |stage| {
                    let before: f64 = stages.iter().map(|(_, s)| s).sum();
                    stages.push((stage, start.elapsed().as_secs_f64() - before));
                })
            });
            let mut errors = vec![];
            for (refreshed, expected) in refreshed?.iter().zip([&x, &y]) {
                levels = refreshed.level() - bootstrapper.entry_level();
                let found = secret.decrypt_real(context, refreshed);
                errors.extend(found.iter().zip(expected).map(|(a, b)| (a - b).abs()));
            }
            let largest = errors.iter().fold(0.0f64, |a, &b| a.max(b));
            let mean = errors.iter().sum::<f64>() / errors.len() as f64;
            worst = worst.min(-largest.log2());
            all_mean.push(-mean.log2());
            cpu.push(time.cpu / 2.0);
            wall.push(time.wall);
            let stages: Vec<String> = stages
                .iter()
                .map(|(stage, s)| format!("{} {}", stage.name(), seconds(*s)))
                .collect();
            table.add_row([
                name.to_owned(),
                format!("{:.2}", time.wall),
                format!("{:.2}", time.cpu / 2.0),
                format!("{:.1}", -largest.log2()),
                format!("{:.1}", -mean.log2()),
                stages.join(", "),
            ]);
        }
    }
    println!("{table}");
    let report = Report {
        seconds_per_ciphertext: cpu,
        wall_seconds_per_pair: wall,
        levels_left: levels,
        worst_bits: worst,
        mean_bits: all_mean.iter().sum::<f64>() / all_mean.len() as f64,
        evaluation_key_bytes: keys.bytes(),
        plaintext_bytes: bootstrapper.plaintext_bytes(),
        setup_s: setup.wall,
        keygen_s: keygen.wall,
        peak_rss_bytes: peak_rss_bytes(),
        log_qp: chain.log_qp(),
        security_bits: chain.security().bits(),
    };
    println!(
        "left      {} levels for work between two refreshes; worst {:.1} bits; {} at most",
        report.levels_left,
        report.worst_bits,
        report.peak_rss_bytes.map_or("unknown memory".into(), bytes)
    );
    if let Some(path) = arguments.json {
        std::fs::write(path, serde_json::to_string_pretty(&report)? + "\n")?;
    }
    Ok(ExitCode::SUCCESS)
}
