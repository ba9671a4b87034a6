//! Evaluation keys of clients, loaded once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use he_core::ckks::{
    Context, EncapsulationKeys, EvaluationKeys as RingKeys, KeyMemory, SeededEvaluationKeys,
};

use crate::client::ClientSpec;
use crate::error::{Error, Result};
use crate::wire::{EvaluationKeys, KeyId};

/// Evaluation keys of one client, ready for use by one server. Clones share their memory, which is free when the last is dropped.
#[derive(Clone)]
pub struct ServerKeys(Arc<Loaded>);

struct Loaded {
    plan: [u8; 32],
    key: KeyId,
    /// Of the travelling form: one secret key may have several sets of evaluation keys.
    digest: [u8; 32],
    ring: RingKeys,
    encapsulation: Option<EncapsulationKeys>,
}

impl ServerKeys {
    /// Whose they are.
    #[must_use]
    pub fn key_id(&self) -> KeyId {
        self.0.key
    }

    /// Bytes in memory, or in a file that is mapped to memory.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.0.ring.bytes() + self.0.encapsulation.as_ref().map_or(0, EncapsulationKeys::bytes)
    }

    pub(super) fn plan(&self) -> &[u8; 32] {
        &self.0.plan
    }

    pub(super) fn ring(&self) -> &RingKeys {
        &self.0.ring
    }

    pub(super) fn encapsulation(&self) -> Option<&EncapsulationKeys> {
        self.0.encapsulation.as_ref()
    }
}

/// Keys in use, by key id. It keeps none alive: who holds [`ServerKeys`] does.
#[derive(Default)]
pub(super) struct KeyCache(Mutex<HashMap<KeyId, Weak<Loaded>>>);

impl KeyCache {
    /// Loads keys whose plan is already checked, unless they are in use already.
    pub(super) fn load(
        &self,
        context: &Context,
        spec: &ClientSpec,
        keys: &EvaluationKeys,
    ) -> Result<ServerKeys> {
        let digest = keys.digest();
        let key = keys.owner.key;
        if let Some(known) = self.find(key, &digest) {
            return Ok(known);
        }
        // The length is known beforehand, so that no client makes a server unpack more than the program needs.
        let (found, expected) = (keys.packed.len(), spec.keys.wire_bytes(context));
        if found < expected {
            let (found, expected) = (found as u64, expected as u64);
            return Err(Error::Truncated {
                what: "evaluation keys".into(),
                found,
                expected,
            });
        }
        if found > expected {
            return Err(Error::Corrupted {
                what: "evaluation keys".into(),
                found: format!("{found} bytes"),
                expected: format!("{expected} bytes"),
            });
        }
        let encapsulation = encapsulation(context, spec, keys)?;
        let seeded = SeededEvaluationKeys::from_shared(context, &keys.packed)?;
        seeded.covers(context, &spec.keys)?;
        let ring = seeded.expand(context, KeyMemory::of_program(spec.encapsulation))?;
        let loaded = Arc::new(Loaded {
            plan: keys.owner.plan,
            key,
            digest,
            ring,
            encapsulation,
        });
        // Of two threads that load the same keys at once, the first to arrive stays.
        if let Some(known) = self.find(key, &digest) {
            return Ok(known);
        }
        let mut cache = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        cache.retain(|_, known| known.strong_count() > 0);
        cache.insert(key, Arc::downgrade(&loaded));
        Ok(ServerKeys(loaded))
    }

    fn find(&self, key: KeyId, digest: &[u8; 32]) -> Option<ServerKeys> {
        let cache = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = cache.get(&key)?.upgrade()?;
        (known.digest == *digest).then_some(ServerKeys(known))
    }
}

/// The encapsulation keys, of which there are some exactly where the plan refreshes.
fn encapsulation(
    context: &Context,
    spec: &ClientSpec,
    keys: &EvaluationKeys,
) -> Result<Option<EncapsulationKeys>> {
    match (&keys.encapsulation, spec.encapsulation) {
        (Some(packed), true) => Ok(Some(EncapsulationKeys::from_bytes(context, packed)?)),
        (None, false) => Ok(None),
        (found, expected) => {
            let say = |there: bool| {
                if there {
                    "encapsulation keys"
                } else {
                    "no encapsulation keys"
                }
            };
            Err(Error::Corrupted {
                what: "evaluation keys".into(),
                found: say(found.is_some()).into(),
                expected: say(expected).into(),
            })
        }
    }
}
