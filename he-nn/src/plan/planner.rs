//! The order of the passes: ring after ring, chain, then the cheapest [candidate](super::candidate) on it, and again where it breaks a
//! limit.

use std::time::Instant;

use he_core::bootstrap::BootstrapSpec;
use he_core::params::Chain;

use super::candidate::Candidate;
use super::chain::chains;
use super::limits::Footprint;
use super::network::StepId;
use super::search::{Memo, Packing, Rejection};
use super::translate::{Source, Translated, translate};
use super::{Alternative, Goal, Plan};
use crate::affine::Stages;
use crate::error::{Error, OverLimit, Result};
use crate::graph::Budget;
use crate::model::Model;

/// Rings looked at, as logarithms of their degree.
const LOG_N: std::ops::RangeInclusive<u32> = 12..=16;
impl Model {
    /// Chooses ring, packing and levels for a goal. Needs no weights.
    ///
    /// # Errors
    /// [`Error::OverLimit`] with the least memory, or the fewest bytes of keys, that would do; [`Error::Infeasible`] naming the layer or the
    /// parameter; [`Error::MissingRange`] if an activation has no interval.
    pub fn plan(&'static self, goal: &Goal) -> Result<Plan> {
        self.plan_with(goal, &Memo::default())
    }

    /// The same with what was worked out before for the same model.
    pub(super) fn plan_with(&'static self, goal: &Goal, memo: &Memo) -> Result<Plan> {
        let mut refused = match self.planned(goal, memo) {
            Err(Error::OverLimit(refused)) => refused,
            planned => return planned,
        };
        // Another limit may take other turns on the way: the number that is named is one with which a plan was made, and below which none
        // was.
        let limit = refused.limit;
        let mut most = refused.least.of(limit);
        let mut is_made = false;
        loop {
            match self.planned(&goal.relaxed_to(limit, most, &refused.least), memo) {
                Ok(plan) if goal.broken_by(&plan.footprint()).is_none() => {
                    let goal = goal.clone();
                    return Ok(Plan { goal, ..plan });
                }
                Ok(plan) => {
                    is_made = true;
                    refused.least = plan.footprint();
                    most = refused.least.of(limit).saturating_sub(1);
                }
                Err(Error::OverLimit(again))
                    if !is_made && again.limit == limit && again.least.of(limit) > most =>
                {
                    refused.least = again.least;
                    most = refused.least.of(limit);
                }
                _ => return Err(Error::OverLimit(refused)),
            }
        }
    }

    fn planned(&'static self, goal: &Goal, memo: &Memo) -> Result<Plan> {
        let start = Instant::now();
        if let Some(ranges) = &goal.ranges {
            ranges.check(self)?;
        }
        let stages = Stages::new(self, goal.ranges.as_ref())?;
        let translated = translate(&stages, goal.ranges.as_ref());
        let mut planner = Planner {
            model: self,
            goal,
            stages: &stages,
            translated,
            memo,
            bootstrap: None,
            lacking: vec![],
            tried: 0,
            losers: vec![],
            rejected: vec![],
            over: vec![],
        };
        let chosen = planner.choose()?;
        let Planner {
            translated,
            tried,
            losers: alternatives,
            rejected,
            ..
        } = planner;
        let digest = chosen.digest(self, goal)?;
        Ok(Plan {
            model: self,
            goal: goal.clone(),
            packing: chosen.packing,
            chain: chosen.chain,
            program: chosen.program,
            recipes: chosen.recipes,
            values: chosen.values,
            powers: chosen.powers,
            bill: chosen.bill,
            digest,
            tried,
            alternatives,
            rejected,
            plan_seconds: start.elapsed().as_secs_f64(),
            stages,
            translated,
            bound: None,
        })
    }
}

pub(super) struct Planner<'a> {
    pub(super) model: &'static Model,
    pub(super) goal: &'a Goal,
    pub(super) stages: &'a Stages,
    pub(super) translated: Translated,
    pub(super) memo: &'a Memo,
    /// How values are refreshed, once it is decided that some are.
    pub(super) bootstrap: Option<BootstrapSpec>,
    /// Where nothing was packed: the steps that would have to spare a level.
    pub(super) lacking: Vec<StepId>,
    pub(super) tried: usize,
    pub(super) losers: Vec<Alternative>,
    pub(super) rejected: Vec<(Rejection, usize)>,
    /// Packings that break a limit, with the composites that would have to be cleared in them.
    pub(super) over: Vec<(Footprint, Vec<Source>)>,
}

