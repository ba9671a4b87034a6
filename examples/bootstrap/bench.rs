//! Ciphertexts encrypted, refreshed and decrypted again, and what was found out on the way.

use std::error::Error;

use comfy_table::Table;
use he_core::bootstrap::{Bootstrapper, EncapsulationKeys, Stage};
use he_core::ckks::{Ciphertext, Context, EvaluationKeys, SecretKey};

use crate::support::clock::{Seconds, timed};
use crate::support::report::seconds;

/// Pairs of slots: waves, constants, one slot, alternating signs, tiny ones.
pub fn structured(n: usize) -> Vec<(&'static str, [Vec<f64>; 2])> {
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
pub struct Bench<'a> {
    pub context: &'a Context,
    pub secret: &'a SecretKey,
    pub bootstrapper: &'a Bootstrapper,
    pub keys: &'a EvaluationKeys,
    pub encapsulation: &'a EncapsulationKeys,
}

/// What was found out about the ciphertexts of one kind.
#[derive(Default)]
pub struct Measured {
    /// Of each refresh.
    pub cpu: Vec<f64>,
    pub wall: Vec<f64>,
    pub worst: Vec<f64>,
    pub mean: Vec<f64>,
    pub levels: usize,
}

impl Measured {
    pub fn worst_bits(&self) -> f64 {
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
    pub fn refresh(
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
