//! What was planned, for people.

use std::fmt;

use he_core::program::Op;
use he_core::program::count::Counts;

use super::Plan;
use super::network::{StepId, StepKind};
use super::packing::merge::merged;
use super::search::{Choice, LinearChoice};

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let chain = &self.chain;
        let steps = &self.translated.network.steps;
        writeln!(
            f,
            "plan      {}  {} steps, {}, {} tried in {:.2} s",
            self.model.name(),
            steps.len(),
            match self.bootstrap() {
                Some(_) => format!(
                    "depth {}, at most {} without a refresh",
                    self.model.depth(),
                    self.translated.network.depth()
                ),
                None => format!("depth {} of {}", chain.top_level(), self.model.depth()),
            },
            self.tried,
            self.plan_seconds,
        )?;
        writeln!(
            f,
            "security  {}-bit classical  N = 2^{}  log QP = {:.0} of {}   [ePrint 2024/463, table 5.2]",
            chain.security().bits(),
            chain.log_n(),
            chain.log_qp(),
            chain.security().cap_bits(chain.log_n()),
        )?;
        writeln!(
            f,
            "packing   {} slots a tile, {} a sample",
            chain.slots(),
            self.packing.period
        )?;
        for (id, step) in steps.iter().enumerate() {
            let tiles = self.packing.layouts[id].tiles();
            match &self.packing.choices[id] {
                Choice::Input { name, complex, .. } => {
                    let (kind, tiles) = if *complex {
                        ("complex ", merged(tiles))
                    } else {
                        ("", tiles)
                    };
                    writeln!(f, "  {:<24} {kind}{name}, {tiles} tiles", step.name)?
                }
                Choice::Linear(linear) => writeln!(f, "  {:<24} {}", step.name, Linear(linear, tiles))?,
                Choice::Windows(windows) => {
                    let stages = windows.parts.iter().flatten().flat_map(|part| part.terms());
                    let terms: usize = stages.map(|terms| terms - 1).sum();
                    writeln!(
                        f,
                        "  {:<24} window sums of {terms} rotations, {tiles} tiles",
                        step.name
                    )?;
                }
                Choice::Brought { moved, map } => {
                    let operand = &steps[step.kind.operands()[*moved]].name;
                    writeln!(
                        f,
                        "  {:<24} {operand} brought over by {}",
                        step.name,
                        Linear(map, tiles)
                    )?
                }
                Choice::Pointwise => {}
            }
            if let StepKind::Refresh { x, .. } = step.kind {
                self.describe_refresh(f, id, x, tiles)?;
            }
        }
        writeln!(
            f,
            "          predicted {:.1} ms on one thread",
            self.predicted_seconds() * 1e3
        )?;
        for other in self.alternatives.iter().take(3) {
            writeln!(
                f,
                "          not taken: N = 2^{}, {:.1} ms ({})",
                other.log_n,
                other.seconds * 1e3,
                other.reason
            )?;
        }
        for (rejection, times) in self.rejected.iter().take(5) {
            writeln!(
                f,
                "          rejected {times} packings of {}: {}",
                rejection.step, rejection.reason
            )?;
        }
        if self
            .goal
            .ranges
            .as_ref()
            .is_none_or(|ranges| !ranges.is_calibrated())
        {
            writeln!(f, "          ranges were assumed, not calibrated")?;
        }
        let total = &self.bill.total;
        if let Some(spec) = self.bootstrap() {
            let seconds = |counts: &Counts| self.goal.prices.nanoseconds(counts, chain.degree()) * 1e-9;
            let ops = self.program.ops.iter().zip(&self.bill.ops);
            let refreshes = ops.filter(|(op, _)| matches!(op, Op::Refresh { .. }));
            let spent: f64 = refreshes.map(|(_, counts)| seconds(counts)).sum();
            writeln!(
                f,
                "refreshes {} ciphertexts to level {} of {}, {spent:.2} s of the {:.2} s predicted; keys {:.2} GB, {:.2} GB as they travel",
                total.refreshes,
                spec.refreshed_level(),
                chain.top_level(),
                self.predicted_seconds(),
                self.bill.resident_key_bytes as f64 / 1e9,
                self.client_spec().evaluation_key_bytes() as f64 / 1e9,
            )?;
        }
        let takes = self.footprint();
        let megabytes = |bytes: u64| bytes as f64 / 1e6;
        write!(
            f,
            "the bill  {} rotations, {} products with weights, {} of ciphertexts\n          server {:.1} MB: keys {:.1}, plaintexts {:.1}, ciphertexts {:.1}",
            total.rotations,
            total.pt_multiplications,
            total.ct_multiplications,
            megabytes(takes.memory()),
            megabytes(takes.keys),
            megabytes(takes.plaintexts),
            megabytes(takes.ciphertexts),
        )
    }
}

impl Plan {
    /// One line on a refreshed value: where it stood, and why it could not go on.
    fn describe_refresh(
        &self,
        f: &mut fmt::Formatter<'_>,
        id: StepId,
        x: StepId,
        tiles: usize,
    ) -> fmt::Result {
        let network = &self.translated.network;
        let info = |step: StepId| &self.program.values[self.values[step].0 as usize];
        let bound = match self.program.ops[self.values[id].0 as usize] {
            Op::Refresh { bound, .. } => bound,
            _ => 1.0,
        };
        // Levels from here to the next refresh, or to the end.
        let mut ahead: Vec<Option<u32>> = vec![None; network.steps.len()];
        ahead[id] = Some(0);
        for (later, step) in network.steps.iter().enumerate().skip(id + 1) {
            let operands = step.kind.operands();
            let before = operands.iter().filter_map(|&operand| ahead[operand]).max();
            ahead[later] = match step.kind {
                StepKind::Refresh { .. } => None,
                _ => before.map(|before| before + step.kind.levels()),
            };
        }
        let needed = ahead.into_iter().flatten().max().unwrap_or(0);
        let (from, to) = (info(x).level, info(id).level);
        writeln!(
            f,
            "  {:<24} {tiles} tiles of values up to {bound:.3} from level {from} to {to}: {needed} levels lie ahead",
            network.steps[id].name
        )
    }
}

struct Linear<'a>(&'a LinearChoice, usize);

impl fmt::Display for Linear<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Linear(linear, tiles) = self;
        let folded = 1usize << linear.candidate.fold_bits.len();
        write!(
            f,
            "{} diagonals in steps of {}, folded {folded} times, {tiles} tiles",
            linear.transform.diagonals.len(),
            linear.split.modulus
        )
    }
}
