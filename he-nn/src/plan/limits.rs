//! Limits on memory and keys: what a plan takes, and the least that any plan does where none keeps the limits.

use std::fmt;

use he_core::ckks::KeySpec;
use he_core::params::Chain;
use he_core::program::Program;
use he_core::program::count::Bill;
use he_core::program::keys::KeySet;

use super::Goal;
use crate::client::key_bytes;

/// What a plan takes, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Footprint {
    /// Evaluation keys of one client, as a server holds them.
    pub keys: u64,
    /// Encoded weights, and the plaintexts of refreshing.
    pub plaintexts: u64,
    /// Ciphertexts of one request, at most at once.
    pub ciphertexts: u64,
    /// Evaluation keys as they travel.
    pub sent_keys: u64,
}

/// What a goal limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// [`Goal::memory`]: keys, plaintexts and ciphertexts together.
    Memory,
    /// [`Goal::keys`]: keys as they travel.
    Keys,
}

impl Footprint {
    pub(super) fn new(bill: &Bill, program: &Program, chain: &Chain) -> Self {
        let keys = KeySet::of(program);
        Footprint {
            keys: bill.resident_key_bytes,
            plaintexts: bill.resident_plain_bytes,
            ciphertexts: bill.peak_ciphertext_bytes,
            sent_keys: key_bytes(chain, &KeySpec::from(&keys), keys.encapsulation),
        }
    }

    /// Bytes that a server holds while it answers.
    pub fn memory(&self) -> u64 {
        self.keys + self.plaintexts + self.ciphertexts
    }

    /// What a limit is held against.
    pub fn of(&self, limit: Limit) -> u64 {
        match limit {
            Limit::Memory => self.memory(),
            Limit::Keys => self.sent_keys,
        }
    }

    /// The largest part of what a limit is held against, by name, and what keeps it small.
    pub(crate) fn dominant(&self, limit: Limit) -> (&'static str, &'static str) {
        let keys = (
            "keys",
            "layers of one shape share rotations, and fewer levels make every key smaller",
        );
        let parts = [
            (self.keys, keys),
            (
                self.plaintexts,
                ("plaintexts", "smaller layers have fewer weights to encode"),
            ),
            (
                self.ciphertexts,
                ("ciphertexts", "smaller batches and narrower layers take fewer"),
            ),
        ];
        match limit {
            Limit::Keys => keys,
            Limit::Memory => parts
                .into_iter()
                .max_by_key(|(bytes, _)| *bytes)
                .map_or(keys, |(_, part)| part),
        }
    }
}

impl fmt::Display for Footprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Footprint {
            keys,
            plaintexts,
            ciphertexts,
            ..
        } = self;
        write!(
            f,
            "keys {keys}, plaintexts {plaintexts}, ciphertexts {ciphertexts}"
        )
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Limit::Memory => "memory",
            Limit::Keys => "keys",
        })
    }
}

impl Goal {
    pub(super) fn limit(&self, limit: Limit) -> Option<u64> {
        match limit {
            Limit::Memory => self.memory_bytes,
            Limit::Keys => self.key_bytes,
        }
    }

    /// The goal with another limit, and without the other one where a plan breaks it.
    pub(super) fn relaxed_to(&self, limit: Limit, most: u64, plan: &Footprint) -> Goal {
        let kept = |other| {
            if other == limit {
                Some(most)
            } else {
                self.limit(other).filter(|_| self.keeps(other, plan))
            }
        };
        Goal {
            memory_bytes: kept(Limit::Memory),
            key_bytes: kept(Limit::Keys),
            ..self.clone()
        }
    }

    pub(super) fn keeps(&self, limit: Limit, footprint: &Footprint) -> bool {
        self.limit(limit).is_none_or(|most| footprint.of(limit) <= most)
    }

    /// The limit that a plan breaks, with what it takes.
    pub(super) fn broken_by(&self, footprint: &Footprint) -> Option<String> {
        let broken = |&limit: &Limit| !self.keeps(limit, footprint);
        let limit = [Limit::Memory, Limit::Keys].into_iter().find(broken)?;
        let most = self.limit(limit).unwrap_or_default();
        Some(format!(
            "{} bytes of {limit} exceed the limit of {most}",
            footprint.of(limit)
        ))
    }

    /// Of plans that each break a limit, the one that takes the least of it: of memory among those that keep the limit on keys; where
    /// none does, of keys among those that keep the limit on memory; where none does either, of memory.
    pub(super) fn least<'f>(&self, plans: &'f [Footprint]) -> Option<(Limit, &'f Footprint)> {
        let least = |limit: Limit, kept: Option<Limit>| {
            let plans = plans
                .iter()
                .filter(|plan| kept.is_none_or(|kept| self.keeps(kept, plan)));
            plans.min_by_key(|plan| plan.of(limit)).map(|plan| (limit, plan))
        };
        least(Limit::Memory, Some(Limit::Keys))
            .or_else(|| least(Limit::Keys, Some(Limit::Memory)))
            .or_else(|| least(Limit::Memory, None))
    }
}
