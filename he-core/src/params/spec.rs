//! Choice of the primes of a chain from the sizes of its levels.
//!
//! The canonical scales follow S_{l-1} = S_l^2 / D_l, which doubles the logarithm of any deviation from the target scale at each
//! level. So the product D_l is taken, from the top down, as near as possible to S_l^2 / S: what one level's primes leave over, the
//! next level's take back (Kim, Papadimitriou, Polyakov, CT-RSA 2022, choose alternately above and below; this is its greedy form).

use serde::{Deserialize, Serialize};

use super::chain::ChainParts;
use super::rational::layout;
use super::search::PrimeSearch;
use super::{Chain, InsecureChain, PRIME_BITS_MAX, Security};
use crate::error::{Error, Result};

/// Sizes of a chain; the primes are chosen by [`build`](Self::build).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChainSpec {
    /// Logarithm of the ring degree.
    pub log_n: u32,
    /// Bits of the base modulus: scale and headroom of the values at level 0. Above 50 it is made of two primes.
    pub base_bits: u32,
    /// Bits of each level, level 1 first. Above 50 a level is made of two primes. A level within half a bit of the scale serves all
    /// products, another one plaintext products only.
    pub level_bits: Vec<u32>,
    /// Bits of each special prime.
    pub special_bits: Vec<u32>,
    /// Bits of each terminal prime. Empty: every level has the primes of the one below and its own. Else most levels share primes of
    /// up to 50 bits, and terminal primes, which come and go, make up what their sizes are short of (rational rescaling): fewer
    /// primes for the same modulus.
    pub terminal_bits: Vec<u32>,
    /// log2 of the scale.
    pub log2_scale: f64,
}

/// Largest deviation of log2 of a canonical scale that is accepted. Reached are 2^-10 and less wherever the primes of a level are
/// longer than log2(2N) by 18 bits; small primes in large rings are rare and the exact table of scales bears more.
const DRIFT_LOG2_MAX: f64 = 1.0 / 16.0;

const LEVELS_MAX: usize = 128;
const SPECIAL_MAX: usize = 32;
const TERMINALS_MAX: usize = 4;

impl ChainSpec {
    /// Chooses primes and checks them against the 128-bit table.
    pub fn build(&self) -> Result<Chain> {
        self.build_at(Security::Bits128)
    }

    /// Chooses primes and checks them against the table of `security`.
    pub fn build_at(&self, security: Security) -> Result<Chain> {
        Chain::new(self.parts(security)?)
    }

    /// Chooses primes without any check of security, for tests on small rings.
    pub fn build_insecure(&self) -> Result<InsecureChain> {
        Ok(InsecureChain(Chain::unchecked_security(
            self.parts(Security::Bits128)?,
        )?))
    }

