//! Everything computed once for a chain: tables, conversions, canonical scales.
//!
//! Notation: a *limb* is a polynomial modulo one prime; primes are named by their position in the chain's master list (Q primes, then
//! special primes). `Q_l` is the product of the first `limbs(l)` primes, P that of the special ones.

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
    /// The digits of keys made for each level.
    digits: Vec<Vec<core::ops::Range<usize>>>,
    automorphisms: Cache<u64, Automorphism>,
    raisings: Cache<Vec<core::ops::Range<usize>>, Raising>,
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
        let digits = (0..=chain.top_level()).map(|level| chain.digits(level)).collect();
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
        let mut primes: Vec<u16> = (0..self.chain.limbs(level) as u16).collect();
        if special {
            primes.extend(self.special());
        }
        primes
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

    /// How a polynomial of `level` is decomposed for a key made for `key_level`: the same object for all key levels with the same digits.
    pub(crate) fn raising(&self, key_level: usize, level: usize) -> Arc<Raising> {
        let limbs = self.chain.limbs(level);
        let cut = |digit: core::ops::Range<usize>| digit.start..digit.end.min(limbs);
        let digits = self.digits[key_level].iter().filter(|digit| digit.start < limbs);
        let digits: Vec<_> = digits.cloned().map(cut).collect();
        self.raisings
            .get(digits, |digits| Raising::new(self, level, digits))
    }

    /// How a polynomial on the primes of `from` (and the special primes, where `special`) is divided down to the primes of `to`.
    pub(crate) fn division(&self, from: usize, to: usize, special: bool) -> Arc<Division> {
        self.divisions
            .get((from, to, special), |_| Division::new(self, from, to, special))
    }
}

/// The digits of a polynomial at some level and the conversions that raise each to the primes outside it.
pub(crate) struct Raising {
    pub(crate) digits: Vec<RaisedDigit>,
}

/// One digit: a run of Q primes.
pub(crate) struct RaisedDigit {
    /// Positions of its own limbs.
    pub(crate) own: core::ops::Range<usize>,
    /// The other primes, special ones last.
    pub(crate) others: Vec<u16>,
    /// From its own primes to the others.
    pub(crate) conversion: BaseConversion,
}

impl Raising {
    fn new(context: &Context, level: usize, digits: &[core::ops::Range<usize>]) -> Self {
        let primes = context.primes(level, true);
        let moduli = |primes: &[u16]| primes.iter().map(|&p| *context.modulus(p)).collect::<Vec<_>>();
        let digits = digits
            .iter()
            .map(|own| {
                let others = [&primes[..own.start], &primes[own.end..]].concat();
                let conversion = BaseConversion::new(&moduli(&primes[own.clone()]), &moduli(&others));
                RaisedDigit {
                    own: own.clone(),
                    others,
                    conversion,
                }
            })
            .collect();
        Self { digits }
    }
}

/// Division by a product of primes with exact rounding: `(x - [x]) / D` where `[x]` is x modulo D, centred.
pub(crate) struct Division {
    /// Limbs of the result: the first ones of the operand.
    pub(crate) kept: usize,
    /// The primes divided away, in the order of the operand's last limbs.
    pub(crate) removed: Vec<u16>,
    /// From the removed primes to the kept ones.
    pub(crate) conversion: BaseConversion,
    /// 1 / D modulo each kept prime.
    pub(crate) inverses: Vec<u64>,
}

impl Division {
    fn new(context: &Context, from: usize, to: usize, special: bool) -> Self {
        let kept = context.chain.limbs(to);
        let removed = context.primes(from, special).split_off(kept);
        let moduli = |primes: &[u16]| primes.iter().map(|&p| *context.modulus(p)).collect::<Vec<_>>();
        let destinations = moduli(&context.primes(to, false));
        let sources = moduli(&removed);
        let inverse = |q: &Modulus| {
            let product = sources.iter().fold(1, |product, p| q.mul(product, p.value()));
            // Distinct primes have invertible products.
            q.inv(product).unwrap_or(0)
        };
        let inverses = destinations.iter().map(inverse).collect();
        Self {
            kept,
            removed,
            conversion: BaseConversion::new(&sources, &destinations),
            inverses,
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
