//! Key-switching keys: hybrid, with digits cut by bits, made only up to the level they are used at.
//!
//! A key from payload w to target t has for each digit j a pair `b_j = -a_j t + e_j + g_j w`, `a_j` uniform, on the primes of its level
//! and the special primes. Inner products of digits with it decrypt under t to P w times what was decomposed.
//!
//! Relinearisation: w = s^2, t = s. Automorphism X -> X^g: w = s, t = s(X^(1/g)), so that the automorphism is applied to the *result*
//! of the inner product, and one decomposition serves all rotations of a ciphertext.
//!
//! Source: Han and Ki, CT-RSA 2020; the order of automorphism and product: Bossuat et al., EUROCRYPT 2021, section 4.

use std::borrow::Cow;

use super::SecretKey;
use crate::ckks::ciphertext::{pack_poly, poly_bytes};
use crate::ckks::context::Context;
use crate::ckks::pack::{packed_bytes, unpack};
use crate::ckks::{domain, parallel};
use crate::error::{Error, Result};
use crate::math::automorphism::galois_inverse;
use crate::math::buffer::Limbs;
use crate::math::panel::Panel;
use crate::math::poly::{Ntt, Poly};
use crate::math::sample::{Seed, Stream};
use crate::math::uniform::UniformStream;
use crate::params::Secret;
use zeroize::Zeroize;

/// The number by which the relinearisation key goes among the automorphisms: no automorphism that needs a key has it.
pub(crate) const RELINEARISATION: u64 = 1;

/// An expanded key, ready for use.
pub(crate) struct SwitchKey {
    level: usize,
    /// Number of Q primes it stands on.
    reach: usize,
    /// For each of these and each special prime, rows `b_0, a_0, b_1, a_1, ...`.
    panels: Vec<Panel>,
}

impl SwitchKey {
    /// Highest level it can be used at.
    pub(crate) fn level(&self) -> usize {
        self.level
    }

    /// Bytes in memory.
    pub(crate) fn bytes(&self) -> usize {
        self.panels.iter().map(Panel::bytes).sum()
    }

    /// The digits modulo a prime.
    pub(crate) fn limb(&self, context: &Context, prime: u16) -> &Panel {
        let special = prime.checked_sub(context.special().start);
        &self.panels[special.map_or(prime.into(), |special| self.reach + usize::from(special))]
    }

    /// Reads the packed halves `b_j` and makes the `a_j` again from the public seed.
    pub(crate) fn expand(context: &Context, seed: &Seed, key: &SeededSwitchKey<'_>) -> Result<Self> {
        let primes = context.key_primes(key.level);
        let length = poly_bytes(context, &primes);
        let count = context.chain().digits(key.level).len();
        if key.packed.len() != count * length {
            return Err(Error::Truncated {
                what: "evaluation key",
                found: key.packed.len(),
                expected: count * length,
            });
        }
        let n = context.degree();
        let expand = |(i, prime): (usize, u16)| {
            let q = context.modulus(prime);
            let start = poly_bytes(context, &primes[..i]);
            let mut words = Limbs::scratch(n, 2 * count);
            for (j, pair) in words.split_mut().chunks_exact_mut(2).enumerate() {
                let [b, a] = pair else { continue };
                let packed = &key.packed[j * length + start..][..packed_bytes(n, q.bits())];
                unpack(context.kernels(), packed, q.bits(), q.value(), b)?;
                uniform_limb(context, seed, key.galois, j, prime, a);
            }
            let mut panel = Panel::zeroed(n, 2 * count, q.bits());
            let rows: Vec<_> = words.iter().enumerate().collect();
            panel.set(context.kernels(), &rows);
            Ok(panel)
        };
        Ok(Self {
            level: key.level,
            reach: context.chain().reach(key.level),
            panels: parallel::map(primes.iter().copied().enumerate().collect(), expand)
                .into_iter()
                .collect::<Result<_>>()?,
        })
    }
}

/// The travelling form of a key: its halves b, packed. The seed of the halves a is shared by a set of keys.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SeededSwitchKey<'a> {
    /// Exponent of the automorphism, or [`RELINEARISATION`].
    pub(crate) galois: u64,
    pub(crate) level: usize,
    pub(crate) packed: Cow<'a, [u8]>,
}

impl SeededSwitchKey<'_> {
    /// Bytes of a packed key of `level`.
    pub(crate) fn packed_bytes(context: &Context, level: usize) -> usize {
        context.chain().digits(level).len() * poly_bytes(context, &context.key_primes(level))
    }

    /// Makes a key. `seed` is public, `secret_seed` is not.
    pub(crate) fn generate(
        context: &Context,
        secret: &SecretKey,
        galois: u64,
        level: usize,
        seed: &Seed,
        secret_seed: &Seed,
    ) -> Result<Self> {
        context.check_level("make a key", level)?;
        let primes = context.key_primes(level);
        context.check_published(&primes, Secret::Ternary)?;
        let to_target = context.automorphism(galois_inverse(context.degree(), galois));
        let mut packed = Vec::with_capacity(Self::packed_bytes(context, level));
        for (j, digit) in context.chain().digits(level).into_iter().enumerate() {
            let mut error = vec![0; context.degree()];
            Stream::new(secret_seed, domain::key_error(galois), j as u64).cbd21(&mut error);
            let mut b = Poly::<Ntt>::scratch(context.ring(), &primes);
            let limbs = primes.iter().zip(b.limbs_mut().split_mut()).enumerate().collect();
            parallel::for_each(limbs, |(i, (&prime, b)): (usize, (&u16, &mut [u64]))| {
                let (kernels, q) = (context.kernels(), context.modulus(prime));
                let mut scratch = Limbs::scratch(context.degree(), 2);
                let mut scratch_limbs = scratch.split_mut();
                let [a, target] = &mut scratch_limbs[..] else {
                    return;
                };
                kernels.reduce_i8(q, b, &error);
                context.ring().ntt(prime).forward(b);
                uniform_limb(context, seed, galois, j, prime, a);
                to_target.apply(kernels, target, secret.limb(prime));
                kernels.mul_assign(q, a, target);
                kernels.sub_assign(q, b, a);
                if digit.contains(&i) {
                    // The payload: s or s^2, times P.
                    let payload = target;
                    payload.copy_from_slice(secret.limb(prime));
                    if galois == RELINEARISATION {
                        kernels.mul_assign(q, payload, secret.limb(prime));
                    }
                    kernels.mul_scalar_add(q, b, payload, context.special_product(prime));
                }
                scratch.zeroize();
            });
            error.zeroize();
            pack_poly(context, &b, &mut packed);
        }
        Ok(Self {
            galois,
            level,
            packed: packed.into(),
        })
    }
}

/// The uniform limb `a_j` modulo a prime.
fn uniform_limb(context: &Context, seed: &Seed, galois: u64, digit: usize, prime: u16, limb: &mut [u64]) {
    let index = (digit as u64) << 16 | u64::from(prime);
    let stream = UniformStream::new(seed, domain::key_uniform(galois), index);
    stream.fill(context.kernels(), context.modulus(prime), 0, limb);
}
