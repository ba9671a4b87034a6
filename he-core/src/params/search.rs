//! Search for primes that carry a ring's transform.

use super::PRIME_BITS_MAX;
use crate::error::{Error, Result};
use crate::math::prime::is_prime;

/// Primes congruent to 1 modulo 2N, each given once.
pub(super) struct PrimeSearch {
    two_n: u64,
    used: Vec<u64>,
}

impl PrimeSearch {
    /// For a ring of degree `2^log_n`.
    pub(super) fn new(log_n: u32) -> Self {
        Self {
            two_n: 2 << log_n,
            used: vec![],
        }
    }

    /// The largest unused prime below `2^bits`.
    pub(super) fn below(&mut self, bits: u32) -> Result<u64> {
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
    pub(super) fn nearest(&mut self, target: f64) -> Result<u64> {
        let step = self.two_n as f64;
        let most = f64::from(PRIME_BITS_MAX).exp2();
        // Whoever wrote the target may mean nothing by it: what no prime is near to is not searched.
        if target.is_nan() || 0.75 * target >= most {
            return Err(self.none(target.log2()));
        }
        let start = (((target.min(most) - 1.0) / step).round().max(1.0) * step) as u64 + 1;
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
        let prime = find(self, start).ok_or_else(|| self.none(log2_target))?;
        self.used.push(prime);
        Ok(prime)
    }

    fn none(&self, log2_target: f64) -> Error {
        Error::NoPrime {
            log2_target,
            log_two_n: self.two_n.ilog2(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_without_a_prime_near_are_refused_at_once() {
        let mut search = PrimeSearch::new(10);
        for target in [2f64.powi(51), 2f64.powi(90), f64::INFINITY, f64::NAN] {
            assert!(
                matches!(search.nearest(target), Err(Error::NoPrime { .. })),
                "{target}"
            );
        }
        let highest = search.nearest(1.2 * 2f64.powi(50)).unwrap();
        assert!(highest < 1 << 50 && highest > (1 << 50) - (1 << 20));
        assert_eq!(PrimeSearch::new(10).below(50).unwrap(), highest);
    }
}