    fn parts(&self, security: Security) -> Result<ChainParts> {
        if !(super::LOG_N_MIN..=super::LOG_N_MAX).contains(&self.log_n) {
            return Err(Error::Range {
                what: "log_n",
                found: f64::from(self.log_n),
                allowed: "4 to 17",
            });
        }
        for (what, found, expected) in [
            ("levels", self.level_bits.len(), LEVELS_MAX),
            ("special primes", self.special_bits.len(), SPECIAL_MAX),
            ("terminal primes", self.terminal_bits.len(), TERMINALS_MAX),
        ] {
            if found > expected {
                return Err(Error::Count {
                    what,
                    found,
                    expected,
                });
            }
        }
        let all = self
            .level_bits
            .iter()
            .chain(&self.special_bits)
            .chain(&self.terminal_bits)
            .chain([&self.base_bits]);
        if let Some(&bits) = all.clone().find(|bits| !(1..=2 * PRIME_BITS_MAX).contains(*bits)) {
            return Err(Error::Range {
                what: "bits of a level",
                found: f64::from(bits),
                allowed: "1 to 100",
            });
        }
        if let Some(&bits) = self.terminal_bits.iter().find(|bits| **bits > PRIME_BITS_MAX) {
            return Err(Error::Range {
                what: "bits of a terminal prime",
                found: f64::from(bits),
                allowed: "at most 50",
            });
        }
        let mut search = PrimeSearch::new(self.log_n);
        // Special primes first: the noise of key switching is divided by them, so they take the largest of their size.
        let special = self
            .special_bits
            .iter()
            .map(|&bits| search.below(bits))
            .collect::<Result<Vec<_>>>()?;
        let base = match self.base_bits {
            bits if bits > PRIME_BITS_MAX => vec![search.below(bits - bits / 2)?, search.below(bits / 2)?],
            bits => vec![search.below(bits)?],
        };
        let sets = self.sets(&mut search)?;
        let target = self.log2_scale.exp2();
        let mut scale = target;
        let mut levels = vec![];
        let mut returned = vec![];
        for (index, (&bits, set)) in self.level_bits.iter().zip(sets).enumerate().rev() {
            let multiplies = (f64::from(bits) - self.log2_scale).abs() <= 0.5;
            let wanted = if multiplies {
                scale * scale / target
            } else {
                f64::from(bits).exp2()
            };
            let product = |primes: &[u64]| primes.iter().map(|&q| q as f64).product::<f64>();
            let mut dropped = set.dropped;
            // The own primes are alike, and the last makes up for what the others are off.
            for left in (1..=set.own).rev() {
                let rest = wanted * product(&set.returned) / product(&dropped);
                dropped.push(search.nearest(rest.powf(1.0 / left as f64))?);
            }
            if multiplies {
                scale = scale * scale * product(&set.returned) / product(&dropped);
                let drift = (scale / target).log2().abs();
                if drift.is_nan() || drift > DRIFT_LOG2_MAX {
                    return Err(Error::ScaleDrift {
                        level: index,
                        found_log2: scale.log2(),
                        target_log2: self.log2_scale,
                    });
                }
            }
            levels.push(dropped);
            returned.push(set.returned);
        }
        levels.reverse();
        returned.reverse();
        Ok(ChainParts {
            log_n: self.log_n,
            base,
            levels,
            returned,
            special,
            log2_scale: self.log2_scale,
            security,
        })
    }

    /// Which terminal primes come and go at each level, and how many primes a level has of its own.
    fn sets(&self, search: &mut PrimeSearch) -> Result<Vec<LevelSet>> {
        if self.terminal_bits.is_empty() {
            let own = |&bits: &u32| LevelSet {
                own: primes_for(bits),
                dropped: vec![],
                returned: vec![],
            };
            return Ok(self.level_bits.iter().map(own).collect());
        }
        let terminals = self.terminal_bits.iter();
        let terminals: Vec<u64> = terminals
            .map(|&bits| search.nearest(f64::from(bits).exp2()))
            .collect::<Result<_>>()?;
        let sizes = [&[self.base_bits], &self.level_bits[..]].concat();
        let layout = layout(self.log_n, &sizes, &self.terminal_bits).ok_or(Error::Terminals {
            terminal_bits: self.terminal_bits.clone(),
        })?;
        let chosen = |mask: u32| -> Vec<u64> {
            let places = terminals.iter().enumerate();
            let chosen = places.filter(|&(i, _)| mask >> i & 1 == 1);
            chosen.map(|(_, &prime)| prime).collect()
        };
        let sets = layout.windows(2).map(|pair| {
            let (below, here) = (pair[0].terminals, pair[1].terminals);
            LevelSet {
                own: pair[1].own,
                dropped: chosen(here & !below),
                returned: chosen(below & !here),
            }
        });
        Ok(sets.collect())
    }
}

/// What tells a level's primes from those of the level below.
struct LevelSet {
    /// Number of primes that it is the lowest to have.
    own: usize,
    /// Terminal primes that the level below lacks.
    dropped: Vec<u64>,
    /// Terminal primes that only the level below has.
    returned: Vec<u64>,
}

/// Primes that make up a size.
pub(super) fn primes_for(bits: u32) -> usize {
    bits.div_ceil(PRIME_BITS_MAX) as usize
}
