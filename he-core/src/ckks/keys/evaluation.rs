//! The set of keys a server evaluates a program with.
//!
//! Wire: public seed (32 bytes), number of keys (u32), then for each key, in ascending order, exponent (u64; 1 is relinearisation),
//! level (u32) and its halves b; all little-endian. Halves stand prime by prime, words in as many bits as the prime has, for each 32
//! coefficients the words of all digits: as they stand in memory ([`crate::math::panel`]).

use std::collections::BTreeMap;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::SecretKey;
use super::switching::{Halves, KeyMemory, RELINEARISATION, SeededSwitchKey, SwitchKey};
use crate::ckks::context::Context;
use crate::ckks::domain;
use crate::ckks::parallel;
use crate::error::{Error, Result};
use crate::math::sample::Seed;
use crate::math::shared::SharedBytes;

/// Which keys a program needs, each up to the level it is used at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeySpec {
    /// Products of ciphertexts.
    pub relin_level: Option<usize>,
    /// Rotations.
    pub rotations: BTreeMap<i32, usize>,
    /// Complex conjugation.
    pub conjugation: Option<usize>,
}

impl KeySpec {
    /// Exponents and levels; rotations that agree modulo the slots are one key, rotation by zero is none.
    fn exponents(&self, context: &Context) -> BTreeMap<u64, usize> {
        let rotations = self
            .rotations
            .iter()
            .map(|(&r, &level)| (context.galois_of_rotation(r.into()), level));
        let conjugation = self
            .conjugation
            .map(|level| (context.galois_of_conjugation(), level));
        let mut exponents = BTreeMap::new();
        for (galois, level) in rotations
            .chain(conjugation)
            .filter(|&(galois, _)| galois != RELINEARISATION)
        {
            let highest = exponents.entry(galois).or_insert(level);
            *highest = level.max(*highest);
        }
        exponents.extend(self.relin_level.map(|level| (RELINEARISATION, level)));
        exponents
    }

    /// Bytes of the keys as they travel.
    pub fn wire_bytes(&self, context: &Context) -> usize {
        let keys = self.exponents(context).into_values();
        SET_HEADER_BYTES
            + keys
                .map(|level| KEY_HEADER_BYTES + SeededSwitchKey::packed_bytes(context, level))
                .sum::<usize>()
    }
}

/// The travelling form: half the bytes of the expanded keys. Keys that were read borrow or share the bytes they were read from.
#[derive(Clone, Debug)]
pub struct SeededEvaluationKeys<'a> {
    seed: Seed,
    keys: Vec<SeededSwitchKey<'a>>,
}

/// Keys ready for use.
pub struct EvaluationKeys {
    keys: BTreeMap<u64, SwitchKey>,
}

impl SecretKey {
    /// Makes the keys of a specification.
    pub fn evaluation_keys(
        &self,
        context: &Context,
        spec: &KeySpec,
    ) -> Result<SeededEvaluationKeys<'static>> {
        let seed = Seed::from_os().map_err(|e| Error::Entropy(e.to_string()))?;
        self.evaluation_keys_from(context, spec, &seed)
    }

    /// [`evaluation_keys`](Self::evaluation_keys) with the randomness of a seed, which must stay secret and serve once.
    pub fn evaluation_keys_from(
        &self,
        context: &Context,
        spec: &KeySpec,
        seed: &Seed,
    ) -> Result<SeededEvaluationKeys<'static>> {
        let public = domain::published_seed(seed);
        let generate =
            |(galois, level)| SeededSwitchKey::generate(context, self, galois, level, &public, seed);
        let keys = spec
            .exponents(context)
            .into_iter()
            .map(generate)
            .collect::<Result<_>>()?;
        Ok(SeededEvaluationKeys { seed: public, keys })
    }

    /// The wire form of [`evaluation_keys_from`](Self::evaluation_keys_from), handed over in pieces: one key is in memory at a time.
    pub fn write_evaluation_keys_from<E: From<Error>>(
        &self,
        context: &Context,
        spec: &KeySpec,
        seed: &Seed,
        mut write: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let public = domain::published_seed(seed);
        let exponents = spec.exponents(context);
        write(&set_header(&public, exponents.len()))?;
        for (galois, level) in exponents {
            let key = SeededSwitchKey::generate(context, self, galois, level, &public, seed)?;
            write(&key_header(&key))?;
            key.pieces().into_iter().try_for_each(&mut write)?;
        }
        Ok(())
    }
}

