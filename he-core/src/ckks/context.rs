//! Everything computed once for a chain: tables, conversions, canonical scales.
//!
//! Notation: a *limb* is a polynomial modulo one prime; primes are named by their position in the chain's master list (Q primes, then
//! special primes). `Q_l` is the product of the primes of level l, P that of the special ones.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, PoisonError, RwLock};

use super::fft::SpecialFft;
use super::subring::Subring;
use crate::error::{Error, Result};
use crate::math::automorphism::{Automorphism, galois_of_conjugation, galois_of_rotation};
use crate::math::base_conversion::BaseConversion;
use crate::math::kernels::Kernels;
use crate::math::modulus::Modulus;
use crate::math::ring::Ring;
use crate::params::{Chain, InsecureChain, Secret, log2_product};

/// Tables of one chain, shared by everything that computes with it.
pub struct Context {
    chain: Chain,
    secure: bool,
    ring: Ring,
    fft: SpecialFft,
    /// X^(N/2) modulo each prime.
    imaginary_units: Vec<u64>,
    subrings: Vec<Subring>,
    /// The digits of keys made for the top: those for a lower level have the first of them.
    digits: Vec<core::ops::Range<usize>>,
    automorphisms: Cache<u64, Automorphism>,
    raisings: Cache<usize, Raising>,
    divisions: Cache<(usize, usize, bool), Division>,
}

impl Context {
    /// Tables for a chain.
    pub fn new(chain: Chain) -> Result<Arc<Self>> {
        Self::with_kernels(chain, crate::math::kernels::active())
    }

    /// Tables for a chain without security, for tests on small rings.
    pub fn new_insecure(chain: InsecureChain) -> Result<Arc<Self>> {
        Self::build(chain.chain().clone(), false, crate::math::kernels::active())
    }

    /// Tables for a chain, computing on the given path: results are the same on each.
    pub fn with_kernels(chain: Chain, kernels: Kernels) -> Result<Arc<Self>> {
        Self::build(chain, true, kernels)
    }

    /// [`new_insecure`](Self::new_insecure) on the given path.
    pub fn insecure_with_kernels(chain: InsecureChain, kernels: Kernels) -> Result<Arc<Self>> {
        Self::build(chain.chain().clone(), false, kernels)
    }

    fn build(chain: Chain, secure: bool, kernels: Kernels) -> Result<Arc<Self>> {
        let modulus = |reason| Error::Modulus {
            modulus: chain.primes().first().copied().unwrap_or(0),
            reason,
        };
        let ring = Ring::with_kernels(chain.degree(), chain.primes(), kernels)
            .map_err(|_| modulus("the ring has no transform for this chain"))?;
        let fft = SpecialFft::new(chain.slots());
        let imaginary_units = (0..chain.primes().len() as u16)
            .map(|prime| imaginary_unit(&ring, prime))
            .collect();
        let subrings = (0..chain.primes().len() as u16)
            .map(|prime| Subring::new(&ring, prime))
            .collect();
        let digits = chain.digits(chain.top_level());
        let context = Self {
            chain,
            secure,
            ring,
            fft,
            imaginary_units,
            subrings,
            digits,
            automorphisms: Cache::default(),
            raisings: Cache::default(),
            divisions: Cache::default(),
        };
        Ok(Arc::new(context))
    }

    /// A chain without security, treated as if it had some: what is published with it must be refused.
    #[cfg(test)]
    pub(crate) fn secure_for_test(chain: InsecureChain) -> Arc<Self> {
        Self::build(chain.chain().clone(), true, crate::math::kernels::active()).unwrap()
    }

    /// The chain.
    pub fn chain(&self) -> &Chain {
        &self.chain
    }

    /// The tables of the ring.
    pub fn ring(&self) -> &Ring {
        &self.ring
    }

    /// Ring degree N.
    pub fn degree(&self) -> usize {
        self.chain.degree()
    }

    /// Slots of a ciphertext.
    pub fn slots(&self) -> usize {
        self.chain.slots()
    }

    /// The top level.
    pub fn top_level(&self) -> usize {
        self.chain.top_level()
    }

    /// The canonical scale of a level.
    pub fn scale(&self, level: usize) -> f64 {
        self.chain.scale(level)
    }

    pub(crate) fn kernels(&self) -> &Kernels {
        self.ring.kernels()
    }

    pub(crate) fn fft(&self) -> &SpecialFft {
        &self.fft
    }

    pub(crate) fn modulus(&self, prime: u16) -> &Modulus {
        self.ring.modulus(prime)
    }

    pub(crate) fn moduli(&self, primes: &[u16]) -> Vec<Modulus> {
        primes.iter().map(|&prime| *self.modulus(prime)).collect()
    }

