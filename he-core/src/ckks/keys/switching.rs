//! Key-switching keys: hybrid, with digits cut by bits, made only up to the level they are used at.
//!
//! A key from payload w to target t has for each digit j a pair `b_j = -a_j t + e_j + g_j w`, `a_j` uniform, on the primes of all levels
//! up to its own and the special primes. Inner products of digits with it decrypt under t to P w times what was decomposed.
//!
//! Relinearisation: w = s^2, t = s. Automorphism X -> X^g: w = s, t = s(X^(1/g)), so that the automorphism is applied to the *result*
//! of the inner product, and one decomposition serves all rotations of a ciphertext.
//!
//! Source: Han and Ki, CT-RSA 2020; the order of automorphism and product: Bossuat et al., EUROCRYPT 2021, section 4.

use super::SecretKey;
use crate::ckks::ciphertext::poly_bytes;
use crate::ckks::context::Context;
use crate::ckks::{domain, parallel};
use crate::error::{Error, Result};
use crate::math::automorphism::galois_inverse;
use crate::math::buffer::Limbs;
use crate::math::kernels::KeyLimb;
use crate::math::modulus::Modulus;
use crate::math::panel::Panel;
use crate::math::sample::{Seed, Stream};
use crate::math::shared::SharedBytes;
use crate::math::uniform::UniformStream;
use crate::params::Secret;
use std::ops::Range;
use zeroize::Zeroize;

/// The number by which the relinearisation key goes among the automorphisms: no automorphism that needs a key has it.
pub(crate) const RELINEARISATION: u64 = 1;

/// What of a key is in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyMemory {
    /// The halves b; the uniform halves a are made again whenever they are used.
    Seeded,
    /// Both halves.
    Expanded,
}

impl KeyMemory {
    /// What a program's keys are kept as: those of one that refreshes ciphertexts are gigabytes, and seeded; others stay faster expanded.
    pub const fn of_program(refreshes: bool) -> Self {
        if refreshes { Self::Seeded } else { Self::Expanded }
    }
}

/// A key ready for use.
pub(crate) struct SwitchKey {
    level: usize,
    /// Number of Q primes it stands on.
    reach: usize,
    /// For each of these and each special prime, rows `b_0, b_1, ...`, or `b_0, a_0, b_1, a_1, ...` where there are no streams.
    panels: Vec<Panel>,
    /// For each panel, the streams of `a_0, a_1, ...`.
    streams: Option<Vec<Vec<UniformStream>>>,
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

    /// The digits modulo a prime, and what makes their uniform halves where the panel does not have them.
    pub(crate) fn limb(&self, context: &Context, prime: u16) -> KeyLimb<'_> {
        let special = prime.checked_sub(context.special().start);
        let at = special.map_or(prime.into(), |special| self.reach + usize::from(special));
        KeyLimb {
            panel: &self.panels[at],
            uniform: self.streams.as_ref().map(|streams| streams[at].as_slice()),
        }
    }

    /// Takes over the halves `b_j`, which are checked if they were read, and what makes the `a_j` from the public seed.
    pub(crate) fn load(
        context: &Context,
        seed: &Seed,
        key: SeededSwitchKey<'_>,
        memory: KeyMemory,
    ) -> Result<Self> {
        let primes = context.key_primes(key.level);
        let count = context.chain().digits(key.level).len();
        let galois = key.galois;
        let panels = key.halves.into_panels(context, &primes, count)?;
        let streams = |&prime: &u16| {
            (0..count)
                .map(|j| uniform_stream(seed, galois, j, prime))
                .collect()
        };
        let streams: Vec<Vec<UniformStream>> = primes.iter().map(streams).collect();
        let (panels, streams) = match memory {
            KeyMemory::Seeded => (panels, Some(streams)),
            KeyMemory::Expanded => {
                let work = primes.iter().zip(panels).zip(&streams).collect();
                let expand = |((&prime, halves), streams): ((&u16, Panel), &Vec<UniformStream>)| {
                    expanded(context, prime, &halves, streams)
                };
                (parallel::map(work, expand), None)
            }
        };
        Ok(Self {
            level: key.level,
            reach: context.chain().reach(key.level),
            panels,
            streams,
        })
    }
}

/// Both halves modulo a prime.
fn expanded(context: &Context, prime: u16, halves: &Panel, streams: &[UniformStream]) -> Panel {
    let (kernels, q) = (context.kernels(), context.modulus(prime));
    let mut words = Limbs::scratch(context.degree(), 2 * streams.len());
    for (j, (pair, stream)) in words.split_mut().chunks_exact_mut(2).zip(streams).enumerate() {
        let [b, a] = pair else { continue };
        halves.read(kernels, j, b);
        stream.fill(kernels, q, 0, a);
    }
    let mut panel = Panel::zeroed(context.degree(), words.count(), q.bits());
    let rows: Vec<_> = words.iter().enumerate().collect();
    panel.set(kernels, &rows);
    panel
}

