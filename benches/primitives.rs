//! Processor time and precision of the CKKS primitives on the four comparison sets, on one thread.
//!
//! `cargo bench --bench primitives [-- A B C D] [--seeded]`. Every operation runs on fresh ciphertexts at the top level with all slots in use. Times
//! are the least and the mean of the thread's processor time over many runs: work of others that interrupts it does not count.
//! Precision is -log2 of the largest slot error.

use std::collections::BTreeMap;
use std::hint::black_box;

use comfy_table::Table;
use he_core::ckks::linear::{self, LinearPlan, Term, Weights};
use he_core::ckks::{Ciphertext, Context, KeyMemory, KeySpec, Plaintext, SecretKey, eval, polynomial};
use he_core::complex::Complex;
use he_core::params::{ChainSpec, presets};

/// Processor time of this thread, which does all the work, in milliseconds.
#[cfg(unix)]
fn cpu_ms() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    time.tv_sec as f64 * 1e3 + time.tv_nsec as f64 / 1e6
}

/// Time since the first call.
#[cfg(not(unix))]
fn cpu_ms() -> f64 {
    static START: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
    START.get_or_init(std::time::Instant::now).elapsed().as_secs_f64() * 1e3
}

/// Processor time to spend on a row.
const ROW_CPU_MS: f64 = 400.0;

struct Report {
    table: Table,
}

impl Report {
    /// Times `f` and adds a row; `precision` looks at what the last run gave.
    fn row<T>(&mut self, name: &str, mut f: impl FnMut() -> T, precision: impl Fn(&T) -> Option<f64>) {
        let mut result = f();
        let (mut least, mut runs) = (f64::INFINITY, 0);
        let start = cpu_ms();
        while cpu_ms() - start < ROW_CPU_MS {
            let before = cpu_ms();
            result = black_box(f());
            least = least.min(cpu_ms() - before);
            runs += 1;
        }
        let mean = (cpu_ms() - start) / f64::from(runs);
        let bits = precision(&result).map_or(String::new(), |error| format!("{:.1}", -error.log2()));
        self.table
            .add_row([name, &format!("{least:.3}"), &format!("{mean:.3}"), &bits]);
    }
}

fn slots(count: usize, salt: usize) -> Vec<Complex> {
    let angle = |k: usize| ((k * 7919 + salt * 104729) % 10007) as f64 / 10007.0 * std::f64::consts::TAU;
    (0..count)
        .map(|k| Complex::new(angle(k).cos(), angle(k).sin()) * 0.9)
        .collect()
}

fn largest_error(found: &[Complex], expected: impl Iterator<Item = Complex>) -> f64 {
    found
        .iter()
        .zip(expected)
        .map(|(&found, expected)| (found - expected).abs())
        .fold(0.0, f64::max)
}

