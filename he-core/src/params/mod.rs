//! Parameters of a leveled RNS-CKKS scheme.
//!
//! Notation: N ring degree, n = N/2 slots, level l = number of rescales left, Q_l product of the primes at level l, P product of the
//! special primes, S_l canonical scale of level l. A level is a set of primes. Rescaling from level l divides by D_l, the product of the
//! primes of `levels[l - 1]`, which the level below lacks; where that has primes which level l lacks, those of `returned[l - 1]`, it
//! multiplies by their product A_l ("rational rescaling"). Where none return, levels are nested.
//!
//! [`Params`] is the constant form, which a user pins in source code and rustc checks; [`Chain`] is the owned form that plans carry,
//! chosen at run time by [`ChainSpec`].

mod chain;
mod levels;
mod message;
pub mod presets;
mod published;
mod rational;
mod search;
mod security;
mod spec;

pub use chain::{Chain, InsecureChain};
#[cfg(feature = "program")]
pub(crate) use levels::Levels;
pub use published::{Published, SPARSE_WEIGHT, Secret};
pub use security::{Security, log2, log2_product};
pub use spec::ChainSpec;

use crate::math::prime::is_prime;
use message::Message;

/// Largest ring degree the engine is built for, as a logarithm.
pub const LOG_N_MAX: u32 = 17;
/// Smallest ring degree the engine is built for, as a logarithm (insecure: for tests).
pub const LOG_N_MIN: u32 = 4;
/// Primes are below `2^PRIME_BITS_MAX`: lazy sums of four stay within the 52 bits of the fused multiply-add units.
pub const PRIME_BITS_MAX: u32 = 50;

/// A parameter set in source code: `const P: Params = Params { .. }.checked();` does not compile when it is insecure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Params {
    /// Logarithm of the ring degree N.
    pub log_n: u32,
    /// Primes of level 0.
    pub base: &'static [u64],
    /// `levels[l - 1]`: the primes that rescaling from level l drops.
    pub levels: &'static [&'static [u64]],
    /// `returned[l - 1]`: the primes of level l - 1 that level l lacks. Empty where levels are nested.
    pub returned: &'static [&'static [u64]],
    /// Special primes of key switching.
    pub special: &'static [u64],
    /// log2 of the canonical scale at the top level.
    pub log2_scale: f64,
    /// Security level that must be reached.
    pub security: Security,
}

