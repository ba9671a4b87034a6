//! Evaluation keys of clients, expanded once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use he_core::ckks::{Context, EvaluationKeys as RingKeys, KeySpec, SeededEvaluationKeys};

use crate::error::{Error, Result};
use crate::wire::{EvaluationKeys, KeyId};

/// Expanded evaluation keys of one client, for one server. Clones share their memory, which is free when the last is dropped.
#[derive(Clone)]
pub struct ServerKeys(Arc<Expanded>);

struct Expanded {
    plan: [u8; 32],
    key: KeyId,
    /// Of the packed form: one secret key may have several sets of evaluation keys.
    digest: [u8; 32],
    ring: RingKeys,
}

impl ServerKeys {
    /// Whose they are.
    #[must_use]
    pub fn key_id(&self) -> KeyId {
        self.0.key
    }

    /// Bytes in memory.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.0.ring.bytes()
    }

    pub(super) fn plan(&self) -> &[u8; 32] {
        &self.0.plan
    }

    pub(super) fn ring(&self) -> &RingKeys {
        &self.0.ring
    }
}

/// Keys in use, by key id. It keeps none alive: who holds [`ServerKeys`] does.
#[derive(Default)]
pub(super) struct KeyCache(Mutex<HashMap<KeyId, Weak<Expanded>>>);

impl KeyCache {
    /// Expands keys whose plan is already checked, unless they are in use already.
    pub(super) fn load(
        &self,
        context: &Context,
        spec: &KeySpec,
        keys: &EvaluationKeys,
    ) -> Result<ServerKeys> {
        let digest = *blake3::hash(&keys.packed).as_bytes();
        let key = keys.owner.key;
        if let Some(known) = self.find(key, &digest) {
            return Ok(known);
        }
        // The length is known beforehand, so that no client makes a server unpack more than the program needs.
        let (found, expected) = (keys.packed.len(), spec.wire_bytes(context));
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
        let seeded = SeededEvaluationKeys::from_bytes(context, &keys.packed)?;
        seeded.covers(context, spec)?;
        let ring = seeded.expand(context)?;
        let expanded = Arc::new(Expanded {
            plan: keys.owner.plan,
            key,
            digest,
            ring,
        });
        // Of two threads that load the same keys at once, the first to arrive stays.
        if let Some(known) = self.find(key, &digest) {
            return Ok(known);
        }
        let mut cache = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        cache.retain(|_, known| known.strong_count() > 0);
        cache.insert(key, Arc::downgrade(&expanded));
        Ok(ServerKeys(expanded))
    }

    fn find(&self, key: KeyId, digest: &[u8; 32]) -> Option<ServerKeys> {
        let cache = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = cache.get(&key)?.upgrade()?;
        (known.digest == *digest).then_some(ServerKeys(known))
    }
}