fn run(name: &str, spec: &ChainSpec, memory: KeyMemory) -> he_core::Result<()> {
    let context = &Context::new(spec.build()?)?;
    let (chain, top) = (context.chain(), context.top_level());
    let n = context.slots();
    let secret = SecretKey::generate(context)?;
    let rotations: BTreeMap<i32, usize> = (1..=8).map(|r| (r, top)).collect();
    let spec = KeySpec {
        relin_level: Some(top),
        rotations,
        conjugation: None,
    };
    let start = cpu_ms();
    let seeded = secret.evaluation_keys(context, &spec)?;
    let made = cpu_ms();
    let keys = &seeded.expand(context, memory)?;
    let expanded = cpu_ms();
    let (x, y) = (slots(n, 1), slots(n, 2));
    let encode = |z: &[Complex]| context.encode_complex(z, context.scale(top), top, false);
    let (px, py) = (encode(&x)?, encode(&y)?);
    let factor = context.encode_complex(&y, chain.plain_scale(top), top, false)?;
    let encrypt = |p: &Plaintext| Ok::<_, he_core::Error>(secret.encrypt(context, p)?.expand(context));
    let (cx, cy) = (encrypt(&px)?, encrypt(&py)?);
    let public = secret.public_key(context)?;

    println!(
        "set {name}: N = 2^{}, log QP = {:.0}, {} + {} limbs, {} digits; nine keys: {:.1} MB travelling, {:.1} MB in memory, made in {:.0} ms, loaded in {:.0} ms",
        chain.log_n(),
        chain.log_qp(),
        chain.limbs(top),
        chain.special_count(),
        chain.digits(top).len(),
        spec.wire_bytes(context) as f64 / 1e6,
        keys.bytes() as f64 / 1e6,
        made - start,
        expanded - made,
    );
    let mut table = Table::new();
    table.set_header(["operation", "least ms", "mean ms", "bits"]);
    let mut report = Report { table };
    let error = |found: &Ciphertext, expected: &dyn Fn(usize) -> Complex| {
        Some(largest_error(
            &secret.decrypt(context, found),
            (0..n).map(expected),
        ))
    };
    let rotated = |r: usize| (0..n).map(|s| x[(s + r) % n]).collect::<Vec<_>>();
    let sum: Vec<Complex> = (0..n)
        .map(|s| (1..=8).fold(Complex::default(), |sum, r| sum + x[(s + r) % n]))
        .collect();

    report.row("encode", || encode(&x), |_| None);
    report.row(
        "encrypt, secret key, seeded",
        || secret.encrypt(context, &px),
        |c| c.as_ref().ok().and_then(|c| error(&c.expand(context), &|s| x[s])),
    );
    report.row(
        "encrypt, public key",
        || public.encrypt(context, &px),
        |c| c.as_ref().ok().and_then(|c| error(c, &|s| x[s])),
    );
    report.row(
        "decrypt and decode",
        || secret.decrypt(context, &cx),
        |z| Some(largest_error(z, x.iter().copied())),
    );
    report.row(
        "ct + ct",
        || eval::add(context, &cx, &cy),
        |c| c.as_ref().ok().and_then(|c| error(c, &|s| x[s] + y[s])),
    );
    report.row(
        "ct * pt",
        || eval::mul_plain(context, &cx, &factor),
        |c| c.as_ref().ok().and_then(|c| error(c, &|s| x[s] * y[s])),
    );
    report.row("rescale", || eval::rescale(context, &cx), |_| None);
    report.row(
        "ct * ct, relinearised, rescaled",
        || eval::multiply(context, keys, &cx, &cy),
        |c| c.as_ref().ok().and_then(|c| error(c, &|s| x[s] * y[s])),
    );
    report.row(
        "square, relinearised, rescaled",
        || eval::square(context, keys, &cx),
        |c| c.as_ref().ok().and_then(|c| error(c, &|s| x[s] * x[s])),
    );
    let one = rotated(1);
    report.row(
        "rotate",
        || eval::rotate(context, keys, &cx, 1),
        |c| c.as_ref().ok().and_then(|c| error(c, &|s| one[s])),
    );
    let all: Vec<i32> = (1..=8).collect();
    let single = || {
        all.iter()
            .map(|&r| eval::rotate(context, keys, &cx, r))
            .collect::<Result<Vec<_>, _>>()
    };
    report.row("eight rotations, one by one", single, |_| None);
    report.row(
        "eight rotations, hoisted",
        || eval::rotate_many(context, keys, &cx, &all),
        |_| None,
    );
    report.row(
        "sum of eight rotations, hoisted",
        || linear::rotate_sum(context, keys, &cx, std::slice::from_ref(&all)),
        |c| c.as_ref().ok().and_then(|c| error(c, &|s| sum[s])),
    );
    // A matrix of 64 diagonals: eight babies, eight giants.
    let plain = context.encode_complex(&y, chain.plain_scale(top), top, true)?;
    let babies = (0..8).flat_map(|giant| (0..8).map(move |baby| (giant, baby)));
    let terms = babies
        .map(|(giant, baby)| Term {
            output: 0,
            giant,
            input: 0,
            baby,
            plain: 8 * giant as u32 + baby as u32,
        })
        .collect();
    let plan = LinearPlan::new(1, terms, true)?;
    let weights = Weights::new(context, &plan, top, |_| &plain)?;
    report.row(
        "transform of 64 diagonals",
        || linear::apply(context, keys, &[&cx], &plan, &weights),
        |_| None,
    );
    if top >= 4 {
        let odd: Vec<f64> = (0..16).map(|i| f64::from(i % 2) / 8.0).collect();
        report.row(
            "odd polynomial of degree 15",
            || polynomial::evaluate(context, keys, &cx, &odd),
            |_| None,
        );
    }
    println!("{}", report.table);
    Ok(())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let memory = match std::env::args().any(|arg| arg == "--seeded") {
        true => KeyMemory::Seeded,
        false => KeyMemory::Expanded,
    };
    let wanted: Vec<String> = std::env::args()
        .skip(1)
        .filter(|arg| !arg.starts_with('-'))
        .collect();
    let sets = [
        ("A", presets::set_a()),
        ("B", presets::set_b()),
        ("C", presets::set_c()),
        ("D", presets::set_d()),
    ];
    let one_thread = rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .use_current_thread()
        .build()?;
    for (name, spec) in sets {
        if wanted.is_empty() || wanted.iter().any(|w| w == name) {
            one_thread.install(|| run(name, &spec, memory))?;
        }
    }
    Ok(())
}