    /// The square root of -1 modulo a prime whose value X^(N/2) takes in the first half of a transformed limb; in the second half it
    /// takes the opposite.
    pub(crate) fn imaginary_unit(&self, prime: u16) -> u64 {
        self.imaginary_units[usize::from(prime)]
    }

    /// The transform of short polynomials modulo a prime.
    pub(crate) fn subring(&self, prime: u16) -> &Subring {
        &self.subrings[usize::from(prime)]
    }

    /// The primes of a level, followed by the special ones where asked.
    pub(crate) fn primes(&self, level: usize, special: bool) -> Vec<u16> {
        let mut primes = self.chain.primes_of(level).to_vec();
        if special {
            primes.extend(self.special());
        }
        primes
    }

    /// The primes of keys made for a level: those of all levels up to it, and the special ones.
    pub(crate) fn key_primes(&self, level: usize) -> Vec<u16> {
        let reach = 0..self.chain.reach(level) as u16;
        reach.chain(self.special()).collect()
    }

    /// Where a prime stands among those of a level and the special ones.
    pub(crate) fn position(&self, level: usize, prime: u16) -> usize {
        let primes = self.chain.primes_of(level);
        match prime.checked_sub(self.special().start) {
            Some(special) => primes.len() + usize::from(special),
            None => primes.partition_point(|&p| p < prime),
        }
    }

    /// Whether a prime is a special one.
    pub(crate) fn is_special(&self, prime: u16) -> bool {
        self.special().contains(&prime)
    }

    /// Indices of the special primes.
    pub(crate) fn special(&self) -> core::ops::Range<u16> {
        self.chain.q_count() as u16..self.chain.primes().len() as u16
    }

    /// Number of limbs at a level, special ones included.
    pub(crate) fn raised_limbs(&self, level: usize) -> usize {
        self.chain.limbs(level) + self.chain.special_count()
    }

    /// P modulo a prime.
    pub(crate) fn special_product(&self, prime: u16) -> u64 {
        let q = self.modulus(prime);
        self.special()
            .fold(1, |product, p| q.mul(product, self.modulus(p).value()))
    }

    /// Refuses to read something of level `found` at level `wanted` that does not have all its primes.
    pub(crate) fn check_readable(&self, op: &'static str, found: usize, wanted: usize) -> Result<()> {
        if found < wanted || !self.chain.contains(found, wanted) {
            return Err(Error::Level {
                op,
                found,
                expected: wanted,
            });
        }
        Ok(())
    }

    /// Refuses a level that the chain does not have.
    pub(crate) fn check_level(&self, op: &'static str, level: usize) -> Result<()> {
        if level > self.top_level() {
            return Err(Error::Level {
                op,
                found: level,
                expected: self.top_level(),
            });
        }
        Ok(())
    }

    /// Refuses to publish a sample whose modulus is too large for its secret in the ring: called for every key made and every ciphertext
    /// sent.
    pub(crate) fn check_published(&self, primes: &[u16], secret: Secret) -> Result<()> {
        if !self.secure {
            return Ok(());
        }
        let moduli: Vec<u64> = primes.iter().map(|&p| self.modulus(p).value()).collect();
        let (log_n, security) = (self.chain.log_n(), self.chain.security());
        let (found_bits, cap_bits) = (log2_product(&moduli), secret.cap_bits(log_n, security));
        if found_bits > f64::from(cap_bits) {
            return Err(Error::Insecure {
                log_n,
                found_bits,
                cap_bits,
                security_bits: security.bits(),
            });
        }
        Ok(())
    }

    /// The exponent of the automorphism that rotates the slots.
    pub fn galois_of_rotation(&self, rotation: i64) -> u64 {
        galois_of_rotation(self.degree(), rotation)
    }

    /// The exponent of complex conjugation.
    pub fn galois_of_conjugation(&self) -> u64 {
        galois_of_conjugation(self.degree())
    }

    pub(crate) fn automorphism(&self, galois: u64) -> Arc<Automorphism> {
        self.automorphisms
            .get(galois, |_| Automorphism::new(self.degree(), galois))
    }

    /// How a polynomial of `level` is decomposed, for keys made for that level or any above it.
    pub(crate) fn raising(&self, level: usize) -> Arc<Raising> {
        self.raisings.get(level, |&level| Raising::new(self, level))
    }

    /// How a polynomial on the primes of `from` (and the special primes, where `special`) is divided to one on the primes of `to`.
    pub(crate) fn division(&self, from: usize, to: usize, special: bool) -> Arc<Division> {
        self.divisions.get((from, to, special), |_| {
            Division::new(self, self.primes(from, special), self.primes(to, false))
        })
    }
}

