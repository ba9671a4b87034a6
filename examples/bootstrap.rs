//! Refreshes ciphertexts: stages, time, levels and precision of bootstrapping.
//!
//! `cargo run --release --example bootstrap -- [--set B16|B17|B16-lite|B15] [--keys seeded|expanded] [--slots S] [--threads T] [--repeat R]
//! [--json FILE]`

use std::error::Error;
use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use comfy_table::Table;
use he_core::bootstrap::{BootstrapSpec, Bootstrapper, EncapsulationKeys, Stage};
use he_core::ckks::{Ciphertext, Context, EvaluationKeys, KeyMemory, SecretKey};
use serde::Serialize;

mod support;
use support::clock::{Seconds, kernel_seconds, peak_rss_bytes, timed};
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
    /// N = 2^17, EvalMod at 60 bits, 44 levels of 40 bits between refreshes: 15 GB of memory.
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

/// What refreshing takes.
struct Bench<'a> {
    context: &'a Context,
    secret: &'a SecretKey,
    bootstrapper: &'a Bootstrapper,
    keys: &'a EvaluationKeys,
    encapsulation: &'a EncapsulationKeys,
}

/// What was found out about the ciphertexts of one kind.
#[derive(Default)]
struct Measured {
    /// Of each refresh.
    cpu: Vec<f64>,
    wall: Vec<f64>,
    worst: Vec<f64>,
    mean: Vec<f64>,
    levels: usize,
}

impl Measured {
    fn worst_bits(&self) -> f64 {
        self.worst.iter().copied().fold(f64::INFINITY, f64::min)
    }
}

impl Bench<'_> {
    fn encrypt(&self, slots: &[f64]) -> he_core::Result<Ciphertext> {
        let level = self.bootstrapper.entry_level();
        let plain = self
            .context
            .encode(slots, self.context.scale(level), level, false)?;
        Ok(self.secret.encrypt(self.context, &plain)?.expand(self.context))
    }

    /// Refreshes a pair or a single ciphertext, adds the numbers to those of its kind, and a line to the table.
    fn refresh(
        &self,
        name: &str,
        tiles: &[Vec<f64>],
        table: &mut Table,
        measured: &mut Measured,
    ) -> Result<(), Box<dyn Error>> {
        let encrypted: Vec<Ciphertext> = tiles.iter().map(|x| self.encrypt(x)).collect::<Result<_, _>>()?;
        let mut stages: Vec<(Stage, f64)> = vec![];
        let start = std::time::Instant::now();
        let mut observe = |stage| {
            let before: f64 = stages.iter().map(|(_, s)| s).sum();
            stages.push((stage, start.elapsed().as_secs_f64() - before));
        };
        let Bench {
            bootstrapper,
            keys,
            encapsulation,
            ..
        } = self;
        let (refreshed, Seconds { wall, cpu }) = timed(|| match &encrypted[..] {
            [x, y] => bootstrapper
                .refresh_pair(keys, encapsulation, [x, y], &mut observe)
                .map(Vec::from),
            [x, ..] => bootstrapper
                .refresh(keys, encapsulation, x, &mut observe)
                .map(|x| vec![x]),
            [] => Ok(vec![]),
        });
        let mut errors = vec![];
        for (refreshed, expected) in refreshed?.iter().zip(tiles) {
            measured.levels = refreshed.level() - bootstrapper.entry_level();
            let found = self.secret.decrypt_real(self.context, refreshed);
            let expected = expected.iter().cycle();
            errors.extend(found.iter().zip(expected).map(|(a, b)| (a - b).abs()));
        }
        let largest = errors.iter().fold(0.0f64, |a, &b| a.max(b));
        let mean = errors.iter().sum::<f64>() / errors.len() as f64;
        let cpu = cpu / tiles.len() as f64;
        measured.cpu.push(cpu);
        measured.wall.push(wall);
        measured.worst.push(-largest.log2());
        measured.mean.push(-mean.log2());
        let stages: Vec<String> = stages
            .iter()
            .map(|(stage, s)| format!("{} {}", stage.name(), seconds(*s)))
            .collect();
        table.add_row([
            name.to_owned(),
            tiles.len().to_string(),
            format!("{wall:.2}"),
            format!("{cpu:.2}"),
            format!("{:.1}", -largest.log2()),
            format!("{:.1}", -mean.log2()),
            stages.join(", "),
        ]);
        Ok(())
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
    let [mut pairs, mut single, mut sparse] = [(); 3].map(|()| Measured::default());
    for (name, tiles) in structured(context.slots()) {
        for _ in 0..arguments.repeat {
            bench.refresh(name, &tiles, &mut table, &mut pairs)?;
        }
    }
    let waves = |n: usize| [(0..n).map(|k| (k as f64).sin()).collect::<Vec<f64>>()];
    let few = Bootstrapper::for_period(context, &spec, arguments.slots)?;
    let bench_of_few = Bench {
        bootstrapper: &few,
        ..bench
    };
    for _ in 0..arguments.repeat {
        bench.refresh("waves", &waves(context.slots()), &mut table, &mut single)?;
        let name = format!("{} that repeat", arguments.slots);
        bench_of_few.refresh(&name, &waves(arguments.slots), &mut table, &mut sparse)?;
    }
    println!("{table}");
    let all = [&pairs, &single, &sparse];
    let report = Report {
        levels_left: pairs.levels,
        worst_bits: all
            .map(Measured::worst_bits)
            .into_iter()
            .fold(f64::INFINITY, f64::min),
        mean_bits: pairs.mean.iter().sum::<f64>() / pairs.mean.len() as f64,
        worst_bits_single: single.worst_bits(),
        worst_bits_sparse: sparse.worst_bits(),
        seconds_per_ciphertext: pairs.cpu,
        wall_seconds_per_pair: pairs.wall,
        seconds_single: single.cpu,
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
    Ok(())
}