/// The travelling form of a key: its halves b. The seed of the halves a is shared by a set of keys.
#[derive(Clone, Debug)]
pub(crate) struct SeededSwitchKey<'a> {
    /// Exponent of the automorphism, or [`RELINEARISATION`].
    pub(crate) galois: u64,
    pub(crate) level: usize,
    pub(crate) halves: Halves<'a>,
}

/// The halves b of a key.
#[derive(Clone, Debug)]
pub(crate) enum Halves<'a> {
    /// One panel a prime.
    Made(Vec<Panel>),
    /// The bytes of such panels, one after the other, unchecked.
    Read(&'a [u8]),
    /// The same, to be read where they are.
    Shared(SharedBytes),
}

impl Halves<'_> {
    /// Panels of `count` rows on these primes.
    fn into_panels(self, context: &Context, primes: &[u16], count: usize) -> Result<Vec<Panel>> {
        let shared;
        let (bytes, shared): (&[u8], Option<&SharedBytes>) = match self {
            Self::Made(panels) => return Ok(panels),
            Self::Read(bytes) => (bytes, None),
            Self::Shared(bytes) => {
                shared = bytes;
                (&shared, Some(&shared))
            }
        };
        let expected = count * poly_bytes(context, primes);
        if bytes.len() != expected {
            return Err(Error::Truncated {
                what: "evaluation key",
                found: bytes.len(),
                expected,
            });
        }
        let n = context.degree();
        let mut end = 0;
        let cut = |&prime: &u16| {
            let (q, start) = (context.modulus(prime), end);
            end += count * Panel::row_bytes(n, q.bits());
            (q, start..end)
        };
        let pieces = primes.iter().map(cut).collect();
        let panels = parallel::map(pieces, |(q, range): (&Modulus, Range<usize>)| {
            let panel = match shared {
                Some(bytes) => Panel::shared(n, count, q.bits(), bytes, range),
                None => Panel::from_bytes(n, count, q.bits(), &bytes[range]),
            };
            let largest = panel.largest(context.kernels());
            (largest < q.value()).then_some(panel)
        });
        let panels: Option<Vec<Panel>> = panels.into_iter().collect();
        panels.ok_or(Error::Corrupted {
            what: "evaluation key",
            reason: "a word is not below its modulus",
        })
    }
}

impl SeededSwitchKey<'_> {
    /// Bytes of a key of `level` as it travels.
    pub(crate) fn packed_bytes(context: &Context, level: usize) -> usize {
        context.chain().digits(level).len() * poly_bytes(context, &context.key_primes(level))
    }

    /// Its bytes as it travels, in pieces.
    pub(crate) fn pieces(&self) -> Vec<&[u8]> {
        match &self.halves {
            Halves::Made(panels) => panels.iter().map(Panel::as_bytes).collect(),
            Halves::Read(bytes) => vec![bytes],
            Halves::Shared(bytes) => vec![bytes],
        }
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
        let digits = context.chain().digits(level);
        let mut errors: Vec<Vec<i8>> = (0..digits.len())
            .map(|j| {
                let mut error = vec![0; context.degree()];
                Stream::new(secret_seed, domain::key_error(galois), j as u64).cbd21(&mut error);
                error
            })
            .collect();
        let limbs = primes.iter().copied().enumerate().collect();
        let panels = parallel::map(limbs, |(i, prime): (usize, u16)| {
            let (kernels, q) = (context.kernels(), context.modulus(prime));
            let mut words = Limbs::scratch(context.degree(), digits.len() + 2);
            let mut limbs = words.split_mut();
            let [target, a, halves @ ..] = &mut limbs[..] else {
                return Panel::zeroed(context.degree(), 0, q.bits());
            };
            for (j, b) in halves.iter_mut().enumerate() {
                kernels.reduce_i8(q, b, &errors[j]);
                context.ring().ntt(prime).forward(b);
                if digits[j].contains(&i) {
                    // The payload: s or s^2, times P.
                    let payload = &mut *target;
                    payload.copy_from_slice(secret.limb(prime));
                    if galois == RELINEARISATION {
                        kernels.mul_assign(q, payload, secret.limb(prime));
                    }
                    kernels.mul_scalar_add(q, b, payload, context.special_product(prime));
                }
            }
            to_target.apply(kernels, target, secret.limb(prime));
            kernels.neg_assign(q, target);
            for (j, b) in halves.iter_mut().enumerate() {
                uniform_stream(seed, galois, j, prime).fill(kernels, q, 0, a);
                kernels.inner_product_add(q, b, &[(*a, *target)]);
            }
            let mut panel = Panel::zeroed(context.degree(), digits.len(), q.bits());
            let rows: Vec<(usize, &[u64])> = halves.iter().map(|b| &**b).enumerate().collect();
            panel.set(kernels, &rows);
            words.zeroize();
            panel
        });
        errors.zeroize();
        Ok(Self {
            galois,
            level,
            halves: Halves::Made(panels),
        })
    }
}

/// The uniform half `a_j` modulo a prime.
fn uniform_stream(seed: &Seed, galois: u64, digit: usize, prime: u16) -> UniformStream {
    let index = (digit as u64) << 16 | u64::from(prime);
    UniformStream::new(seed, domain::key_uniform(galois), index)
}
