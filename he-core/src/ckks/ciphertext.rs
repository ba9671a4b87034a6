//! Ciphertexts, full and seeded, and their bytes.
//!
//! Notation: (c0, c1) decrypts to c0 + c1 s = S m + e modulo Q_l. A fresh ciphertext's c1 is uniform, so a seed travels in its place.
//!
//! Wire: level (u32), scale (f64), then for a full ciphertext the limbs of c0 and of c1, for a seeded one the seed (32 bytes) and the
//! limbs of c0; all little-endian, each limb's words packed in as many bits as its prime has.

use super::context::Context;
use super::pack::{pack, packed_bytes, unpack};
use super::{domain, parallel};
use crate::error::{Error, Result};
use crate::math::buffer::Limbs;
use crate::math::poly::{Ntt, Poly};
use crate::math::sample::Seed;
use crate::math::uniform::UniformStream;
use crate::params::same_scale;

/// A ciphertext at a level and a scale.
#[derive(Clone, Debug, PartialEq)]
pub struct Ciphertext {
    pub(crate) parts: [Poly<Ntt>; 2],
    pub(crate) level: usize,
    pub(crate) scale: f64,
}

/// A fresh ciphertext whose second part is made from a seed: half the bytes.
#[derive(Clone, Debug, PartialEq)]
pub struct SeededCiphertext {
    pub(crate) c0: Poly<Ntt>,
    pub(crate) seed: Seed,
    pub(crate) level: usize,
    pub(crate) scale: f64,
}

impl Ciphertext {
    #[cfg(feature = "program")]
    pub(crate) fn from_parts(parts: [Poly<Ntt>; 2], level: usize, scale: f64) -> Self {
        Self { parts, level, scale }
    }

    /// Number of rescales left.
    pub fn level(&self) -> usize {
        self.level
    }

    /// What the slots are multiplied with.
    pub fn scale(&self) -> f64 {
        self.scale
    }

    /// The polynomials c0 and c1.
    pub fn parts(&self) -> &[Poly<Ntt>; 2] {
        &self.parts
    }

    /// The same polynomials read at another scale: multiplies the slots by `scale() / scale` for free. For constants that a caller
    /// absorbs on purpose; nothing else may change a scale.
    pub fn with_scale(mut self, scale: f64) -> Self {
        self.scale = scale;
        self
    }

    /// Bytes in memory.
    pub fn bytes(&self) -> usize {
        self.parts
            .iter()
            .map(|part| 8 * part.limbs().n() * part.limbs().count())
            .sum()
    }

    /// The wire form.
    pub fn to_bytes(&self, context: &Context) -> Vec<u8> {
        let mut out = header(self.level, self.scale);
        for part in &self.parts {
            pack_poly(context, part, &mut out);
        }
        out
    }

    /// Reads the wire form. Everything is checked: the level, the scale, the length before any memory is taken, every word.
    pub fn from_bytes(context: &Context, bytes: &[u8]) -> Result<Self> {
        let (level, scale, rest) = read_header(context, "ciphertext", bytes)?;
        let length = poly_bytes(context, &context.primes(level, false));
        let [first, second] = exactly("ciphertext", rest, [length, length])?;
        let parts = [
            unpack_poly(context, level, first)?,
            unpack_poly(context, level, second)?,
        ];
        Ok(Self { parts, level, scale })
    }
}

impl SeededCiphertext {
    /// Number of rescales left.
    pub fn level(&self) -> usize {
        self.level
    }

    /// Makes the second part.
    pub fn expand(&self, context: &Context) -> Ciphertext {
        let mut c1 = Poly::scratch(context.ring(), self.c0.primes());
        let limbs = self.c0.primes().iter().zip(c1.limbs_mut().split_mut()).collect();
        parallel::for_each(limbs, |(&prime, limb): (&u16, &mut [u64])| {
            uniform_limb(context, &self.seed, prime, limb)
        });
        Ciphertext {
            parts: [self.c0.clone(), c1],
            level: self.level,
            scale: self.scale,
        }
    }

    /// The wire form.
    pub fn to_bytes(&self, context: &Context) -> Vec<u8> {
        let mut out = header(self.level, self.scale);
        out.extend_from_slice(self.seed.bytes());
        pack_poly(context, &self.c0, &mut out);
        out
    }

    /// Reads the wire form; see [`Ciphertext::from_bytes`].
    pub fn from_bytes(context: &Context, bytes: &[u8]) -> Result<Self> {
        let (level, scale, rest) = read_header(context, "seeded ciphertext", bytes)?;
        let length = poly_bytes(context, &context.primes(level, false));
        let [seed, c0] = exactly("seeded ciphertext", rest, [32, length])?;
        let mut seed_bytes = [0; 32];
        seed_bytes.copy_from_slice(seed);
        Ok(Self {
            c0: unpack_poly(context, level, c0)?,
            seed: Seed::new(seed_bytes),
            level,
            scale,
        })
    }
}