/// The digits of a polynomial at some level and the conversions that raise each to the primes outside it.
pub(crate) struct Raising {
    /// Primes of the level, then special ones.
    pub(crate) primes: Vec<u16>,
    pub(crate) digits: Vec<RaisedDigit>,
}

/// One digit: a run of the level's primes.
pub(crate) struct RaisedDigit {
    /// Positions of its own limbs.
    pub(crate) own: core::ops::Range<usize>,
    /// The other primes, special ones last.
    pub(crate) others: Vec<u16>,
    /// From its own primes to the others.
    pub(crate) conversion: BaseConversion,
}

impl Raising {
    fn new(context: &Context, level: usize) -> Self {
        let primes = context.primes(level, true);
        let q_primes = context.chain.primes_of(level);
        let position = |prime: usize| q_primes.partition_point(|&p| usize::from(p) < prime);
        let digits = context
            .digits
            .iter()
            .map(|digit| position(digit.start)..position(digit.end))
            .filter(|own| !own.is_empty())
            .map(|own| {
                let others = [&primes[..own.start], &primes[own.end..]].concat();
                let conversion =
                    BaseConversion::new(&context.moduli(&primes[own.clone()]), &context.moduli(&others));
                RaisedDigit {
                    own,
                    others,
                    conversion,
                }
            })
            .collect();
        Self { primes, digits }
    }
}

/// Division with exact rounding, from the primes of one polynomial to those of another: `(A x - [A x]) / D`, where D is the product of
/// the primes that go, A that of the primes that come, and `[y]` is y modulo D, centred.
pub(crate) struct Division {
    /// Primes of the operand.
    pub(crate) from: Vec<u16>,
    /// Primes of the result.
    pub(crate) to: Vec<u16>,
    /// What coefficients modulo the primes that go are multiplied with before they are converted.
    pub(crate) premultipliers: Vec<u64>,
    /// From the primes that go to those of the result: to `[A x] / A` modulo those that stay, to `-[A x] / D` modulo those that come.
    pub(crate) conversion: BaseConversion,
    /// `- A / D` modulo each prime of the result that stays.
    pub(crate) factors: Vec<Option<u64>>,
}

impl Division {
    pub(crate) fn new(context: &Context, from: Vec<u16>, to: Vec<u16>) -> Self {
        let without = |primes: &[u16], others: &[u16]| -> Vec<u16> {
            let missing = primes.iter().filter(|prime| !others.contains(prime));
            missing.copied().collect()
        };
        let (gone, come) = (
            context.moduli(&without(&from, &to)),
            context.moduli(&without(&to, &from)),
        );
        let product = |q: &Modulus, primes: &[Modulus]| {
            let residues = primes.iter().map(|p| q.reduce(p.value()));
            residues.fold(1, |product, p| q.mul(product, p))
        };
        // Distinct primes have invertible products.
        let inverse = |q: &Modulus, primes: &[Modulus]| q.inv(product(q, primes)).unwrap_or(0);
        let (weights, factors) = to
            .iter()
            .map(|prime| {
                let q = context.modulus(*prime);
                let divided = q.neg(inverse(q, &gone));
                match from.contains(prime) {
                    true => (inverse(q, &come), Some(q.mul(divided, product(q, &come)))),
                    false => (divided, None),
                }
            })
            .unzip::<_, _, Vec<_>, Vec<_>>();
        let conversion = BaseConversion::weighted(&gone, &context.moduli(&to), &weights);
        let premultiplier = |(i, q): (usize, &Modulus)| q.mul(conversion.premultiplier(i), product(q, &come));
        Self {
            premultipliers: gone.iter().enumerate().map(premultiplier).collect(),
            from,
            to,
            conversion,
            factors,
        }
    }
}

/// X^(N/2) transformed: word 0 stands in the first half.
fn imaginary_unit(ring: &Ring, prime: u16) -> u64 {
    let mut limb = vec![0; ring.n()];
    limb[ring.n() / 2] = 1;
    ring.ntt(prime).forward(&mut limb);
    limb[0]
}

/// Values made on first use and kept.
struct Cache<K, V>(RwLock<HashMap<K, Arc<V>>>);

impl<K, V> Default for Cache<K, V> {
    fn default() -> Self {
        Self(RwLock::default())
    }
}

impl<K: Eq + Hash, V> Cache<K, V> {
    fn get(&self, key: K, make: impl FnOnce(&K) -> V) -> Arc<V> {
        if let Some(value) = self.0.read().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return value.clone();
        }
        let value = Arc::new(make(&key));
        // Two threads may make the same value: the first to arrive stays.
        self.0
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .entry(key)
            .or_insert(value)
            .clone()
    }
}
