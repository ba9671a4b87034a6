//! The owned form of a parameter set, which plans and clients' specifications carry.

use serde::{Deserialize, Serialize};

use super::levels::Levels;
use super::{LOG_N_MAX, LOG_N_MIN, Params, Security, log2, log2_product, modulus_fault};
use crate::error::{Error, Result};

/// A checked modulus chain. Its fields are private and its deserialisation checks again, so that a `Chain` is always secure.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "ChainParts", into = "ChainParts")]
pub struct Chain {
    parts: ChainParts,
    /// Q primes, lowest level first, then special primes.
    primes: Vec<u64>,
    levels: Levels,
    /// Canonical scale of each level.
    scales: Vec<f64>,
}

/// What is stored of a chain.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct ChainParts {
    pub(super) log_n: u32,
    pub(super) base: Vec<u64>,
    pub(super) levels: Vec<Vec<u64>>,
    pub(super) returned: Vec<Vec<u64>>,
    pub(super) special: Vec<u64>,
    pub(super) log2_scale: f64,
    pub(super) security: Security,
}

/// A chain without any security, for tests on small rings. Nothing but [`Context::new_insecure`](crate::ckks::Context::new_insecure)
/// takes it.
#[derive(Clone, Debug, PartialEq)]
pub struct InsecureChain(pub(super) Chain);

impl InsecureChain {
    /// The primes and scales.
    pub fn chain(&self) -> &Chain {
        &self.0
    }
}

/// Primes a chain may have: bounds what a deserialiser allocates.
const PRIMES_MAX: usize = 256;
/// Primes that the levels of a chain may list, one that comes back counted each time.
pub(super) const LISTED_MAX: usize = 4 * PRIMES_MAX;

impl Chain {
    pub(super) fn new(parts: ChainParts) -> Result<Self> {
        let chain = Self::unchecked_security(parts)?;
        let (found_bits, log_n, security) = (chain.log_qp(), chain.log_n(), chain.security());
        let cap_bits = security.cap_bits(log_n);
        if found_bits > f64::from(cap_bits) {
            return Err(Error::Insecure {
                log_n,
                found_bits,
                cap_bits,
                security_bits: security.bits(),
            });
        }
        Ok(chain)
    }

    /// Everything but security is checked.
    pub(super) fn unchecked_security(parts: ChainParts) -> Result<Self> {
        if !(LOG_N_MIN..=LOG_N_MAX).contains(&parts.log_n) {
            return Err(Error::Range {
                what: "log_n",
                found: f64::from(parts.log_n),
                allowed: "4 to 17",
            });
        }
        let listed = parts.levels.iter().chain(&parts.returned);
        let count = listed.map(Vec::len).sum::<usize>() + parts.base.len() + parts.special.len();
        if count > LISTED_MAX || parts.levels.len() > PRIMES_MAX {
            return Err(Error::Count {
                what: "primes listed for levels",
                found: count,
                expected: LISTED_MAX,
            });
        }
        let own = parts.base.iter().chain(parts.levels.iter().flatten());
        for &modulus in own.chain(&parts.special) {
            if let Some(reason) = modulus_fault(modulus, parts.log_n) {
                return Err(Error::Modulus { modulus, reason });
            }
        }
        let levels = Levels::new(&parts.base, &parts.levels, &parts.returned)?;
        // Secret and public keys stand on the primes of the top; and what it lacks would be modulus without use.
        let top = levels.of(parts.levels.len());
        let missing = (0..levels.primes().len()).find(|&i| top.get(i) != Some(&(i as u16)));
        if let Some(missing) = missing {
            return Err(Error::Modulus {
                modulus: levels.primes()[missing],
                reason: "is missing at the top level",
            });
        }
        let primes = [levels.primes(), &parts.special].concat();
        if primes.len() > PRIMES_MAX {
            return Err(Error::Count {
                what: "primes",
                found: primes.len(),
                expected: PRIMES_MAX,
            });
        }
        if parts.base.is_empty() || parts.special.is_empty() {
            return Err(Error::Count {
                what: "base and special primes",
                found: 0,
                expected: 1,
            });
        }
        for (i, &modulus) in primes.iter().enumerate() {
            if primes[..i].contains(&modulus) {
                return Err(Error::Modulus {
                    modulus,
                    reason: "appears twice",
                });
            }
        }
        if !(1.0..=100.0).contains(&parts.log2_scale) {
            return Err(Error::Range {
                what: "log2_scale",
                found: parts.log2_scale,
                allowed: "1 to 100",
            });
        }
        let scales = canonical_scales(&parts, &levels);
        let chain = Self {
            parts,
            primes,
            levels,
            scales,
        };
        chain.check_digits()?;
        Ok(chain)
    }

