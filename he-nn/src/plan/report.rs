//! What was planned, for people.

use std::fmt;

use super::Plan;
use super::packing::merge::merged;
use super::search::{Choice, LinearChoice};

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let chain = &self.chain;
        let steps = &self.translated.network.steps;
        writeln!(
            f,
            "plan      {}  {} steps, depth {} of {}, {} tried in {:.2} s",
            self.model.name(),
            steps.len(),
            chain.top_level(),
            self.model.depth(),
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
        write!(
            f,
            "the bill  {} rotations, {} products with weights, {} of ciphertexts; server {:.0} MB",
            total.rotations,
            total.pt_multiplications,
            total.ct_multiplications,
            self.predicted_peak_bytes() as f64 / 1e6,
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
            linear.diagonals.len(),
            linear.split.modulus
        )
    }
}