/// The uniform limb of a seeded ciphertext.
pub(crate) fn uniform_limb(context: &Context, seed: &Seed, prime: u16, limb: &mut [u64]) {
    let stream = UniformStream::new(seed, domain::CIPHERTEXT_UNIFORM, prime.into());
    stream.fill(context.kernels(), context.modulus(prime), 0, limb);
}

/// The one place where two scales are held against one another.
pub(crate) fn check_scale(op: &'static str, found: f64, expected: f64) -> Result<()> {
    if same_scale(found, expected) {
        Ok(())
    } else {
        Err(Error::Scale {
            op,
            found_log2: found.log2(),
            expected_log2: expected.log2(),
        })
    }
}

pub(crate) fn check_level(op: &'static str, found: usize, expected: usize) -> Result<()> {
    if found == expected {
        Ok(())
    } else {
        Err(Error::Level { op, found, expected })
    }
}

const HEADER_BYTES: usize = 12;

fn header(level: usize, scale: f64) -> Vec<u8> {
    let mut out = vec![];
    out.extend_from_slice(&(level as u32).to_le_bytes());
    out.extend_from_slice(&scale.to_le_bytes());
    out
}

fn read_header<'a>(context: &Context, what: &'static str, bytes: &'a [u8]) -> Result<(usize, f64, &'a [u8])> {
    let truncated = Error::Truncated {
        what,
        found: bytes.len(),
        expected: HEADER_BYTES,
    };
    let (level, rest) = bytes.split_first_chunk::<4>().ok_or(truncated.clone())?;
    let (scale, rest) = rest.split_first_chunk::<8>().ok_or(truncated)?;
    let (level, scale) = (u32::from_le_bytes(*level) as usize, f64::from_le_bytes(*scale));
    if level > context.top_level() {
        return Err(Error::Corrupted {
            what,
            reason: "its level is above the chain's top",
        });
    }
    if !(scale.is_finite() && scale >= 1.0 && scale.log2() <= context.chain().log_q(level)) {
        return Err(Error::Corrupted {
            what,
            reason: "its scale is not between 1 and its modulus",
        });
    }
    Ok((level, scale, rest))
}

/// Cuts `bytes` into pieces of exactly these lengths.
pub(crate) fn exactly<'a, const K: usize>(
    what: &'static str,
    bytes: &'a [u8],
    lengths: [usize; K],
) -> Result<[&'a [u8]; K]> {
    let (found, expected) = (bytes.len(), lengths.iter().sum());
    if found < expected {
        return Err(Error::Truncated {
            what,
            found,
            expected,
        });
    }
    if found > expected {
        return Err(Error::Corrupted {
            what,
            reason: "more bytes than announced",
        });
    }
    let mut rest = bytes;
    Ok(lengths.map(|length| {
        let (piece, after) = rest.split_at(length);
        rest = after;
        piece
    }))
}

/// Packed bytes of a polynomial.
pub(crate) fn poly_bytes(context: &Context, primes: &[u16]) -> usize {
    primes
        .iter()
        .map(|&prime| packed_bytes(context.degree(), context.modulus(prime).bits()))
        .sum()
}

pub(crate) fn pack_poly(context: &Context, poly: &Poly<Ntt>, out: &mut Vec<u8>) {
    for (&prime, limb) in poly.primes().iter().zip(poly.limbs().iter()) {
        pack(context.kernels(), limb, context.modulus(prime).bits(), out);
    }
}

fn unpack_poly(context: &Context, level: usize, bytes: &[u8]) -> Result<Poly<Ntt>> {
    let primes = context.primes(level, false);
    let mut limbs = Limbs::zeroed(context.degree(), primes.len());
    unpack_limbs(context, &primes, bytes, &mut limbs)?;
    Ok(Poly::from_limbs(limbs, primes))
}

/// Reads the limbs of a polynomial on these primes; `bytes` is as long as [`poly_bytes`] says.
pub(crate) fn unpack_limbs(context: &Context, primes: &[u16], bytes: &[u8], limbs: &mut Limbs) -> Result<()> {
    let mut rest = bytes;
    for (&prime, limb) in primes.iter().zip(limbs.split_mut()) {
        let q = context.modulus(prime);
        let length = packed_bytes(limb.len(), q.bits());
        let (packed, after) = rest.split_at_checked(length).ok_or(Error::Truncated {
            what: "limbs",
            found: rest.len(),
            expected: length,
        })?;
        unpack(context.kernels(), packed, q.bits(), q.value(), limb)?;
        rest = after;
    }
    Ok(())
}