const SET_HEADER_BYTES: usize = 36;
const KEY_HEADER_BYTES: usize = 12;

fn set_header(seed: &Seed, count: usize) -> [u8; SET_HEADER_BYTES] {
    let mut header = [0; SET_HEADER_BYTES];
    header[..32].copy_from_slice(seed.bytes());
    header[32..].copy_from_slice(&(count as u32).to_le_bytes());
    header
}

fn key_header(key: &SeededSwitchKey<'_>) -> [u8; KEY_HEADER_BYTES] {
    let mut header = [0; KEY_HEADER_BYTES];
    header[..8].copy_from_slice(&key.galois.to_le_bytes());
    header[8..].copy_from_slice(&(key.level as u32).to_le_bytes());
    header
}

impl<'a> SeededEvaluationKeys<'a> {
    /// The wire form.
    pub fn to_bytes(&self) -> Vec<u8> {
        let length: usize = self
            .keys
            .iter()
            .map(|key| KEY_HEADER_BYTES + key.pieces().into_iter().map(<[u8]>::len).sum::<usize>())
            .sum();
        let mut out = Vec::with_capacity(SET_HEADER_BYTES + length);
        out.extend_from_slice(&set_header(&self.seed, self.keys.len()));
        for key in &self.keys {
            out.extend_from_slice(&key_header(key));
            key.pieces()
                .into_iter()
                .for_each(|piece| out.extend_from_slice(piece));
        }
        out
    }

    /// Reads the wire form. Lengths, levels and exponents are checked here, the words when the keys are expanded.
    pub fn from_bytes(context: &Context, bytes: &'a [u8]) -> Result<Self> {
        Self::read(context, bytes, |range| Some(Halves::Read(&bytes[range])))
    }

    /// [`from_bytes`](Self::from_bytes) of bytes that are to stay where they are: seeded keys are read from there whenever they are used,
    /// and nothing is copied but the last words of bytes without 64 others behind them.
    pub fn from_shared(context: &Context, bytes: &SharedBytes) -> Result<Self> {
        Self::read(context, bytes, |range| bytes.part(range).map(Halves::Shared))
    }

    /// Reads the wire form; `halves` are those in a range of it.
    fn read(
        context: &Context,
        bytes: &[u8],
        halves: impl Fn(Range<usize>) -> Option<Halves<'a>>,
    ) -> Result<Self> {
        const WHAT: &str = "evaluation keys";
        let corrupted = |reason| Error::Corrupted { what: WHAT, reason };
        let mut at = 0;
        let mut take = |length: usize| -> Result<Range<usize>> {
            let (found, expected) = (bytes.len() - at, length);
            if found < expected {
                return Err(Error::Truncated {
                    what: WHAT,
                    found,
                    expected,
                });
            }
            at += length;
            Ok(at - length..at)
        };
        let number = |range: Range<usize>| {
            bytes[range]
                .iter()
                .rev()
                .fold(0u64, |value, &byte| value << 8 | u64::from(byte))
        };
        let mut seed = [0; 32];
        seed.copy_from_slice(&bytes[take(32)?]);
        let count = number(take(4)?);
        let mut keys: Vec<SeededSwitchKey<'a>> = vec![];
        for _ in 0..count {
            let (galois, level) = (number(take(8)?), number(take(4)?) as usize);
            if galois % 2 == 0 || galois >= 2 * context.degree() as u64 {
                return Err(corrupted("an exponent is not odd and below 2N"));
            }
            if keys.last().is_some_and(|last| last.galois >= galois) {
                return Err(corrupted("exponents do not ascend"));
            }
            if level > context.top_level() {
                return Err(corrupted("a level is above the chain's top"));
            }
            let range = take(SeededSwitchKey::packed_bytes(context, level))?;
            let halves = halves(range).ok_or(corrupted("a key ends beyond the bytes"))?;
            keys.push(SeededSwitchKey {
                galois,
                level,
                halves,
            });
        }
        if at < bytes.len() {
            return Err(corrupted("more bytes than announced"));
        }
        Ok(Self {
            seed: Seed::new(seed),
            keys,
        })
    }

