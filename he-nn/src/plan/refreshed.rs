//! Plans that refresh: a chain for bootstrapping, places by [`placement`](super::placement), then packing and lowering as for any other.

use std::collections::BTreeSet;

use he_core::bootstrap::BootstrapSpec;
use he_core::params::{Chain, Security};
use he_core::program::count::count_on;
use he_core::program::{Builder, ChainView};

use super::candidate::Candidate;
use super::chain::level_shape;
use super::network::{Step, StepId, StepKind};
use super::placement::{Prices, Reach, place};
use super::planner::Planner;
use super::search::RefreshPrice;
use super::translate::Translated;
use crate::error::{Error, Result};

/// Key switches that an affine map is taken for while its packing is unknown.
const AFFINE_SWITCHES: f64 = 16.0;
/// Placing, packing, and placing again by the tiles that came of it.
const ROUNDS: usize = 3;

impl Planner<'_> {
    /// A plan that refreshes values with these parameters.
    pub(super) fn refreshed(&mut self, spec: &BootstrapSpec) -> Result<Candidate> {
        let demand = self.demand()?;
        if demand.security != Security::Bits128 {
            return Err(Error::BootstrapSecurity {
                model: self.model.name().into(),
                found: demand.security.bits(),
            });
        }
        let chain = match &self.goal.chain {
            Some(chain) => chain.clone(),
            None => spec.chain().build_at(demand.security)?,
        };
        if (chain.top_level(), chain.log_n()) != (spec.levels(), spec.log_n) {
            let found = format!("{} levels, N = 2^{}", chain.top_level(), chain.log_n());
            let expected = format!("{} levels, N = 2^{}", spec.levels(), spec.log_n);
            let help = "pin the chain that the parameters of bootstrapping describe";
            return Err(self.infeasible(
                "pinned parameters for bootstrapping".into(),
                found,
                expected,
                help,
            ));
        }
        if self.goal.ranges.is_none() {
            let help = "pass `model.calibrate(..)?` to the goal";
            let what = format!("refreshing in `{}`", self.model.name());
            return Err(self.infeasible(what, "no ranges".into(), "calibrated ones".into(), help));
        }
        let reach = self.reach(&chain, spec, demand.largest)?;
        let mut original = self.translated.clone();
        let price = self.refresh_price(&chain, spec);
        // Until values are packed, as few tiles as hold their elements.
        let dense = |step: &Step| (step.elements * self.goal.batch as usize).div_ceil(chain.slots());
        let mut tiles: Vec<usize> = original.network.steps.iter().map(dense).collect();
        let (mut best, mut seen): (Option<(Candidate, Translated)>, BTreeSet<Vec<StepId>>) =
            Default::default();
        let mut reasons = Vec::new();
        let mut rounds = 0;
        while rounds < ROUNDS {
            let places = self.places(&original, reach, &chain, spec, &|id| price.of(tiles[id]))?;
            if !seen.insert(places.clone()) {
                break;
            }
            self.translated = original.refreshed(&places);
            self.bootstrap = Some(spec.clone());
            let Some(candidate) = self.on_chain(&chain, &mut reasons)? else {
                if best.is_some() || self.lacking.is_empty() {
                    break;
                }
                // Never twice the same: sums that spare a level do not lack it.
                let lacking = self.lacking.iter().map(|&id| self.translated.unrefreshed(id));
                original.network.spared.extend(lacking);
                seen.clear();
                reasons.clear();
                continue;
            };
            rounds += 1;
            let steps = self
                .translated
                .network
                .steps
                .iter()
                .zip(&candidate.packing.layouts);
            let kept = steps.filter(|(step, _)| !matches!(step.kind, StepKind::Refresh { .. }));
            tiles = kept.map(|(_, layout)| layout.tiles()).collect();
            if best
                .as_ref()
                .is_none_or(|(least, _)| candidate.seconds < least.seconds)
            {
                best = Some((candidate, self.translated.clone()));
            }
        }
        match best {
            Some((candidate, translated)) => {
                self.translated = translated;
                Ok(candidate)
            }
            None => {
                let what = format!("no plan for `{}` with bootstrapping", self.model.name());
                let expected = "the limits of the goal".to_owned();
                Err(self.infeasible(what, reasons.join("; "), expected, "raise the limit"))
            }
        }
    }

    /// How far paths may go on a chain. Outputs need room for their largest value.
    fn reach(&self, chain: &Chain, spec: &BootstrapSpec, largest: f64) -> Result<Reach> {
        let start = spec.refreshed_level();
        // Primes lie a little below their powers of two.
        let fits =
            |level: &usize| largest.log2() <= chain.log_q(*level) - 1.0 - chain.scale(*level).log2() + 0.01;
        let Some(last) = (0..=start).find(fits) else {
            let help = "scale the outputs down";
            let found = format!("outputs up to {largest}");
            return Err(self.infeasible("the modulus".into(), found, "smaller ones".into(), help));
        };
        Ok(Reach {
            all: (start - last) as u32,
            affine: spec.work as u32,
            other: spec.work.saturating_sub(1) as u32,
        })
    }

    fn places(
        &self,
        original: &Translated,
        reach: Reach,
        chain: &Chain,
        spec: &BootstrapSpec,
        refresh: &dyn Fn(StepId) -> f64,
    ) -> Result<Vec<StepId>> {
        let steps = &original.network.steps;
        // A key switch after so many levels.
        let start = spec.refreshed_level();
        let switch: Vec<f64> = (0..=start)
            .map(|spent| level_shape(chain, start - spent).rotate_sum(1, &[2], &self.goal.prices))
            .collect();
        let step = |id: StepId, before: u32| {
            let one = switch.get(before as usize).copied().unwrap_or(0.0);
            match steps[id].kind {
                StepKind::Affine { .. } => AFFINE_SWITCHES * one,
                StepKind::Polynomial { .. } => f64::from(2 * steps[id].kind.levels()) * one,
                StepKind::Square { .. } | StepKind::Multiply { .. } | StepKind::WindowSum { .. } => one,
                _ => 0.0,
            }
        };
        let prices = Prices { refresh, step: &step };
        place(&original.network, &original.ranges, reach, &prices).map_err(|id| {
            let Reach { all, other, .. } = reach;
            let found = format!("`{}` cannot be reached", steps[id].name);
            let expected =
                format!("at most {other} levels from one refreshed value to the next, {all} to an output");
            let help = "lower its degree, or calibrate: only values with a range can be refreshed";
            self.infeasible(
                format!("refreshing in `{}`", self.model.name()),
                found,
                expected,
                help,
            )
        })
    }

    /// What refreshing costs, by counting it.
    pub(super) fn refresh_price(&self, chain: &Chain, spec: &BootstrapSpec) -> RefreshPrice {
        let nanoseconds = |tiles: u32| {
            let view = ChainView::from(chain);
            let mut builder = Builder::new(chain.slots() as u32, view).bootstrapping(spec.clone());
            let input = builder.input("x", tiles, spec.refreshed_level() as u32);
            // A specification that does not fit its chain makes no program, and no plan later.
            let refreshed = input.and_then(|x| builder.refresh(x, 2.0));
            let counts = refreshed
                .map(|_| count_on(builder.program(), chain).total)
                .unwrap_or_default();
            self.goal.prices.nanoseconds(&counts, chain.degree())
        };
        RefreshPrice {
            single: nanoseconds(1),
            pair: nanoseconds(2),
            rotations: spec.key_spec().rotations.into_keys().collect(),
        }
    }
}