impl Planner<'_> {
    pub(super) fn infeasible(&self, what: String, found: String, expected: String, help: &str) -> Error {
        Error::Infeasible {
            what,
            found,
            expected,
            help: help.to_owned(),
        }
    }

    /// With every operand of a composite or an inverse cleared that stands beside slots of unknown content, and no other: it takes a level.
    fn choose(&mut self) -> Result<Candidate> {
        let mut network = self.translated.clone();
        loop {
            let exposed = match self.refreshed_or_not() {
                Ok(candidate) => {
                    let exposed = self.exposed(&candidate.packing);
                    if exposed.is_empty() {
                        return Ok(candidate);
                    }
                    exposed
                }
                Err(error @ (Error::Infeasible { .. } | Error::BootstrapSecurity { .. })) => {
                    self.over_limit(error)?
                }
                Err(error) => return Err(error),
            };
            let guarded = network.guarded(self.stages).into_iter();
            let cleared: Vec<StepId> = guarded
                .filter(|&id| exposed.contains(&network.sources[id]))
                .collect();
            let spared = self.translated.network.spared.iter();
            network.network.spared = spared.map(|&id| self.translated.unrefreshed(id)).collect();
            network = network.cleared(&cleared);
            self.translated = network.clone();
            self.bootstrap = None;
        }
    }

    /// Where nothing kept the limits: that, if it is a plan that did not, or what is exposed in the one that comes closest.
    fn over_limit(&mut self, error: Error) -> Result<Vec<Source>> {
        let over = std::mem::take(&mut self.over);
        let complete = over.iter().filter(|(_, exposed)| exposed.is_empty());
        let complete: Vec<Footprint> = complete.map(|(footprint, _)| *footprint).collect();
        if let Some((limit, least)) = self.goal.least(&complete) {
            return Err(Error::OverLimit(OverLimit {
                model: self.model.name().to_owned(),
                limit,
                least: *least,
                allowed: self.goal.limit(limit).unwrap_or_default(),
            }));
        }
        let closest = over.into_iter().min_by_key(|(footprint, _)| footprint.memory());
        closest.map(|(_, exposed)| exposed).ok_or(error)
    }

    /// The composites and inverses whose operand stands beside slots of unknown content: beyond its interval either grows like a power of its
    /// degree, so that what becomes of these could wrap around.
    pub(super) fn exposed(&self, packing: &Packing) -> Vec<Source> {
        let Translated { network, sources, .. } = &self.translated;
        let reads_unknown = |id: &StepId| {
            let operands = network.steps[*id].kind.operands();
            operands.iter().any(|&x| packing.layouts[x].has_unknown())
        };
        let guarded = self.translated.guarded(self.stages).into_iter();
        guarded.filter(reads_unknown).map(|id| sources[id]).collect()
    }

    /// Without refreshing where that can be; with it where the model allows it and the goal asks for it, or nothing else serves.
    fn refreshed_or_not(&mut self) -> Result<Candidate> {
        if self.model.budget() != Budget::Bootstrap {
            return self.leveled();
        }
        if let Some(spec) = &self.goal.bootstrap {
            return self.refreshed(spec);
        }
        match self.leveled() {
            Err(Error::Infeasible { .. }) if self.goal.chain.is_none() && self.model.params().is_none() => {
                self.refreshed(&BootstrapSpec::b16())
            }
            planned => planned,
        }
    }

    /// On a chain with a level for every step.
    fn leveled(&mut self) -> Result<Candidate> {
        let demand = self.demand()?;
        // The goal's parameters come before the model's own.
        let pinned = match (
            &self.goal.chain,
            self.goal.unsound.as_ref().or(self.model.params()),
        ) {
            (Some(chain), _) => Some(chain.clone()),
            (None, Some(params)) => Some(Chain::try_from(*params)?),
            (None, None) => None,
        };
        if let Some(pinned) = &pinned {
            self.carries(pinned, &demand)?;
        }
        let rings = pinned
            .as_ref()
            .map_or(LOG_N, |pinned| pinned.log_n()..=pinned.log_n());
        let mut best: Option<Candidate> = None;
        let mut reasons: Vec<String> = Vec::new();
        for log_n in rings {
            if self.goal.batch > 1 << (log_n - 1) {
                reasons.push(format!(
                    "N = 2^{log_n}: {} slots for {} samples",
                    1 << (log_n - 1),
                    self.goal.batch
                ));
                continue;
            }
            let chain = match &pinned {
                Some(pinned) => pinned.clone(),
                None => match chains(log_n, &demand).into_iter().next() {
                    Some(chain) => chain,
                    None => {
                        let cap = demand.security.cap_bits(log_n);
                        reasons.push(format!(
                            "N = 2^{log_n}: {} levels do not fit {cap} bits",
                            demand.products.len()
                        ));
                        continue;
                    }
                },
            };
            best = self.on_chain(&chain, &mut reasons)?;
            // A ring twice as large doubles every transform: it is only looked at where this one packs nothing within the limits. It
            // has room for special primes, so that its key switches have fewer digits, and its keys may be smaller.
            if best.is_some() {
                break;
            }
        }
        best.ok_or_else(|| {
            let limits = format!(
                "security of {} bits, error {:e}",
                self.goal.security_bits, self.goal.error
            );
            let help = "raise the limit, lower an activation's degree, or split the network";
            self.infeasible(
                format!("no plan for `{}`", self.model.name()),
                reasons.join("; "),
                limits,
                help,
            )
        })
    }
}