impl Params {
    /// The same parameters, if they are sound and secure; a panic, which in a constant is a compile error, if not. The sizes of levels,
    /// and what key switching needs of their primes, are checked when a [`Chain`] is made of them.
    ///
    /// ```
    /// use he_core::params::{Params, Security};
    /// const P: Params = Params {
    ///     log_n: 13,
    ///     base: &[1125899906629633],
    ///     levels: &[&[1073692673]],
    ///     returned: &[],
    ///     special: &[1125899905744897],
    ///     log2_scale: 30.0,
    ///     security: Security::Bits128,
    /// }
    /// .checked();
    /// assert_eq!(P.log_qp() as u32, 129);
    /// ```
    ///
    /// ```compile_fail
    /// use he_core::params::{Params, Security};
    /// const P: Params = Params {
    ///     log_n: 12,
    ///     base: &[1125899906629633],
    ///     levels: &[&[1073692673]],
    ///     returned: &[],
    ///     special: &[1125899905744897],
    ///     log2_scale: 30.0,
    ///     security: Security::Bits128,
    /// }
    /// .checked();
    /// ```
    #[track_caller]
    #[expect(
        clippy::panic,
        reason = "evaluated in constants: the panic is the compile error"
    )]
    #[allow(long_running_const_eval, reason = "primality of every modulus")]
    pub const fn checked(self) -> Self {
        if self.log_n < LOG_N_MIN || self.log_n > LOG_N_MAX {
            panic!("ring degree out of range\nhelp: `log_n` is 4 to 17");
        }
        if self.base.is_empty() || self.special.is_empty() {
            panic!("parameters need at least one base prime and one special prime");
        }
        let count = self.prime_count();
        if count >= chain::LISTED_MAX || self.returned.len() > self.levels.len() {
            panic!(
                "more primes than a chain may have, or more levels with primes that come back than levels"
            );
        }
        let mut i = 0;
        while i < count {
            let q = self.prime(i);
            if let Some(reason) = modulus_fault(q, self.log_n) {
                let text = Message::new()
                    .text("unusable modulus ")
                    .number(q)
                    .text(": ")
                    .text(reason);
                panic!("{}", text.as_str());
            }
            i += 1;
        }
        if let Some((q, fault)) = self.levels_fault() {
            let text = Message::new()
                .text("unusable modulus ")
                .number(q)
                .text(": ")
                .text(fault);
            panic!("{}", text.as_str());
        }
        let cap = self.security.cap_bits(self.log_n);
        let found = self.log_qp();
        if found > cap as f64 {
            let text = Message::new()
                .text("insecure parameters: log2(QP) is ")
                .hundredths(found)
                .text(" at ring degree 2^")
                .number(self.log_n as u64)
                .text(", at most ")
                .number(cap as u64)
                .text(" for ")
                .number(self.security.bits() as u64)
                .text("-bit security (ePrint 2024/463, table 5.2)\nhelp: use a larger ring or fewer levels");
            panic!("{}", text.as_str());
        }
        self
    }

    /// log2 of the product of all primes, special ones included, each counted once.
    pub const fn log_qp(&self) -> f64 {
        let mut sum = 0.0;
        let mut i = 0;
        while i < self.prime_count() {
            if self.first_place(self.prime(i)) == i {
                sum += log2(self.prime(i));
            }
            i += 1;
        }
        sum
    }

    /// The prime that keeps the levels from being those of a [`Chain`], and why.
    const fn levels_fault(&self) -> Option<(u64, &'static str)> {
        // Whether a level has the prime, by the place that lists it first.
        let mut held = [false; chain::LISTED_MAX];
        let mut level = 0;
        while level <= self.levels.len() {
            let mut i = 0;
            while level > 0 && level <= self.returned.len() && i < self.returned[level - 1].len() {
                let q = self.returned[level - 1][i];
                let at = self.first_place(q);
                if !held[at] {
                    return Some((q, "comes back to a level that does not have it"));
                }
                held[at] = false;
                i += 1;
            }
            let entering = if level == 0 {
                self.base
            } else {
                self.levels[level - 1]
            };
            let mut i = 0;
            while i < entering.len() {
                let at = self.first_place(entering[i]);
                if held[at] {
                    return Some((entering[i], "appears twice"));
                }
                held[at] = true;
                i += 1;
            }
            level += 1;
        }
        let mut i = 0;
        while i < self.prime_count() {
            let (q, special) = (self.prime(i), i + self.special.len() >= self.prime_count());
            if special && self.first_place(q) != i {
                return Some((q, "appears twice"));
            }
            if !special && !held[self.first_place(q)] {
                return Some((q, "is missing at the top level"));
            }
            i += 1;
        }
        None
    }

    /// The first place that lists a prime; the number of places for one that none lists.
    const fn first_place(&self, q: u64) -> usize {
        let mut i = 0;
        while i < self.prime_count() && self.prime(i) != q {
            i += 1;
        }
        i
    }

    const fn prime_count(&self) -> usize {
        let mut count = self.base.len() + self.special.len();
        let mut i = 0;
        while i < self.levels.len() {
            count += self.levels[i].len();
            i += 1;
        }
        count
    }

    /// The i-th listed prime in the order base, levels, special.
    const fn prime(&self, i: usize) -> u64 {
        if i < self.base.len() {
            return self.base[i];
        }
        let mut rest = i - self.base.len();
        let mut level = 0;
        while level < self.levels.len() {
            if rest < self.levels[level].len() {
                return self.levels[level][rest];
            }
            rest -= self.levels[level].len();
            level += 1;
        }
        self.special[rest]
    }
}

/// Why `q` cannot be a modulus for ring degree `2^log_n`, if it cannot.
const fn modulus_fault(q: u64, log_n: u32) -> Option<&'static str> {
    if q >> PRIME_BITS_MAX != 0 {
        Some("not below 2^50")
    } else if q & ((2 << log_n) - 1) != 1 {
        Some("not congruent to 1 modulo twice the ring degree")
    } else if !is_prime(q) {
        Some("not prime")
    } else {
        None
    }
}

/// Two scales are one when they differ by less than this share: they are products of the same few factors in another order, some
/// hundred roundings of 2^-53 at most, while canonical scales of different levels lie much further apart.
pub const SCALE_TOLERANCE: f64 = 1.0 / (1u64 << 40) as f64;

