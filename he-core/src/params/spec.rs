//! Choice of the primes of a chain from the sizes of its levels.
//!
//! The canonical scales follow S_{l-1} = S_l^2 / D_l, which doubles the logarithm of any deviation from the target scale at each
//! level. So the product D_l is taken, from the top down, as near as possible to S_l^2 / S: what one level's primes leave over, the
//! next level's take back (Kim, Papadimitriou, Polyakov, CT-RSA 2022, choose alternately above and below; this is its greedy form).

use serde::{Deserialize, Serialize};

use super::chain::ChainParts;
use super::{Chain, InsecureChain, PRIME_BITS_MAX, Security};
use crate::error::{Error, Result};
use crate::math::prime::is_prime;

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
    /// log2 of the scale.
    pub log2_scale: f64,
}

/// Largest deviation of log2 of a canonical scale that is accepted. Reached are 2^-10 and less wherever the primes of a level are
/// longer than log2(2N) by 18 bits; small primes in large rings are rare and the exact table of scales bears more.
const DRIFT_LOG2_MAX: f64 = 1.0 / 16.0;

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
        if self.level_bits.len() > 128 || self.special_bits.len() > 32 {
            let found = self.level_bits.len().max(self.special_bits.len());
            return Err(Error::Count {
                what: "levels (at most 128) or special primes (at most 32)",
                found,
                expected: 128,
            });
        }
        let all = self
            .level_bits
            .iter()
            .chain(&self.special_bits)
            .chain([&self.base_bits]);
        if let Some(&bits) = all.clone().find(|bits| !(1..=2 * PRIME_BITS_MAX).contains(*bits)) {
            return Err(Error::Range {
                what: "bits of a level",
                found: f64::from(bits),
                allowed: "1 to 100",
            });
        }
        let mut search = PrimeSearch {
            two_n: 2u64 << self.log_n,
            used: vec![],
        };
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
        let target = self.log2_scale.exp2();
        let mut scale = target;
        let mut levels = vec![];
        for (index, &bits) in self.level_bits.iter().enumerate().rev() {
            let multiplies = (f64::from(bits) - self.log2_scale).abs() <= 0.5;
            let wanted = if multiplies {
                scale * scale / target
            } else {
                f64::from(bits).exp2()
            };
            let primes = match bits {
                bits if bits > PRIME_BITS_MAX => {
                    let first = search.nearest(wanted.sqrt())?;
                    vec![first, search.nearest(wanted / first as f64)?]
                }
                _ => vec![search.nearest(wanted)?],
            };
            if multiplies {
                scale = scale * scale / primes.iter().map(|&q| q as f64).product::<f64>();
                let drift = (scale / target).log2().abs();
                if drift.is_nan() || drift > DRIFT_LOG2_MAX {
                    return Err(Error::ScaleDrift {
                        level: index,
                        found_log2: scale.log2(),
                        target_log2: self.log2_scale,
                    });
                }
            }
            levels.push(primes);
        }
        levels.reverse();
        Ok(ChainParts {
            log_n: self.log_n,
            base,
            levels,
            special,
            log2_scale: self.log2_scale,
            security,
        })
    }
}

/// Primes congruent to 1 modulo 2N, each given once.
struct PrimeSearch {
    two_n: u64,
    used: Vec<u64>,
}

impl PrimeSearch {
    /// The largest unused prime below `2^bits`.
    fn below(&mut self, bits: u32) -> Result<u64> {
        if bits > PRIME_BITS_MAX {
            return Err(Error::Range {
                what: "bits of a prime",
                found: f64::from(bits),
                allowed: "at most 50",
            });
        }
        let last = (1u64 << bits) - 1;
        self.take((last - last % self.two_n) + 1, f64::from(bits), |this, start| {
            let mut candidate = start;
            while candidate > last {
                candidate = candidate.checked_sub(this.two_n)?;
            }
            while candidate > last / 2 {
                if this.fits(candidate) {
                    return Some(candidate);
                }
                candidate = candidate.checked_sub(this.two_n)?;
            }
            None
        })
    }

    /// The unused prime nearest to `target`, at most a quarter away.
    fn nearest(&mut self, target: f64) -> Result<u64> {
        let step = self.two_n as f64;
        let start = (((target - 1.0) / step).round().max(1.0) * step) as u64 + 1;
        self.take(start, target.log2(), |this, start| {
            let reach = (target / (4.0 * step)) as u64;
            (0..=reach).find_map(|k| {
                let (below, above) = (start.checked_sub(k * this.two_n), start + k * this.two_n);
                let below = below.filter(|&q| this.fits(q));
                let above = Some(above).filter(|&q| q >> PRIME_BITS_MAX == 0 && this.fits(q));
                match (below, above) {
                    (Some(b), Some(a)) => Some(if target - b as f64 <= a as f64 - target {
                        b
                    } else {
                        a
                    }),
                    (one, other) => one.or(other),
                }
            })
        })
    }

    fn fits(&self, candidate: u64) -> bool {
        candidate > self.two_n
            && candidate >> PRIME_BITS_MAX == 0
            && !self.used.contains(&candidate)
            && is_prime(candidate)
    }

    fn take(
        &mut self,
        start: u64,
        log2_target: f64,
        find: impl Fn(&Self, u64) -> Option<u64>,
    ) -> Result<u64> {
        let prime = find(self, start).ok_or(Error::NoPrime {
            log2_target,
            log_two_n: self.two_n.ilog2(),
        })?;
        self.used.push(prime);
        Ok(prime)
    }
}
