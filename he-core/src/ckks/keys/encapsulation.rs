//! Keys between the secret and an ephemeral sparse one: what bootstrapping needs besides rotations.
//!
//! Notation: s dense secret, s' ephemeral sparse one, q0 base modulus, p0 first special prime, Q_L all Q primes. Each key is one pair
//! `b = -a t + e + p0 w`, a uniform: to s' modulo q0 p0, which is small enough for a secret of weight 32, and back modulo Q_L p0.
//!
//! Wire: version (u32), public seed (32 bytes), halves b of both keys packed; all little-endian.
//!
//! Source: Bossuat, Troncoso-Pastoriza, Hubaux, ACNS 2022.

use zeroize::Zeroize;

use super::SecretKey;
use crate::ckks::ciphertext::{pack_poly, poly_bytes, unpack_limbs};
use crate::ckks::context::Context;
use crate::ckks::domain;
use crate::error::{Error, Result};
use crate::math::buffer::Limbs;
use crate::math::poly::{Ntt, Poly};
use crate::math::sample::{Seed, Stream};
use crate::math::uniform::UniformStream;
use crate::params::{SPARSE_WEIGHT, Secret};

/// The two keys between a secret and its ephemeral sparse companion, which nobody keeps.
pub struct EncapsulationKeys {
    /// Of the uniform halves.
    seed: Seed,
    /// On q0 and p0.
    to_sparse: [Poly<Ntt>; 2],
    /// On Q_L and p0.
    to_dense: [Poly<Ntt>; 2],
}

/// Version of the wire form.
const VERSION: u32 = 1;
const HEADER_BYTES: usize = 36;

impl SecretKey {
    /// Keys for bootstrapping besides those of the transforms.
    ///
    /// # Errors
    /// [`Error::Insecure`] if the modulus of the sparse secret's key is too large for the ring; [`Error::Entropy`].
    pub fn encapsulation_keys(&self, context: &Context) -> Result<EncapsulationKeys> {
        let seed = Seed::from_os().map_err(|e| Error::Entropy(e.to_string()))?;
        self.encapsulation_keys_from(context, &seed)
    }

    /// [`encapsulation_keys`](Self::encapsulation_keys) with the randomness of a seed, which must stay secret and serve once.
    pub fn encapsulation_keys_from(&self, context: &Context, seed: &Seed) -> Result<EncapsulationKeys> {
        EncapsulationKeys::check(context)?;
        let low = context.encapsulation_primes(0);
        let all = context.encapsulation_primes(context.top_level());
        let mut sparse = sparse_ternary(seed, context.degree());
        let mut hidden = Poly::from_i8(context.ring(), &all, &sparse).to_ntt(context.ring());
        sparse.zeroize();
        let dense = |prime: u16| self.limb(prime);
        let ephemeral = |prime: u16| {
            all.iter()
                .position(|&p| p == prime)
                .map_or(&[][..], |i| hidden.limb(i))
        };
        let keys = EncapsulationKeys {
            seed: domain::published_seed(seed),
            to_sparse: pair(context, seed, domain::TO_SPARSE, &low, ephemeral, dense),
            to_dense: pair(context, seed, domain::TO_DENSE, &all, dense, ephemeral),
        };
        hidden.zeroize();
        Ok(keys)
    }
}

impl Context {
    /// The Q primes of a level and p0.
    pub(crate) fn encapsulation_primes(&self, level: usize) -> Vec<u16> {
        let mut primes = self.primes(level, false);
        primes.push(self.special().start);
        primes
    }
}

/// A ternary polynomial of weight [`SPARSE_WEIGHT`]. Places are set by looking at all of them: memory shows none. A place that is taken
/// is drawn again, which shows that one was, not which.
pub(crate) fn sparse_ternary(seed: &Seed, degree: usize) -> Vec<i8> {
    let stream = Stream::new(seed, domain::SPARSE_SECRET, 0);
    let mut out = vec![0i8; degree];
    let (mut set, mut block) = (0, 0u128);
    while set < SPARSE_WEIGHT {
        let mut word = [0u64; 2];
        stream.words(block, &mut word);
        block += 1;
        let place = word[0] & (degree as u64 - 1);
        let sign = ((word[1] & 1) as i8) * 2 - 1;
        let mut taken = 0;
        for (k, c) in out.iter().enumerate() {
            taken |= i32::from(*c != 0) & i32::from(k as u64 == place);
        }
        let free = 1 - taken as i8;
        for (k, c) in out.iter_mut().enumerate() {
            *c += sign * free * i8::from(k as u64 == place);
        }
        set += free as usize;
        word.zeroize();
    }
    out
}

