//! Complete plans for one chain: packed, lowered and counted, and the cheapest of them that keeps the limits.

use he_core::bootstrap::BootstrapSpec;
use he_core::params::Chain;
use he_core::program::count::{Bill, ChainShape, count, count_on};
use he_core::program::{ChainView, ValueId, Verified, codec as program_codec};
use rayon::prelude::*;

use super::chain::level_shape;
use super::limits::{Footprint, Limit};
use super::planner::Planner;
use super::price::PriceTable;
use super::search::{Choice, Packing, SearchSettings, search};
use super::{Alternative, Goal};
use crate::error::{Error, Result};
use crate::lower::{Power, Recipe, lower};
use crate::model::Model;

/// Packings of one ring that are lowered and counted.
const COUNTED: usize = 3;
/// What a byte of keys is charged during the search, in nanoseconds; raised until keys and memory fit their limits.
const KEY_BYTE: [f64; 4] = [0.004, 0.03, 0.2, 2.0];
/// States the search keeps.
const BEAM: usize = 4;

/// A packing with everything that follows from it.
pub(super) struct Candidate {
    pub(super) chain: Chain,
    pub(super) packing: Packing,
    pub(super) program: Verified,
    pub(super) recipes: Vec<Recipe>,
    pub(super) values: Vec<ValueId>,
    pub(super) powers: Vec<Power>,
    pub(super) bill: Bill,
    pub(super) seconds: f64,
}

impl Candidate {
    /// A digest of everything the client and the server must agree on.
    pub(super) fn digest(&self, model: &Model, goal: &Goal) -> Result<[u8; 32]> {
        let broken = |error: String| Error::Corrupted {
            what: "plan".into(),
            found: error,
            expected: "a plan that can be written".into(),
        };
        let mut hasher = blake3::Hasher::new();
        hasher.update(model.name().as_bytes());
        hasher.update(&goal.batch.to_le_bytes());
        hasher.update(&postcard::to_stdvec(&self.chain).map_err(|e| broken(e.to_string()))?);
        hasher.update(&program_codec::encode(&self.program).map_err(|e| broken(e.to_string()))?);
        for choice in &self.packing.choices {
            if let Choice::Input {
                arrangement, complex, ..
            } = choice
            {
                hasher.update(
                    &postcard::to_stdvec(&(arrangement, complex)).map_err(|e| broken(e.to_string()))?,
                );
            }
        }
        Ok(*hasher.finalize().as_bytes())
    }
}

impl Planner<'_> {
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