/// Whether two scales are one.
pub fn same_scale(a: f64, b: f64) -> bool {
    a > 0.0 && b > 0.0 && a.is_finite() && b.is_finite() && (a - b).abs() <= SCALE_TOLERANCE * a.max(b)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// [`presets::rational`] as a user would write it down: the second level lacks the prime of the first.
    const WRITTEN: Params = Params {
        log_n: 14,
        base: &[1125899903827969],
        levels: &[
            &[1099511922689],
            &[1073643521, 1125899903795201],
            &[1099511922689],
            &[1073872897, 1125762182152193],
            &[1099511922689],
        ],
        returned: &[&[], &[1099511922689], &[], &[1099511922689], &[]],
        special: &[1125899904679937, 1125899903991809],
        log2_scale: 40.0,
        security: Security::Bits128,
    }
    .checked();

    #[test]
    fn levels_that_are_not_nested_can_be_written_down() {
        let chain = presets::rational().build().unwrap();
        assert!(!chain.contains(2, 1));
        assert_eq!(Chain::try_from(WRITTEN).unwrap(), chain);
        assert!((WRITTEN.log_qp() - chain.log_qp()).abs() < 1e-9);
    }

    #[test]
    fn a_chain_must_have_all_primes_at_its_top() {
        let params = WRITTEN;
        let all = [params.levels[0], params.levels[1]].concat();
        let hostile = |levels: &[&[u64]], returned: &[&[u64]]| {
            let owned = |list: &[&[u64]]| list.iter().map(|level| level.to_vec()).collect::<Vec<_>>();
            chain::ChainParts {
                log_n: 14,
                base: params.base.to_vec(),
                levels: owned(levels),
                returned: owned(returned),
                special: params.special.to_vec(),
                log2_scale: 40.0,
                security: Security::Bits128,
            }
        };
        let lacking = hostile(&[&all], &[params.base]);
        assert!(matches!(
            Chain::new(lacking),
            Err(crate::Error::Modulus {
                reason: "is missing at the top level",
                ..
            })
        ));
        assert!(Chain::new(hostile(&[&[0]], &[&[]])).is_err());
        assert!(Chain::new(hostile(&[&[]], &[&[]])).is_err());
    }

    #[test]
    fn terminals_that_no_chain_can_have_are_refused() {
        let spec = |special_bits: Vec<u32>, terminal_bits: Vec<u32>| ChainSpec {
            special_bits,
            terminal_bits,
            ..presets::rational()
        };
        let build = |special: Vec<u32>, terminals: Vec<u32>| spec(special, terminals).build();
        assert!(matches!(
            build(vec![50; 2], vec![60]),
            Err(crate::Error::Range { .. })
        ));
        assert!(matches!(
            build(vec![50; 2], vec![50, 50, 50, 50]),
            Err(crate::Error::Terminals { .. } | crate::Error::Insecure { .. })
        ));
        // Each prime is a digit of its own, and a level lacks the terminal of the one below.
        assert!(matches!(
            build(vec![50], vec![40, 30, 30]),
            Err(crate::Error::EmptyDigit { .. })
        ));
    }

    /// What a constant refuses a chain refuses for the same reason.
    #[test]
    fn impossible_levels_are_refused_in_constants_and_in_chains() {
        let params = WRITTEN;
        // The second level lacks a prime of the first, which comes again at a higher one.
        let [absent] = params.returned[1] else {
            panic!("{:?}", params.returned)
        };
        let returned = |level: usize, primes: &'static [u64]| -> &'static [&'static [u64]] {
            let mut returned = params.returned.to_vec();
            returned[level] = primes;
            returned.leak()
        };
        let twice = [*absent, *absent].to_vec().leak();
        let last = params.levels.len() - 1;
        let cases: [(Params, &str); 4] = [
            (
                Params {
                    returned: &[],
                    ..params
                },
                "appears twice",
            ),
            (
                Params {
                    returned: returned(1, twice),
                    ..params
                },
                "comes back to a level that does not have it",
            ),
            (
                Params {
                    returned: returned(last, &params.levels[1][..1]),
                    ..params
                },
                "is missing at the top level",
            ),
            (
                Params {
                    special: params.base,
                    ..params
                },
                "appears twice",
            ),
        ];
        for (unsound, reason) in cases {
            let refused = std::panic::catch_unwind(|| unsound.checked()).unwrap_err();
            let text = refused.downcast_ref::<String>().map(String::as_str);
            assert!(text.is_some_and(|text| text.ends_with(reason)), "{text:?}");
            let error = Chain::try_from(unsound).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
    }
}
