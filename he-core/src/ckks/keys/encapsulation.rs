//! Keys between the secret and an ephemeral sparse one: what bootstrapping needs besides rotations.
//!
//! Notation: s dense secret, s' ephemeral sparse one, q0 base modulus, p0 first special prime, Q_L all Q primes, n slots. Each key is one
//! pair `b = -a t + e + p0 w`, a uniform: to s' modulo q0 p0, which is small enough for a secret of weight 32, and back modulo Q_L p0.
//!
//! There is a key back for each of some rotations, the *turns*: by 0, n/T, 2 n/T, ... With t = s(X^(1/g)) as its target the automorphism is
//! applied to the product, as with other keys. What is switched back is a single digit below q0, so these turns cost a fraction of other
//! rotations, and their keys are a fraction of others' size.
//!
//! In memory, keys back are seeded: halves a are made again when they are used.
//!
//! Wire: version (u32), public seed (32 bytes), half b of the key to s', then prime by prime the halves b of all keys back; packed, all
//! little-endian.
//!
//! Source: Bossuat, Troncoso-Pastoriza, Hubaux, ACNS 2022.

use zeroize::Zeroize;

use super::SecretKey;
use crate::ckks::ciphertext::{pack_poly, poly_bytes, unpack_limbs};
use crate::ckks::context::Context;
use crate::ckks::{domain, parallel};
use crate::error::{Error, Result};
use crate::math::automorphism::galois_inverse;
use crate::math::buffer::Limbs;
#[cfg(feature = "program")]
use crate::math::kernels::KeyLimb;
use crate::math::panel::Panel;
use crate::math::poly::{Ntt, Poly};
use crate::math::sample::{Seed, Stream};
use crate::math::uniform::UniformStream;
use crate::params::{SPARSE_WEIGHT, Secret};

/// The keys between a secret and its ephemeral sparse companion, which nobody keeps.
pub struct EncapsulationKeys {
    /// Of the uniform halves.
    seed: Seed,
    /// On q0 and p0.
    to_sparse: [Poly<Ntt>; 2],
    /// Modulo each prime of Q_L and p0, the keys of all turns.
    to_dense: Vec<Turns>,
}

/// The keys of all turns modulo a prime: a row each.
struct Turns {
    halves: Vec<Panel>,
    /// Of the uniform halves.
    #[cfg_attr(
        not(feature = "program"),
        expect(dead_code, reason = "only what refreshes turns")
    )]
    streams: Vec<UniformStream>,
}

/// T: so many turns merge five stages of CoeffsToSlots, which leaves fifteen stages in four factors the fewest key switches.
const TURNS: usize = 32;