    /// Key switching numbers the digits of a level without gaps.
    fn check_digits(&self) -> Result<()> {
        let digits = self.digits(self.top_level());
        for level in 0..=self.top_level() {
            let primes = self.primes_of(level);
            let first = |digit: &core::ops::Range<usize>| {
                let at = primes.partition_point(|&p| usize::from(p) < digit.start);
                primes.get(at).filter(|&&p| digit.contains(&usize::from(p)))
            };
            let last = usize::from(primes.last().copied().unwrap_or(0));
            let mut reached = digits.iter().filter(|digit| digit.start <= last);
            if let Some(digit) = reached.find(|digit| first(digit).is_none()) {
                return Err(Error::EmptyDigit {
                    level,
                    modulus: self.primes[digit.start],
                });
            }
        }
        Ok(())
    }

    /// Logarithm of the ring degree.
    pub fn log_n(&self) -> u32 {
        self.parts.log_n
    }

    /// Ring degree N.
    pub fn degree(&self) -> usize {
        1 << self.parts.log_n
    }

    /// Slots of a ciphertext, N/2.
    pub fn slots(&self) -> usize {
        self.degree() / 2
    }

    /// The top level: number of rescales of a fresh ciphertext.
    pub fn top_level(&self) -> usize {
        self.levels.top()
    }

    /// All primes: those of Q in the order in which levels, from the lowest up, first have them, then special ones. The master list
    /// that limbs index.
    pub fn primes(&self) -> &[u64] {
        &self.primes
    }

    /// Number of Q primes at `level`.
    pub fn limbs(&self, level: usize) -> usize {
        self.levels.of(level).len()
    }

    /// The Q primes of `level`, as positions in the master list, ascending.
    pub fn primes_of(&self, level: usize) -> &[u16] {
        self.levels.of(level)
    }

    /// Number of Q primes that levels up to `level` have among them: the first ones. Keys made for `level` stand on them.
    pub fn reach(&self, level: usize) -> usize {
        self.levels.reach(level)
    }

    /// Whether a ciphertext of `level` can be read at level `other`: whether all primes of that are among its own.
    pub fn contains(&self, level: usize, other: usize) -> bool {
        self.levels.contains(level, other)
    }

    /// How a ciphertext of level `from` comes to level `to` below, which may have primes that it lacks: pairs of a level at which it is
    /// read and one to which it is divided from there.
    pub fn way_down(&self, from: usize, to: usize) -> Vec<[usize; 2]> {
        self.levels.way_down(from, to)
    }

    /// The primes of all levels.
    #[cfg(feature = "program")]
    pub(crate) fn levels(&self) -> &Levels {
        &self.levels
    }

    /// Number of Q primes.
    pub fn q_count(&self) -> usize {
        self.primes.len() - self.parts.special.len()
    }

    /// Number of special primes.
    pub fn special_count(&self) -> usize {
        self.parts.special.len()
    }

    /// Positions of the primes of level `from` that level `to` lacks.
    pub fn without(&self, from: usize, to: usize) -> impl Iterator<Item = u16> {
        self.levels.without(from, to)
    }

    /// D_l / A_l, the factor that rescaling from `level` divides by.
    pub fn divisor(&self, level: usize) -> f64 {
        self.ratio(level, level - 1)
    }

    /// The modulus of level `from` over that of level `to`.
    pub fn ratio(&self, from: usize, to: usize) -> f64 {
        self.levels.ratio(from, to)
    }

    /// Canonical scale of `level`.
    pub fn scale(&self, level: usize) -> f64 {
        self.scales[level]
    }

    /// Canonical scales of all levels, level 0 first.
    pub fn scales(&self) -> &[f64] {
        &self.scales
    }

    /// Scale of a plaintext that takes a canonical ciphertext of `level` to a canonical one of `level - 1`.
    pub fn plain_scale(&self, level: usize) -> f64 {
        self.scales[level - 1] * self.divisor(level) / self.scales[level]
    }

