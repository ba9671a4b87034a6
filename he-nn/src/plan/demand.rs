//! What a network demands of its chain, and whether pinned parameters meet it.

use he_core::params::{Chain, Security};

use super::chain::Demand;
use super::planner::Planner;
use crate::affine::{GAIN, NOISE};
use crate::error::Result;

/// Bound assumed at every site when no ranges are given.
const ASSUMED_RANGE: f64 = 8.0;

impl Planner<'_> {
    pub(super) fn demand(&self) -> Result<Demand> {
        let network = &self.translated.network;
        let security = match self.goal.security_bits {
            128 => Security::Bits128,
            192 => Security::Bits192,
            256 => Security::Bits256,
            other => {
                let expected = "128, 192 or 256".to_owned();
                return Err(self.infeasible(
                    "security".into(),
                    other.to_string(),
                    expected,
                    "choose one of these",
                ));
            }
        };
        if !(self.goal.error > 0.0 && self.goal.error.is_finite()) {
            let found = self.goal.error.to_string();
            return Err(self.infeasible(
                "error".into(),
                found,
                "a positive number".into(),
                "for example 1e-3",
            ));
        }
        let largest = match &self.goal.ranges {
            Some(ranges) => self
                .model
                .outputs()
                .iter()
                .map(|output| ranges.of(output.node))
                .fold(1.0, f64::max),
            None => ASSUMED_RANGE,
        };
        // The members of composites have little room for errors, whatever is asked of the answer, and each amplifies what its steps
        // round.
        let has_members = self.stages.list().iter().any(|stage| stage.piece().is_some());
        let error = if has_members {
            self.goal.error.min(NOISE / GAIN * largest)
        } else {
            self.goal.error
        };
        Ok(Demand {
            products: network.products_by_level(),
            largest,
            error,
            security,
        })
    }

    /// Whether pinned parameters carry the network.
    pub(super) fn carries(&self, pinned: &Chain, demand: &Demand) -> Result<()> {
        let refused = |found: String, expected: String, help: &str| {
            Err(self.infeasible("pinned parameters".into(), found, expected, help))
        };
        let (found, needed) = (pinned.top_level(), demand.products.len());
        if found < needed {
            let help = "pin parameters with the network's depth, or let the planner choose";
            return refused(format!("{found} levels"), format!("{needed} levels"), help);
        }
        let (found, needed) = (pinned.security().bits(), demand.security.bits());
        if found < needed {
            let help = "check the parameters at the goal's security, or lower it";
            return refused(format!("{found} bits of security"), format!("{needed}"), help);
        }
        for (spent, &product) in demand.products.iter().enumerate() {
            let level = pinned.top_level() - spent;
            if product && !pinned.multiplies(level) {
                let found = format!("2^{:.0} at level {level}", pinned.divisor(level).log2());
                let expected = format!("the scale 2^{:.0}", pinned.scale(level).log2());
                let help = "levels that multiply ciphertexts take primes of the scale's size";
                return refused(found, expected, help);
            }
        }
        // Half of the modulus holds one sign; primes lie a little below their powers of two.
        let last = pinned.top_level() - demand.products.len();
        let room = pinned.log_q(last) - 1.0 - pinned.scale(last).log2();
        if demand.largest.log2() > room + 0.01 {
            let found = format!("room for outputs up to {:.3}", room.exp2());
            let help = "a larger base modulus, or a smaller scale, leaves more room";
            return refused(found, format!("up to {:.3}", demand.largest), help);
        }
        Ok(())
    }
}