/// Version of the wire form.
const VERSION: u32 = 2;
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
        let all = context.encapsulation_primes(context.top_level());
        let mut sparse = sparse_ternary(seed, context.degree());
        let mut hidden = Poly::from_i8(context.ring(), &all, &sparse).to_ntt(context.ring());
        sparse.zeroize();
        let public = domain::published_seed(seed);
        let to_sparse = self.to_sparse(context, [seed, &public], &hidden);
        let turns = EncapsulationKeys::turns(context.slots());
        let mut errors: Vec<Vec<i8>> = (0..turns)
            .map(|turn| error(context, seed, domain::TO_DENSE, turn))
            .collect();
        let limbs = all.iter().copied().enumerate().collect();
        let to_dense = parallel::map(limbs, |(i, prime): (usize, u16)| {
            let payload = (i + 1 < all.len()).then(|| hidden.limb(i));
            self.turns(context, &public, prime, payload, &errors)
        });
        errors.zeroize();
        hidden.zeroize();
        Ok(EncapsulationKeys {
            seed: public,
            to_sparse,
            to_dense,
        })
    }

    /// The key to the sparse secret, which is given on q0 and other primes, the last of them p0.
    fn to_sparse(&self, context: &Context, [seed, public]: [&Seed; 2], sparse: &Poly<Ntt>) -> [Poly<Ntt>; 2] {
        let primes = context.encapsulation_primes(0);
        let mut error = error(context, seed, domain::TO_SPARSE, 0);
        let mut b = Poly::scratch(context.ring(), &primes);
        let a = uniform(context, public, domain::TO_SPARSE, &primes);
        for (i, &prime) in primes.iter().enumerate() {
            let (target, payload) = match i {
                0 => (sparse.limb(0), Some(self.limb(prime))),
                _ => (sparse.limb(sparse.primes().len() - 1), None),
            };
            hide(context, prime, b.limb_mut(i), a.limb(i), target, payload, &error);
        }
        error.zeroize();
        [b, a]
    }

    /// The keys of all turns modulo a prime; the payload modulo p0 is none.
    fn turns(
        &self,
        context: &Context,
        public: &Seed,
        prime: u16,
        payload: Option<&[u64]>,
        errors: &[Vec<i8>],
    ) -> Turns {
        let (kernels, q) = (context.kernels(), context.modulus(prime));
        let streams = streams(public, prime, errors.len());
        let mut words = Limbs::scratch(context.degree(), 3);
        let mut limbs = words.split_mut();
        let mut halves = vec![];
        if let [target, a, b] = &mut limbs[..] {
            for (turn, (stream, error)) in streams.iter().zip(errors).enumerate() {
                let galois = EncapsulationKeys::galois(context, turn);
                let back = context.automorphism(galois_inverse(context.degree(), galois));
                back.apply(kernels, target, self.limb(prime));
                stream.fill(kernels, q, 0, a);
                hide(context, prime, b, a, target, payload, error);
                let mut half = Panel::zeroed(context.degree(), 1, q.bits());
                half.set(kernels, &[(0, &**b)]);
                halves.push(half);
            }
        }
        words.zeroize();
        Turns { halves, streams }
    }
}

/// The error of a key.
fn error(context: &Context, seed: &Seed, domain: u64, turn: usize) -> Vec<i8> {
    let mut error = vec![0; context.degree()];
    Stream::new(seed, domain::key_error(domain), turn as u64).cbd21(&mut error);
    error
}

/// `b = -a t + e + p0 w` modulo a prime.
fn hide(
    context: &Context,
    prime: u16,
    b: &mut [u64],
    a: &[u64],
    target: &[u64],
    payload: Option<&[u64]>,
    error: &[i8],
) {
    let (kernels, q) = (context.kernels(), context.modulus(prime));
    // -e + a t - p0 w, then its opposite.
    kernels.reduce_i8(q, b, error);
    context.ring().ntt(prime).forward(b);
    kernels.neg_assign(q, b);
    kernels.inner_product_add(q, b, &[(a, target)]);
    if let Some(payload) = payload {
        let p0 = context.modulus(context.special().start).value();
        kernels.mul_scalar_add(q, b, payload, q.neg(q.reduce(p0)));
    }
    kernels.neg_assign(q, b);
}