/// `b = -a t + e + p0 w` and a, on the primes given, the last of them p0.
fn pair<'s>(
    context: &Context,
    seed: &Seed,
    domain: u64,
    primes: &[u16],
    target: impl Fn(u16) -> &'s [u64],
    payload: impl Fn(u16) -> &'s [u64],
) -> [Poly<Ntt>; 2] {
    let mut error = vec![0; context.degree()];
    Stream::new(seed, domain::key_error(domain), 0).cbd21(&mut error);
    let mut b = Poly::from_i8(context.ring(), primes, &error).to_ntt(context.ring());
    error.zeroize();
    let a = uniform(context, &domain::published_seed(seed), domain, primes);
    let p0 = context.modulus(primes[primes.len() - 1]).value();
    let mut product = Limbs::scratch(context.degree(), 1);
    for (i, &prime) in primes.iter().enumerate() {
        let (kernels, q) = (context.kernels(), context.modulus(prime));
        let product = product.limb_mut(0);
        kernels.mul(q, product, a.limb(i), target(prime));
        kernels.sub_assign(q, b.limb_mut(i), product);
        if i + 1 < primes.len() {
            kernels.mul_scalar_add(q, b.limb_mut(i), payload(prime), q.reduce(p0));
        }
    }
    product.zeroize();
    [b, a]
}

/// The uniform half of a key.
fn uniform(context: &Context, seed: &Seed, domain: u64, primes: &[u16]) -> Poly<Ntt> {
    let mut a = Poly::zeroed(context.ring(), primes);
    for (i, &prime) in primes.iter().enumerate() {
        let stream = UniformStream::new(seed, domain::key_uniform(domain), prime.into());
        stream.fill(context.kernels(), context.modulus(prime), 0, a.limb_mut(i));
    }
    a
}

impl EncapsulationKeys {
    /// Whether the ring carries such keys; making them asks the same.
    ///
    /// # Errors
    /// [`Error::Insecure`] if the modulus of a key is too large for the ring.
    pub fn check(context: &Context) -> Result<()> {
        let sparse = Secret::Sparse {
            weight: SPARSE_WEIGHT,
        };
        context.check_published(
            &context.encapsulation_primes(context.top_level()),
            Secret::Ternary,
        )?;
        context.check_published(&context.encapsulation_primes(0), sparse)
    }

    /// Bytes as they travel.
    pub fn wire_bytes(context: &Context) -> usize {
        let levels = [0, context.top_level()];
        let key = |level| poly_bytes(context, &context.encapsulation_primes(level));
        HEADER_BYTES + levels.map(key).iter().sum::<usize>()
    }

    /// The wire form.
    pub fn to_bytes(&self, context: &Context) -> Vec<u8> {
        let mut out = Vec::with_capacity(Self::wire_bytes(context));
        out.extend_from_slice(&VERSION.to_le_bytes());
        out.extend_from_slice(self.seed.bytes());
        for [b, _] in [&self.to_sparse, &self.to_dense] {
            pack_poly(context, b, &mut out);
        }
        out
    }

    /// Reads the wire form and makes the uniform halves again. The chain states the length: nothing is allocated for another one.
    ///
    /// # Errors
    /// [`Error::Truncated`]; [`Error::Corrupted`] for another version, more bytes than the chain states, or a word that is not below its
    /// prime.
    pub fn from_bytes(context: &Context, bytes: &[u8]) -> Result<Self> {
        const WHAT: &str = "encapsulation keys";
        let (found, expected) = (bytes.len(), Self::wire_bytes(context));
        let truncated = Error::Truncated {
            what: WHAT,
            found,
            expected,
        };
        let corrupted = |reason| Error::Corrupted { what: WHAT, reason };
        let (Some((version, rest)), true) = (bytes.split_first_chunk::<4>(), found >= expected) else {
            return Err(truncated);
        };
        if u32::from_le_bytes(*version) != VERSION {
            return Err(corrupted("another version"));
        }
        if found > expected {
            return Err(corrupted("more bytes than the chain states"));
        }
        let (seed, mut rest) = rest.split_first_chunk::<32>().ok_or(truncated)?;
        let seed = Seed::new(*seed);
        let mut key = |domain, level| {
            let primes = context.encapsulation_primes(level);
            let (packed, after) = rest.split_at(poly_bytes(context, &primes));
            rest = after;
            let mut limbs = Limbs::zeroed(context.degree(), primes.len());
            unpack_limbs(context, &primes, packed, &mut limbs)?;
            let a = uniform(context, &seed, domain, &primes);
            Ok([Poly::from_limbs(limbs, primes), a])
        };
        Ok(Self {
            to_sparse: key(domain::TO_SPARSE, 0)?,
            to_dense: key(domain::TO_DENSE, context.top_level())?,
            seed,
        })
    }

    /// Bytes in memory.
    pub fn bytes(&self) -> usize {
        let polys = self.to_sparse.iter().chain(&self.to_dense);
        polys
            .map(|poly| 8 * poly.limbs().iter().map(<[u64]>::len).sum::<usize>())
            .sum()
    }

    /// On q0 and p0.
    #[cfg(feature = "program")]
    pub(crate) fn to_sparse(&self) -> &[Poly<Ntt>; 2] {
        &self.to_sparse
    }

    /// On all Q primes and p0.
    #[cfg(feature = "program")]
    pub(crate) fn to_dense(&self) -> &[Poly<Ntt>; 2] {
        &self.to_dense
    }
}
