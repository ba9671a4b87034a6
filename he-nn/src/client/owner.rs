//! The owner of a secret key.

use std::fs::OpenOptions;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::Arc;

use he_core::ckks::{Context, EncapsulationKeys, SecretKey};
use he_core::math::sample::Seed;
use zeroize::Zeroizing;

use super::packing::{Packing, decode};
use super::sharing::Shared;
use super::spec::ClientSpec;
use crate::error::{Error, Result};
use crate::wire::{
    EvaluationKeys, Form, KeyId, Kind, Owner, PublicKey, Reply, Request, Sealing, check_key, check_plan,
    open, seal, single,
};

/// Has the secret key: makes the other keys, encrypts, decrypts.
///
/// It has no `Debug` and no `Clone`. The secret leaves it only through [`save_secret`](Client::save_secret) and
/// [`secret_bytes`](Client::secret_bytes).
pub struct Client {
    spec: ClientSpec,
    context: Arc<Context>,
    packing: Packing,
    secret: SecretKey,
    owner: Owner,
    /// Randomness of the keys derived from the secret one: each seed serves for one key set, however often it is asked for.
    evaluation_seed: Seed,
    encapsulation_seed: Seed,
    public_seed: Seed,
    pub(super) shared: Shared,
}

impl Client {
    /// A client with a new secret key, from the operating system's randomness.
    ///
    /// # Errors
    /// [`Error::Corrupted`] for a specification whose parts do not fit together, [`Error::Engine`] without randomness.
    pub fn new(spec: &ClientSpec) -> Result<Self> {
        spec.check()?;
        Self::generate(spec, Context::new(spec.chain.clone())?)
    }

    /// A client on a ring of any security, for tests.
    #[cfg(all(test, feature = "server"))]
    pub(crate) fn insecure(spec: &ClientSpec, context: &Arc<Context>) -> Result<Self> {
        spec.check()?;
        Self::generate(spec, context.clone())
    }

    fn generate(spec: &ClientSpec, context: Arc<Context>) -> Result<Self> {
        let secret = SecretKey::generate(&context)?;
        let mut id = [0; 16];
        id.copy_from_slice(seed()?.bytes().first_chunk::<16>().unwrap_or(&[0; 16]));
        Self::with(spec, context, secret, KeyId::new(id))
    }

    fn with(spec: &ClientSpec, context: Arc<Context>, secret: SecretKey, key: KeyId) -> Result<Self> {
        if spec.encapsulation {
            EncapsulationKeys::check(&context)?;
        }
        Ok(Client {
            packing: Packing::new(spec),
            owner: Owner {
                plan: spec.plan_digest,
                key,
            },
            spec: spec.clone(),
            context,
            secret,
            evaluation_seed: seed()?,
            encapsulation_seed: seed()?,
            public_seed: seed()?,
            shared: Shared::default(),
        })
    }

    /// The specification it was made for.
    #[must_use]
    pub fn spec(&self) -> &ClientSpec {
        &self.spec
    }

    /// Names its secret key.
    #[must_use]
    pub fn key_id(&self) -> KeyId {
        self.owner.key
    }

