//! The order of the passes: ring after ring, chain, search, lowering, limits.

use std::time::Instant;

use he_core::bootstrap::BootstrapSpec;
use he_core::params::{Chain, Security};
use he_core::program::count::{Bill, ChainShape, count, count_on};
use he_core::program::{ChainView, ValueId, Verified, codec as program_codec};
use rayon::prelude::*;

use super::chain::{Demand, chains, level_shape};
use super::limits::{Footprint, Limit};
use super::network::StepId;
use super::price::PriceTable;
use super::search::{Choice, Memo, Packing, Rejection, SearchSettings, search};
use super::translate::{Source, Translated, translate};
use super::{Alternative, Goal, Plan};
use crate::affine::{GAIN, NOISE, Stages};
use crate::error::{Error, OverLimit, Result};
use crate::graph::Budget;
use crate::lower::{Power, Recipe, lower};
use crate::model::Model;

/// Rings looked at, as logarithms of their degree.
const LOG_N: std::ops::RangeInclusive<u32> = 12..=16;
/// Packings of one ring that are lowered and counted.
const COUNTED: usize = 3;
/// What a byte of keys is charged during the search, in nanoseconds; raised until keys and memory fit their limits.
const KEY_BYTE: [f64; 4] = [0.004, 0.03, 0.2, 2.0];
/// States the search keeps.
const BEAM: usize = 4;
/// Bound assumed at every site when no ranges are given.
const ASSUMED_RANGE: f64 = 8.0;