    /// Whether every key of a specification is there, up to its level.
    ///
    /// # Errors
    /// [`Error::MissingKey`] for the first that is not.
    pub fn covers(&self, context: &Context, spec: &KeySpec) -> Result<()> {
        covered(context, spec, |galois| {
            let key = self.keys.iter().find(|key| key.galois == galois)?;
            Some(key.level)
        })
    }

    /// The keys ready for use. Halves that were made here are taken over as they are; those that were read are checked, and copied where
    /// they are not shared.
    ///
    /// # Errors
    /// [`Error::Corrupted`] for a word that is not below its prime.
    pub fn expand(self, context: &Context, memory: KeyMemory) -> Result<EvaluationKeys> {
        let seed = self.seed;
        let keys = parallel::map(self.keys, |key| {
            Ok((key.galois, SwitchKey::load(context, &seed, key, memory)?))
        });
        Ok(EvaluationKeys {
            keys: keys.into_iter().collect::<Result<_>>()?,
        })
    }
}

/// Whether keys are there, up to their levels: `made_to` gives the level of the one there is.
fn covered(context: &Context, spec: &KeySpec, made_to: impl Fn(u64) -> Option<usize>) -> Result<()> {
    for (galois, level) in spec.exponents(context) {
        let made_to = made_to(galois);
        if made_to.is_none_or(|made_to| made_to < level) {
            let what = match galois {
                RELINEARISATION => "products of ciphertexts".into(),
                _ => format!("the automorphism {galois}"),
            };
            return Err(Error::MissingKey { what, level, made_to });
        }
    }
    Ok(())
}

impl EvaluationKeys {
    /// Whether every key of a specification is there, up to its level.
    ///
    /// # Errors
    /// [`Error::MissingKey`] for the first that is not.
    pub fn covers(&self, context: &Context, spec: &KeySpec) -> Result<()> {
        covered(context, spec, |galois| {
            self.keys.get(&galois).map(SwitchKey::level)
        })
    }

    /// Bytes in memory.
    pub fn bytes(&self) -> usize {
        self.keys.values().map(SwitchKey::bytes).sum()
    }

    pub(crate) fn relinearisation(&self, level: usize) -> Result<&SwitchKey> {
        self.find(RELINEARISATION, level, || "products of ciphertexts".into())
    }

    pub(crate) fn rotation(
        &self,
        context: &Context,
        rotation: i32,
        level: usize,
    ) -> Result<(u64, &SwitchKey)> {
        let galois = context.galois_of_rotation(rotation.into());
        Ok((
            galois,
            self.find(galois, level, || format!("rotation by {rotation}"))?,
        ))
    }

    pub(crate) fn conjugation(&self, context: &Context, level: usize) -> Result<(u64, &SwitchKey)> {
        let galois = context.galois_of_conjugation();
        Ok((galois, self.find(galois, level, || "conjugation".into())?))
    }

    fn find(&self, galois: u64, level: usize, what: impl FnOnce() -> String) -> Result<&SwitchKey> {
        match self.keys.get(&galois) {
            Some(key) if key.level() >= level => Ok(key),
            found => Err(Error::MissingKey {
                what: what(),
                level,
                made_to: found.map(SwitchKey::level),
            }),
        }
    }
}