    /// The keys a server computes with. They are made anew by each call, and are equal.
    #[must_use]
    #[expect(
        clippy::expect_used,
        reason = "a chain is secure, a specification's levels exist, and its ring carries a sparse secret: all are checked"
    )]
    pub fn evaluation_keys(&self) -> EvaluationKeys {
        let mut packed = Vec::with_capacity(self.spec.keys.wire_bytes(&self.context));
        let write = |piece: &[u8]| {
            packed.extend_from_slice(piece);
            Ok::<_, he_core::error::Error>(())
        };
        self.secret
            .write_evaluation_keys_from(&self.context, &self.spec.keys, &self.evaluation_seed, write)
            .expect("checked when the client was made");
        let encapsulation = self
            .encapsulation_keys()
            .expect("checked when the client was made");
        EvaluationKeys::new(self.owner, packed.into(), encapsulation.map(Into::into))
    }

    /// Those of encapsulation as they travel, where the plan refreshes.
    fn encapsulation_keys(&self) -> Result<Option<Vec<u8>>> {
        let keys = || {
            let seed = &self.encapsulation_seed;
            let keys = self.secret.encapsulation_keys_from(&self.context, seed)?;
            Ok(keys.to_bytes(&self.context))
        };
        self.spec.encapsulation.then(keys).transpose()
    }

    /// Writes the [travelling form](EvaluationKeys::to_bytes) of [`evaluation_keys`](Self::evaluation_keys) as it is made: one key is in
    /// memory at a time.
    ///
    /// # Errors
    /// [`Error::Io`] of the writer.
    pub fn write_evaluation_keys(&self, out: &mut impl Write) -> Result<()> {
        let io = |source| Error::Io {
            path: "the stream".into(),
            source,
        };
        let encapsulation = self.encapsulation_keys()?;
        let mut lengths = vec![self.spec.keys.wire_bytes(&self.context)];
        lengths.extend(encapsulation.as_ref().map(Vec::len));
        let mut sealing = Sealing::start(out, Kind::EvaluationKeys, &self.owner, &lengths).map_err(io)?;
        sealing.frame(lengths[0]).map_err(io)?;
        let write = |piece: &[u8]| sealing.write(piece).map_err(io);
        self.secret.write_evaluation_keys_from(
            &self.context,
            &self.spec.keys,
            &self.evaluation_seed,
            write,
        )?;
        if let Some(keys) = encapsulation {
            sealing.frame(keys.len()).map_err(io)?;
            sealing.write(&keys).map_err(io)?;
        }
        sealing.finish().map(drop).map_err(io)
    }

    /// [Writes](Self::write_evaluation_keys) them to a new file. One that exists is an error: a server may have mapped it.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn save_evaluation_keys(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        let file = OpenOptions::new().write(true).create_new(true).open(path);
        let mut out = BufWriter::new(file.map_err(Error::io(path))?);
        self.write_evaluation_keys(&mut out)
            .map_err(|error| match error {
                Error::Io { source, .. } => Error::io(path)(source),
                error => error,
            })?;
        let file = out
            .into_inner()
            .map_err(|error| Error::io(path)(error.into_error()))?;
        file.sync_all().map_err(Error::io(path))
    }

    /// The key others encrypt with.
    #[must_use]
    #[expect(clippy::expect_used, reason = "a chain is secure: its type says so")]
    pub fn public_key(&self) -> PublicKey {
        let key = self.secret.public_key_from(&self.context, &self.public_seed);
        let packed = key
            .expect("checked when the client was made")
            .to_bytes(&self.context);
        PublicKey {
            owner: self.owner,
            packed,
        }
    }

    /// Encrypts the only input: one sample of the port's shape, or up to `batch` of them one after the other, row-major.
    ///
    /// # Errors
    /// [`Error::Length`], [`Error::Shape`], [`Error::NonFinite`], [`Error::OutOfRange`] against the port's range,
    /// [`Error::UnknownInput`] for a model of several inputs.
    pub fn encrypt(&self, values: &[f32]) -> Result<Request> {
        self.encrypt_named(&[(self.spec.only_input()?, values)])
    }

    /// Encrypts all inputs, by name, with the same number of samples each.
    ///
    /// # Errors
    /// As [`encrypt`](Self::encrypt).
    pub fn encrypt_named(&self, inputs: &[(&str, &[f32])]) -> Result<Request> {
        let encrypt = |plaintext: &_| {
            Ok(self
                .secret
                .encrypt(&self.context, plaintext)?
                .to_bytes(&self.context))
        };
        let (samples, tiles) = self.packing.encrypt(&self.spec, &self.context, inputs, encrypt)?;
        Ok(Request {
            owner: self.owner,
            samples,
            form: Form::Seeded,
            tiles,
        })
    }

    /// Decrypts a reply: `[samples, shape..]` of each output, one output after the other.
    ///
    /// The numbers carry the computation's noise, from which the secret key can be found: they are for the key's owner, not for
    /// whoever computed the reply. What others may see comes from [`decrypt_shared`](Self::decrypt_shared).
    ///
    /// # Errors
    /// [`Error::PlanMismatch`], [`Error::KeyMismatch`], [`Error::Corrupted`], [`Error::Truncated`].
    pub fn decrypt(&self, reply: &Reply) -> Result<Vec<f32>> {
        Ok(self
            .decrypt_named(reply)?
            .into_iter()
            .flat_map(|(_, values)| values)
            .collect())
    }

    /// Decrypts a reply: each output by name, `[samples, shape..]`.
    ///
    /// # Errors
    /// As [`decrypt`](Self::decrypt).
    pub fn decrypt_named(&self, reply: &Reply) -> Result<Vec<(String, Vec<f32>)>> {
        let single = |values: Vec<f64>| values.into_iter().map(|value| value as f32).collect();
        let outputs = self.decrypt_exactly(reply)?.into_iter();
        Ok(outputs.map(|(name, values)| (name, single(values))).collect())
    }

    /// [`decrypt_named`](Self::decrypt_named), not rounded to single precision.
    pub(super) fn decrypt_exactly(&self, reply: &Reply) -> Result<Vec<(String, Vec<f64>)>> {
        check_plan("reply", &reply.owner.plan, &self.spec.plan_digest)?;
        check_key("reply", reply.owner.key, self.owner.key)?;
        decode(&self.spec, &self.context, &self.secret, reply)
    }

    /// The secret key as bytes: whoever has them can read everything encrypted under it.
    #[must_use]
    pub fn secret_bytes(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(seal(Kind::Secret, &self.owner, &[self.secret.to_bytes()]))
    }

    /// The client of [`secret_bytes`](Self::secret_bytes).
    ///
    /// # Errors
    /// [`Error::Truncated`], [`Error::Version`], [`Error::Corrupted`], [`Error::PlanMismatch`].
    pub fn from_secret_bytes(bytes: &[u8], spec: &ClientSpec) -> Result<Self> {
        spec.check()?;
        let (owner, frames): (Owner, _) = open(Kind::Secret, bytes)?;
        check_plan("secret key", &owner.plan, &spec.plan_digest)?;
        let context = Context::new(spec.chain.clone())?;
        let secret = SecretKey::from_bytes(&context, single(Kind::Secret, &frames)?)?;
        Self::with(spec, context, secret, owner.key)
    }

    /// Writes the secret key to a new file that only its owner can read (mode 0600 where files have modes).
    ///
    /// # Errors
    /// [`Error::Io`], also if the file exists: a secret key is never overwritten.
    pub fn save_secret(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let write = || -> std::io::Result<()> {
            let mut file = options.open(path)?;
            file.write_all(&self.secret_bytes())?;
            file.sync_all()
        };
        write().map_err(Error::io(path))
    }

    /// The client of a file that [`save_secret`](Self::save_secret) wrote.
    ///
    /// # Errors
    /// [`Error::Io`], or as [`from_secret_bytes`](Self::from_secret_bytes).
    pub fn load_secret(path: impl AsRef<Path>, spec: &ClientSpec) -> Result<Self> {
        let path = path.as_ref();
        let bytes = std::fs::read(path).map_err(Error::io(path))?;
        Self::from_secret_bytes(&Zeroizing::new(bytes), spec)
    }
}

fn seed() -> Result<Seed> {
    Seed::from_os().map_err(|e| Error::Engine(he_core::error::Error::Entropy(e.to_string())))
}