/// The uniform halves of all turns modulo a prime.
fn streams(public: &Seed, prime: u16, turns: usize) -> Vec<UniformStream> {
    let index = |turn: usize| (turn as u64) << 16 | u64::from(prime);
    (0..turns)
        .map(|turn| UniformStream::new(public, domain::key_uniform(domain::TO_DENSE), index(turn)))
        .collect()
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

    /// T: how many rotations have a key back on a ring of so many slots.
    pub fn turns(slots: usize) -> usize {
        TURNS.min(slots)
    }

    /// The exponent of the automorphism of a turn.
    pub(crate) fn galois(context: &Context, turn: usize) -> u64 {
        let slots = context.slots();
        context.galois_of_rotation((turn * slots / Self::turns(slots)) as i64)
    }

    /// Bytes as they travel.
    pub fn wire_bytes(context: &Context) -> usize {
        let key = |level| poly_bytes(context, &context.encapsulation_primes(level));
        HEADER_BYTES + key(0) + Self::turns(context.slots()) * key(context.top_level())
    }

    /// The wire form.
    pub fn to_bytes(&self, context: &Context) -> Vec<u8> {
        let mut out = Vec::with_capacity(Self::wire_bytes(context));
        out.extend_from_slice(&VERSION.to_le_bytes());
        out.extend_from_slice(self.seed.bytes());
        pack_poly(context, &self.to_sparse[0], &mut out);
        for half in self.to_dense.iter().flat_map(|turns| &turns.halves) {
            out.extend_from_slice(half.as_bytes());
        }
        out
    }

    /// Reads the wire form and makes the uniform half of the key to the sparse secret again. The chain states the length: nothing is
    /// allocated for another one.
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
        let (seed, rest) = rest.split_first_chunk::<32>().ok_or(truncated)?;
        let seed = Seed::new(*seed);
        let low = context.encapsulation_primes(0);
        let (packed, mut rest) = rest.split_at(poly_bytes(context, &low));
        let mut limbs = Limbs::zeroed(context.degree(), low.len());
        unpack_limbs(context, &low, packed, &mut limbs)?;
        let a = uniform(context, &seed, domain::TO_SPARSE, &low);
        let (n, count) = (context.degree(), Self::turns(context.slots()));
        let cut = |prime: u16| {
            let row = Panel::row_bytes(n, context.modulus(prime).bits());
            let (packed, after) = rest.split_at(count * row);
            rest = after;
            (prime, packed, row)
        };
        let all = context.encapsulation_primes(context.top_level());
        let pieces = all.into_iter().map(cut).collect();
        let to_dense = parallel::map(pieces, |(prime, packed, row): (u16, &[u8], usize)| {
            let q = context.modulus(prime);
            let half = |bytes| {
                let half = Panel::from_bytes(n, 1, q.bits(), bytes);
                (half.largest(context.kernels()) < q.value()).then_some(half)
            };
            let halves: Option<_> = packed.chunks_exact(row).map(half).collect();
            let streams = streams(&seed, prime, count);
            halves.map(|halves| Turns { halves, streams })
        });
        let to_dense: Option<Vec<Turns>> = to_dense.into_iter().collect();
        Ok(Self {
            to_sparse: [Poly::from_limbs(limbs, low), a],
            to_dense: to_dense.ok_or(corrupted("a word is not below its prime"))?,
            seed,
        })
    }

    /// Bytes in memory.
    pub fn bytes(&self) -> usize {
        let words = |poly: &Poly<Ntt>| 8 * poly.limbs().iter().map(<[u64]>::len).sum::<usize>();
        let halves = self.to_dense.iter().flat_map(|turns| &turns.halves);
        self.to_sparse.iter().map(words).sum::<usize>() + halves.map(Panel::bytes).sum::<usize>()
    }

    /// Whether they were made for a chain like that of the context.
    ///
    /// # Errors
    /// [`Error::OtherChain`] if ring degree or primes differ in number or size.
    #[cfg(feature = "program")]
    pub(crate) fn check_fits(&self, context: &Context) -> Result<()> {
        let primes = context.encapsulation_primes(context.top_level());
        let turns = Self::turns(context.slots());
        let fits = |(turn, &prime): (&Turns, &u16)| {
            let like =
                |half: &Panel| half.n() == context.degree() && half.bits() == context.modulus(prime).bits();
            turn.halves.len() == turns && turn.halves.iter().all(like)
        };
        let is_same = self.to_dense.len() == primes.len()
            && self.to_sparse[0].primes() == context.encapsulation_primes(0)
            && self.to_dense.iter().zip(&primes).all(fits);
        match is_same {
            true => Ok(()),
            false => Err(Error::OtherChain {
                what: "encapsulation keys",
            }),
        }
    }

    /// On q0 and p0.
    #[cfg(feature = "program")]
    pub(crate) fn to_sparse(&self) -> &[Poly<Ntt>; 2] {
        &self.to_sparse
    }

    /// The key of a turn at a position among all Q primes and p0: half b, and what makes the other.
    #[cfg(feature = "program")]
    pub(crate) fn turn(&self, turn: usize, position: usize) -> KeyLimb<'_> {
        let Turns { halves, streams } = &self.to_dense[position];
        KeyLimb {
            panel: &halves[turn],
            uniform: Some(&streams[turn..=turn]),
        }
    }
}
