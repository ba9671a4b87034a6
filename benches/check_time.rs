//! How long `cargo check` takes for a network of 1000 operations: in a loop, and written out.
//!
//! `cargo bench --bench check_time` writes a crate with each network into the target folder, checks it once so that the
//! dependencies are there, touches it, and prints the seconds of the second check. Target: under 2 s each.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use std::{env, fs};

const OPERATIONS: usize = 1000;
const TARGET: Duration = Duration::from_secs(2);

fn in_a_loop() -> String {
    format!("    let mut x = x;\n    for _ in 0..{OPERATIONS} {{\n        x = square(x);\n    }}\n    x\n")
}

fn written_out() -> String {
    let mut body = String::new();
    for _ in 0..OPERATIONS {
        body.push_str("    let x = square(x);\n");
    }
    body + "    x\n"
}

/// A crate with one model of this body.
fn write_crate(folder: &Path, body: &str) {
    let library = Path::new(env!("CARGO_MANIFEST_DIR")).join("he-nn");
    fs::create_dir_all(folder.join("src")).unwrap();
    let mut manifest = String::from(
        "[package]\nname = \"check-time\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n\n",
    );
    writeln!(manifest, "[dependencies]\nhe-nn = {{ path = {library:?} }}").unwrap();
    fs::write(folder.join("Cargo.toml"), manifest).unwrap();
    fs::copy(
        Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.lock"),
        folder.join("Cargo.lock"),
    )
    .unwrap();
    let attribute = format!("#[he_nn::model(input = [8], depth = {OPERATIONS})]");
    let source =
        format!("use he_nn::prelude::*;\n\n{attribute}\npub fn network(x: Tensor) -> Tensor {{\n{body}}}\n");
    fs::write(folder.join("src/lib.rs"), source).unwrap();
}

fn check(folder: &Path, target: &Path) -> Duration {
    let start = Instant::now();
    let status = Command::new(env::var_os("CARGO").unwrap_or("cargo".into()))
        .args(["check", "--quiet", "--offline"])
        .current_dir(folder)
        .env("CARGO_TARGET_DIR", target)
        .env("CARGO_INCREMENTAL", "0")
        .status()
        .unwrap();
    assert!(status.success(), "the network does not compile");
    start.elapsed()
}

fn main() {
    let target = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("check_time");
    for (name, body) in [("in a loop", in_a_loop()), ("written out", written_out())] {
        let folder = target.join("crate");
        write_crate(&folder, &body);
        check(&folder, &target);
        write_crate(&folder, &body);
        let seconds = check(&folder, &target);
        let verdict = if seconds < TARGET { "within" } else { "OVER" };
        println!(
            "{OPERATIONS} operations {name}: {:.2} s, {verdict} the target of 2 s",
            seconds.as_secs_f64()
        );
    }
}