    /// Whether the product of two canonical ciphertexts of `level` is canonical after rescaling. Levels much smaller than the scale
    /// serve plaintext products only.
    pub fn multiplies(&self, level: usize) -> bool {
        let product = self.scales[level] * self.scales[level] / self.divisor(level);
        (product / self.scales[level - 1] - 1.0).abs() < 1e-9
    }

    /// log2 of the Q primes at `level`.
    pub fn log_q(&self, level: usize) -> f64 {
        let primes = self.primes_of(level).iter();
        primes.map(|&p| log2(self.primes[usize::from(p)])).sum()
    }

    /// log2 of the special primes.
    pub fn log_p(&self) -> f64 {
        log2_product(&self.parts.special)
    }

    /// log2 of all primes: what security is about.
    pub fn log_qp(&self) -> f64 {
        log2_product(&self.primes)
    }

    /// The security level of the chain.
    pub fn security(&self) -> Security {
        self.parts.security
    }

    /// Digits of a key-switching key made for `level`: a partition of the Q primes up to there into runs, as few as possible with
    /// log2(digit) <= log2(P) - 4, each as long as that allows from the lowest prime on. With that margin the noise of key switching
    /// stays below the rounding that follows it; a prime larger than that is a digit of its own.
    ///
    /// Filled from below, keys of all levels have the same digits up to their last one, and one made for a high level has at a low
    /// level as few as one made for that level.
    pub fn digits(&self, level: usize) -> Vec<core::ops::Range<usize>> {
        let limit = self.log_p() - DIGIT_MARGIN_BITS;
        let mut digits = vec![];
        let (mut start, mut sum) = (0, 0.0);
        for (i, &q) in self.primes[..self.reach(level)].iter().enumerate() {
            if i > start && sum + log2(q) > limit {
                digits.push(start..i);
                (start, sum) = (i, 0.0);
            }
            sum += log2(q);
        }
        digits.push(start..self.reach(level));
        digits
    }

    /// Number of digits that a polynomial of `level` is decomposed into.
    pub fn digit_count(&self, level: usize) -> usize {
        let last = self.primes_of(level).last().map_or(0, |&p| usize::from(p));
        self.digits(level)
            .iter()
            .filter(|digit| digit.start <= last)
            .count()
    }
}

/// Bits by which a digit stays below P.
const DIGIT_MARGIN_BITS: f64 = 4.0;

/// How far, in log2, a level's size may be from the scale for products of ciphertexts to be rescaled by it.
const MULTIPLICATIVE_LEVEL_BITS: f64 = 0.5;

/// S_top = 2^log2_scale, S_{l-1} = S_l^2 A_l / D_l. Where D_l / A_l is far from the scale the level serves plaintext products only, whose
/// scale is free: S_{l-1} = S_l.
fn canonical_scales(parts: &ChainParts, levels: &Levels) -> Vec<f64> {
    let mut scale = parts.log2_scale.exp2();
    let mut scales = vec![scale];
    for level in (1..=parts.levels.len()).rev() {
        let dropped = levels.ratio(level, level - 1);
        if (dropped.log2() - parts.log2_scale).abs() <= MULTIPLICATIVE_LEVEL_BITS {
            scale = scale * scale / dropped;
        }
        scales.push(scale);
    }
    scales.reverse();
    scales
}

impl TryFrom<ChainParts> for Chain {
    type Error = Error;

    fn try_from(parts: ChainParts) -> Result<Self> {
        Self::new(parts)
    }
}

impl From<Chain> for ChainParts {
    fn from(chain: Chain) -> Self {
        chain.parts
    }
}

impl TryFrom<Params> for Chain {
    type Error = Error;

    fn try_from(params: Params) -> Result<Self> {
        let levels: Vec<Vec<u64>> = params.levels.iter().map(|level| level.to_vec()).collect();
        let mut returned: Vec<Vec<u64>> = params.returned.iter().map(|level| level.to_vec()).collect();
        returned.resize(levels.len().max(returned.len()), vec![]);
        Self::new(ChainParts {
            log_n: params.log_n,
            base: params.base.to_vec(),
            levels,
            returned,
            special: params.special.to_vec(),
            log2_scale: params.log2_scale,
            security: params.security,
        })
    }
}
