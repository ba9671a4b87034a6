//! Writes the security card: what every parameter set publishes, and what the known attacks on it cost.
//!
//! `cargo run --release --example security_card -- [--check]` writes `docs/security/card.json`, or with `--check` only says whether it is
//! what would be written. The costs come from `docs/security/estimates.json`, which `docs/security/estimate.py` makes.

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;

use clap::Parser;

mod card;

/// Writes docs/security/card.json.
#[derive(Parser)]
struct Arguments {
    /// Compares instead of writing.
    #[arg(long)]
    check: bool,
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/security");
    let path = folder.join("card.json");
    let card = card::card(&folder.join("estimates.json"))?;
    let margins = card.costs().map(|(cost, claimed)| cost - f64::from(claimed));
    println!(
        "the cheapest attack lies {:+.1} bits from the claim",
        margins.fold(f64::INFINITY, f64::min)
    );
    let text = card.to_json()?;
    if !arguments.check {
        std::fs::write(&path, text)?;
        println!("wrote {}", path.display());
        return Ok(());
    }
    if std::fs::read_to_string(&path)? == text {
        println!("{} is up to date", path.display());
        return Ok(());
    }
    Err(format!(
        "{} is not what the parameters say; help: run this without --check",
        path.display()
    )
    .into())
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
