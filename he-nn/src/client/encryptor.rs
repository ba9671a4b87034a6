//! Encryption for the owner of a secret key, by anyone who has the public one.

use std::sync::Arc;

use he_core::ckks::{Context, PublicKey as RingPublicKey};

use super::packing::Packing;
use super::spec::ClientSpec;
use crate::error::Result;
use crate::wire::{Form, Owner, PublicKey, Request, check_plan};

/// Encrypts with a public key. Its requests are about twice as long as those of the secret key's owner.
pub struct Encryptor {
    spec: ClientSpec,
    context: Arc<Context>,
    packing: Packing,
    key: RingPublicKey,
    owner: Owner,
}

impl Encryptor {
    /// Encryption under this key, for this plan.
    ///
    /// # Errors
    /// [`Error::PlanMismatch`](crate::Error::PlanMismatch), [`Error::Corrupted`](crate::Error::Corrupted),
    /// [`Error::Truncated`](crate::Error::Truncated).
    pub fn new(spec: &ClientSpec, key: &PublicKey) -> Result<Self> {
        spec.check()?;
        check_plan("public key", &key.owner.plan, &spec.plan_digest)?;
        let context = Context::new(spec.chain.clone())?;
        let ring_key = RingPublicKey::from_bytes(&context, &key.packed)?;
        let packing = Packing::new(spec);
        Ok(Encryptor {
            spec: spec.clone(),
            context,
            packing,
            key: ring_key,
            owner: key.owner,
        })
    }

    /// Encrypts the only input; see [`Client::encrypt`](super::Client::encrypt).
    ///
    /// # Errors
    /// As [`Client::encrypt`](super::Client::encrypt).
    pub fn encrypt(&self, values: &[f32]) -> Result<Request> {
        self.encrypt_named(&[(self.spec.only_input()?, values)])
    }

    /// Encrypts all inputs, by name.
    ///
    /// # Errors
    /// As [`Client::encrypt`](super::Client::encrypt).
    pub fn encrypt_named(&self, inputs: &[(&str, &[f32])]) -> Result<Request> {
        let encrypt = |plaintext: &_| {
            Ok(self
                .key
                .encrypt(&self.context, plaintext)?
                .to_bytes(&self.context))
        };
        let (samples, tiles) = self.packing.encrypt(&self.spec, &self.context, inputs, encrypt)?;
        Ok(Request {
            owner: self.owner,
            samples,
            form: Form::Full,
            tiles,
        })
    }
}