pub(super) struct Candidate {
    chain: Chain,
    pub(super) packing: Packing,
    program: Verified,
    recipes: Vec<Recipe>,
    values: Vec<ValueId>,
    powers: Vec<Power>,
    bill: Bill,
    pub(super) seconds: f64,
}

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
        let digest = digest(self, goal, &chosen)?;
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
    stages: &'a Stages,
    pub(super) translated: Translated,
    memo: &'a Memo,
    /// How values are refreshed, once it is decided that some are.
    pub(super) bootstrap: Option<BootstrapSpec>,
    /// Where nothing was packed: the steps that would have to spare a level.
    pub(super) lacking: Vec<StepId>,
    tried: usize,
    losers: Vec<Alternative>,
    rejected: Vec<(Rejection, usize)>,
    /// Packings that break a limit, with the composites that would have to be cleared in them.
    over: Vec<(Footprint, Vec<Source>)>,
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
                Err(error @ Error::Infeasible { .. }) => self.over_limit(error)?,
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
    fn exposed(&self, packing: &Packing) -> Vec<Source> {
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

    /// Whether pinned parameters carry the network.
    fn carries(&self, pinned: &Chain, demand: &Demand) -> Result<()> {
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

    /// The cheapest packing on one chain that keeps the limits.
    pub(super) fn on_chain(&mut self, chain: &Chain, reasons: &mut Vec<String>) -> Result<Option<Candidate>> {
        let network = &self.translated.network;
        let refresh = self
            .bootstrap
            .as_ref()
            .map(|spec| self.refresh_price(chain, spec));
        let (scales, counts) = (ChainView::from(chain), ChainShape::from(chain));
        for key_byte in KEY_BYTE {
            // A byte of a plaintext takes as much memory as one of a key.
            let plain_byte = match self.goal.limit(Limit::Memory) {
                Some(_) if key_byte > KEY_BYTE[0] => key_byte,
                _ => 0.0,
            };
            let prices = &self.goal.prices;
            let settings = SearchSettings {
                slots: chain.slots(),
                batch: self.goal.batch,
                prices: PriceTable {
                    plain_byte: prices.plain_byte + plain_byte,
                    ..*prices
                },
                key_byte,
                beam: BEAM,
                refresh: refresh.clone(),
            };
            let top = self
                .bootstrap
                .as_ref()
                .map_or(chain.top_level(), BootstrapSpec::refreshed_level);
            let found = search(
                network,
                &|spent| level_shape(chain, top - spent as usize),
                &settings,
                self.memo,
            );
            self.tried += found.tried;
            self.rejected.extend(found.rejected);
            self.lacking = found.lacking;
            if found.packings.is_empty() {
                let why: Vec<String> = self
                    .rejected
                    .iter()
                    .map(|(r, times)| format!("{}: {} ({times} times)", r.step, r.reason))
                    .collect();
                reasons.push(format!("N = 2^{}: {}", chain.log_n(), why.join(", ")));
                return Ok(None);
            }
            let mut best: Option<Candidate> = None;
            let counted = found.packings.into_par_iter().take(COUNTED);
            let counted: Vec<Result<Candidate>> = counted
                .map(|packing| self.counted(packing, chain, &scales, &counts))
                .collect();
            for candidate in counted {
                let candidate = candidate?;
                let seconds = candidate.seconds;
                let footprint = Footprint::new(&candidate.bill, &candidate.program, chain);
                if let Some(reason) = self.goal.broken_by(&footprint) {
                    self.over.push((footprint, self.exposed(&candidate.packing)));
                    reasons.push(format!("N = 2^{}: {reason}", chain.log_n()));
                    self.losers.push(Alternative {
                        log_n: chain.log_n(),
                        seconds,
                        reason,
                    });
                    continue;
                }
                match &best {
                    Some(least) if least.seconds <= seconds => {
                        self.losers.push(Alternative {
                            log_n: chain.log_n(),
                            seconds,
                            reason: "slower".into(),
                        });
                    }
                    _ => {
                        if let Some(second) = best.replace(candidate) {
                            let reason = "slower".to_owned();
                            self.losers.push(Alternative {
                                log_n: second.chain.log_n(),
                                seconds: second.seconds,
                                reason,
                            });
                        }
                    }
                }
            }
            if best.is_some() {
                return Ok(best);
            }
        }
        Ok(None)
    }

    /// A packing, lowered and counted.
    fn counted(
        &self,
        packing: Packing,
        chain: &Chain,
        scales: &ChainView,
        counts: &ChainShape,
    ) -> Result<Candidate> {
        let bootstrap = self.bootstrap.as_ref();
        let lowered = lower(&self.translated.network, &packing, scales, bootstrap).map_err(|fault| {
            let what = format!("lowering `{}`", self.model.name());
            self.infeasible(
                what,
                fault.to_string(),
                "a program that verifies".into(),
                "this is a bug; please report it",
            )
        })?;
        let bill = match bootstrap {
            Some(_) => count_on(&lowered.program, chain),
            None => count(&lowered.program, counts),
        };
        let seconds = self.goal.prices.nanoseconds(&bill.total, chain.degree()) * 1e-9;
        Ok(Candidate {
            chain: chain.clone(),
            packing,
            program: lowered.program,
            recipes: lowered.recipes,
            values: lowered.values,
            powers: lowered.powers,
            bill,
            seconds,
        })
    }
}

/// A digest of everything the client and the server must agree on.
fn digest(model: &Model, goal: &Goal, chosen: &Candidate) -> Result<[u8; 32]> {
    let broken = |error: String| Error::Corrupted {
        what: "plan".into(),
        found: error,
        expected: "a plan that can be written".into(),
    };
    let mut hasher = blake3::Hasher::new();
    hasher.update(model.name().as_bytes());
    hasher.update(&goal.batch.to_le_bytes());
    hasher.update(&postcard::to_stdvec(&chosen.chain).map_err(|e| broken(e.to_string()))?);
    hasher.update(&program_codec::encode(&chosen.program).map_err(|e| broken(e.to_string()))?);
    for choice in &chosen.packing.choices {
        if let Choice::Input {
            arrangement, complex, ..
        } = choice
        {
            hasher.update(&postcard::to_stdvec(&(arrangement, complex)).map_err(|e| broken(e.to_string()))?);
        }
    }
    Ok(*hasher.finalize().as_bytes())
}
