//! Refreshes ciphertexts: stages, time, levels and precision of bootstrapping.
//!
//! `cargo run --release --example bootstrap -- [--set B16|B17|B16-lite|B15] [--keys seeded|expanded] [--slots S] [--together C] [--threads T]
//! [--repeat R] [--json FILE]`

use std::error::Error;
use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use comfy_table::Table;
use he_core::bootstrap::{BootstrapSpec, Bootstrapper, EncapsulationKeys, Precision, TOGETHER};
use he_core::ckks::{Context, KeyMemory, SecretKey};
use serde::Serialize;

mod bench;
#[path = "../support/mod.rs"]
mod support;
use bench::{Bench, Measured, structured};
use support::clock::{kernel_seconds, peak_rss_bytes, timed};
use support::report::{bytes, seconds};

/// Refreshes pairs of full ciphertexts of structured slots, one ciphertext alone, and one of few slots.
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
    /// Slots of the ciphertext of few, which repeat: a power of two.
    #[arg(long, default_value_t = 4096)]
    slots: usize,
    /// Ciphertexts that go through each stage at once in the line of many.
    #[arg(long, default_value_t = TOGETHER, value_parser = together)]
    together: usize,
    /// Pairs of every structure, and single ciphertexts of each kind.
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
    /// N = 2^17, EvalMod at 60 bits, 44 levels of 40 bits between refreshes: 14 GB of memory.
    #[value(name = "B17")]
    B17,
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
            Self::B17 => BootstrapSpec::b17(),
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
    /// CPU seconds of one ciphertext of real slots, refreshed alone.
    seconds_single: Vec<f64>,
    /// CPU seconds of each of as many as are refreshed at once.
    seconds_together: Vec<f64>,
    /// CPU seconds of one ciphertext whose slots repeat.
    seconds_sparse: Vec<f64>,
    /// Slots after which they repeat.
    sparse_slots: usize,
    levels_left: usize,
    /// Of all slots of all ciphertexts.
    worst_bits: f64,
    mean_bits: f64,
    worst_bits_single: f64,
    worst_bits_sparse: f64,
    /// In memory, those of encapsulation among them.
    evaluation_key_bytes: usize,
    plaintext_bytes: usize,
    /// Of the transforms for few slots.
    plaintext_bytes_sparse: usize,
    setup_s: f64,
    keygen_s: f64,
    /// CPU seconds of making the keys, and how many of them the kernel took: the first use of memory.
    keygen_cpu_s: f64,
    keygen_kernel_s: Option<f64>,
    peak_rss_bytes: Option<u64>,
    log_qp: f64,
    security_bits: u32,
}

fn together(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(count @ 2..=64) if count % 2 == 0 => Ok(count),
        _ => Err("an even number from 2 to 64".into()),
    }
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    // A file that cannot be written is known of before the work, not after it.
    let json = arguments.json.as_ref().map(|path| {
        let file = File::create(path);
        file.map_err(|error| format!("cannot write {}: {error}", path.display()))
    });
    let json = json.transpose()?;
    rayon::ThreadPoolBuilder::new()
        .num_threads(arguments.threads.into())
        .build_global()?;
    let spec = arguments.set.spec();
    let context = &Context::new(spec.chain().build()?)?;
    if !arguments.slots.is_power_of_two() || arguments.slots > context.slots() {
        let most = context.slots();
        return Err(format!("{} slots: use a power of two up to {most}", arguments.slots).into());
    }
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
    let bootstrapper = bootstrapper?.together(arguments.together);
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
    let kernel = kernel_seconds();
    let (made, keygen) = timed(|| {
        let keys = secret.evaluation_keys(context, &key_spec)?;
        Ok::<_, he_core::Error>((keys, secret.encapsulation_keys(context)?))
    });
    let keygen_kernel = kernel_seconds().zip(kernel).map(|(after, before)| after - before);
    let (keys, encapsulation) = made?;
    let (keys, expand) = timed(|| keys.expand(context, memory));
    let (keys, encapsulation) = (&keys?, &encapsulation);
    let key_bytes = keys.bytes() + encapsulation.bytes();
    println!(
        "keys      {} rotations, {} as they travel, {} in memory, made in {} (CPU {}{}), loaded in {} (CPU {})",
        key_spec.rotations.len(),
        bytes((key_spec.wire_bytes(context) + EncapsulationKeys::wire_bytes(context)) as u64),
        bytes(key_bytes as u64),
        seconds(keygen.wall),
        seconds(keygen.cpu),
        keygen_kernel.map_or_else(String::new, |s| format!(", {} of them the kernel's", seconds(s))),
        seconds(expand.wall),
        seconds(expand.cpu)
    );
    let bench = Bench {
        context,
        secret: &secret,
        bootstrapper: &bootstrapper,
        keys,
        encapsulation,
        precision: Precision::new(chain, &spec),
    };
    let mut table = Table::new();
    table.set_header([
        "slots",
        "ciphertexts",
        "s",
        "CPU s a ciphertext",
        "worst bits",
        "mean bits",
        "stages",
    ]);
    let [mut pairs, mut single, mut together, mut sparse] = [(); 4].map(|()| Measured::default());
    for (name, tiles) in structured(context.slots()) {
        for _ in 0..arguments.repeat {
            bench.refresh(name, &tiles, &mut table, &mut pairs)?;
        }
    }
    let wave = |n: usize| (0..n).map(|k| (k as f64).sin()).collect::<Vec<f64>>();
    let few = Bootstrapper::for_period(context, &spec, arguments.slots)?;
    let bench_of_few = Bench {
        bootstrapper: &few,
        ..bench
    };
    for _ in 0..arguments.repeat {
        let many = vec![wave(context.slots()); arguments.together];
        bench.refresh("waves", &many, &mut table, &mut together)?;
        bench.refresh("waves", &many[..1], &mut table, &mut single)?;
        let name = format!("{} that repeat", arguments.slots);
        bench_of_few.refresh(&name, &[wave(arguments.slots)], &mut table, &mut sparse)?;
    }
    println!("{table}");
    let all = [&pairs, &single, &together, &sparse];
    let beyond = all
        .map(|measured| measured.beyond)
        .into_iter()
        .fold(0.0, f64::max);
    let worst_bits = all
        .map(Measured::worst_bits)
        .into_iter()
        .fold(f64::INFINITY, f64::min);
    let report = Report {
        levels_left: pairs.levels,
        worst_bits,
        mean_bits: pairs.mean.iter().sum::<f64>() / pairs.mean.len() as f64,
        worst_bits_single: single.worst_bits(),
        worst_bits_sparse: sparse.worst_bits(),
        seconds_per_ciphertext: pairs.cpu,
        wall_seconds_per_pair: pairs.wall,
        seconds_single: single.cpu,
        seconds_together: together.cpu,
        seconds_sparse: sparse.cpu,
        sparse_slots: arguments.slots,
        evaluation_key_bytes: key_bytes,
        plaintext_bytes: bootstrapper.plaintext_bytes(),
        plaintext_bytes_sparse: few.plaintext_bytes(),
        setup_s: setup.wall,
        keygen_s: keygen.wall,
        keygen_cpu_s: keygen.cpu,
        keygen_kernel_s: keygen_kernel,
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
    if let Some(mut file) = json {
        writeln!(file, "{}", serde_json::to_string_pretty(&report)?)?;
    }
    println!(
        "promised  errors keep within {:.0} % of what follows from the parameters",
        100.0 * beyond
    );
    if beyond > 1.0 {
        return Err("a slot is less precise than the parameters promise".into());
    }
    Ok(())
}
