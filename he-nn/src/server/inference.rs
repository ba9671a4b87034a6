//! Requests to replies.

use std::sync::Arc;

use he_core::ckks::{Ciphertext, Context, SeededCiphertext};
use he_core::params::same_scale;
use he_core::program::Verified;
use he_core::program::run::{Executor, Progress};
use he_core::program::store::PlainStore;
use rayon::prelude::*;

use super::keys::{KeyCache, ServerKeys};
use super::threads::Threads;
use crate::checkpoint::Checkpoint;
use crate::client::{ClientSpec, InputPort};
use crate::error::{Error, Result};
use crate::lower::FilledWeights;
use crate::plan::Plan;
use crate::wire::{EvaluationKeys, Form, Reply, Request, check_key, check_plan};

/// Runs one plan with one checkpoint, for many clients and from many threads.
pub struct Server {
    spec: ClientSpec,
    context: Arc<Context>,
    program: Verified,
    plains: PlainStore,
    keys: KeyCache,
    threads: Threads,
    predicted_error: f64,
}

impl Server {
    /// Encodes the weights, and derives from them what the computation's values and errors can reach.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] lists all that does not fit the model; [`Error::Overflow`] names the layer whose values are too large
    /// for the plan's parameters.
    pub fn new(plan: &Plan, checkpoint: &Checkpoint) -> Result<Self> {
        Self::on(plan, checkpoint, Context::new(plan.chain().clone())?)
    }

    /// On the plan's ring, of any security.
    pub(crate) fn on(plan: &Plan, checkpoint: &Checkpoint, context: Arc<Context>) -> Result<Self> {
        let spec = plan.client_spec();
        spec.check()?;
        let threads = Threads::new(plan.goal().threads)?;
        let weights = plan.weights(checkpoint)?;
        let plains = FilledWeights::new(plan.recipes(), &weights);
        let program = plan.program().clone();
        let known = plan.known_error(checkpoint);
        let (bound, store) = threads.install(|| {
            let (bound, store) = rayon::join(
                || match known {
                    Some(bound) => Ok(bound),
                    None => plan.error_with(&spec, &plains),
                },
                || PlainStore::encode(&program, &context, &plains),
            );
            Ok::<_, Error>((bound?, store?))
        })?;
        Ok(Server {
            spec,
            context,
            program,
            plains: store,
            keys: KeyCache::default(),
            threads,
            predicted_error: bound,
        })
    }

    /// Bound on the error of every number of a reply, for inputs within the range of their port and values within the calibrated
    /// ranges, encrypted by [`Client`](crate::Client). A bound in all but one of e^100 cases.
    #[must_use]
    pub fn predicted_error(&self) -> f64 {
        self.predicted_error
    }

    /// What clients need.
    #[must_use]
    pub fn client_spec(&self) -> &ClientSpec {
        &self.spec
    }

    /// Bytes of the encoded weights.
    #[must_use]
    pub fn model_bytes(&self) -> usize {
        self.plains.bytes()
    }

    /// Loads the keys of a client; of the same keys, only once for as long as someone holds them.
    ///
    /// # Errors
    /// [`Error::PlanMismatch`], [`Error::Truncated`], [`Error::Corrupted`]; [`Error::Engine`] names a key that is missing.
    pub fn load_keys(&self, keys: EvaluationKeys) -> Result<ServerKeys> {
        check_plan("evaluation keys", &keys.owner.plan, &self.spec.plan_digest)?;
        self.threads
            .install(|| self.keys.load(&self.context, &self.spec, &keys))
    }

    /// Answers a request.
    ///
    /// # Errors
    /// [`Error::PlanMismatch`], [`Error::KeyMismatch`], [`Error::Truncated`], [`Error::Corrupted`].
    pub fn infer(&self, keys: &ServerKeys, request: &Request) -> Result<Reply> {
        self.infer_with(keys, request, &())
    }

    /// Answers a request, telling `progress` after every operation, which may end it.
    ///
    /// # Errors
    /// As [`infer`](Self::infer), and [`Error::Cancelled`].
    pub fn infer_with(
        &self,
        keys: &ServerKeys,
        request: &Request,
        progress: &(dyn Progress + Sync),
    ) -> Result<Reply> {
        check_plan("evaluation keys", keys.plan(), &self.spec.plan_digest)?;
        check_plan("request", &request.owner.plan, &self.spec.plan_digest)?;
        check_key("request", request.owner.key, keys.key_id())?;
        let tiles = self.threads.answer(|| {
            let inputs = self.unpack(request)?;
            let executor = Executor {
                context: &self.context,
                keys: keys.ring(),
                encapsulation: keys.encapsulation(),
                program: &self.program,
                plains: &self.plains,
            };
            let outputs = executor.run(inputs, progress)?;
            self.pack(&outputs)
        })?;
        Ok(Reply {
            owner: request.owner,
            samples: request.samples,
            tiles,
        })
    }

    /// The ciphertexts of a request, in the order of the program's inputs.
    fn unpack(&self, request: &Request) -> Result<Vec<Vec<Ciphertext>>> {
        let corrupted = |found: String, expected: String| Error::Corrupted {
            what: "request".into(),
            found,
            expected,
        };
        if request.samples == 0 || request.samples > self.spec.batch {
            return Err(corrupted(
                format!("{} samples", request.samples),
                format!("1 to {}", self.spec.batch),
            ));
        }
        let expected = self.spec.request_tiles();
        if request.tiles.len() != expected {
            return Err(corrupted(
                format!("{} ciphertexts", request.tiles.len()),
                expected.to_string(),
            ));
        }
        let mut rest = request.tiles.as_slice();
        let mut by_port = Vec::with_capacity(self.spec.inputs.len());
        for port in &self.spec.inputs {
            let (tiles, after) = rest.split_at(port.tiles());
            rest = after;
            let unpack = |packed: &Vec<u8>| self.unpack_tile(port, request.form, packed);
            let tiles: Vec<Ciphertext> = tiles.par_iter().map(unpack).collect::<Result<_>>()?;
            by_port.push((port.name.as_str(), tiles));
        }
        let mut take = |name: &str| {
            let found = by_port.iter_mut().find(|(port, _)| *port == name);
            found.map(|(_, tiles)| std::mem::take(tiles)).unwrap_or_default()
        };
        Ok(self.program.inputs.iter().map(|port| take(&port.name)).collect())
    }

    fn unpack_tile(&self, port: &InputPort, form: Form, packed: &[u8]) -> Result<Ciphertext> {
        let ciphertext = match form {
            Form::Seeded => SeededCiphertext::from_bytes(&self.context, packed)?.expand(&self.context),
            Form::Full => Ciphertext::from_bytes(&self.context, packed)?,
        };
        let (level, scale) = (ciphertext.level(), ciphertext.scale());
        let expected = self.context.scale(port.level as usize);
        if level == port.level as usize && same_scale(scale, expected) {
            return Ok(ciphertext);
        }
        Err(Error::Corrupted {
            what: format!("request, input `{}`", port.name),
            found: format!("level {level} and scale 2^{:.3}", scale.log2()),
            expected: format!("level {} and scale 2^{:.3}", port.level, expected.log2()),
        })
    }

    /// The outputs' ciphertexts, in the order of the specification.
    fn pack(&self, outputs: &[Vec<Ciphertext>]) -> Result<Vec<Vec<u8>>> {
        let mut tiles = Vec::with_capacity(self.spec.reply_tiles());
        for port in &self.spec.outputs {
            let computed = self
                .program
                .outputs
                .iter()
                .zip(outputs)
                .find(|(output, _)| output.name == port.name);
            let Some((_, computed)) = computed.filter(|(_, tiles)| tiles.len() == port.tiles as usize) else {
                let found = computed.map_or(0, |(_, tiles)| tiles.len());
                return Err(Error::Corrupted {
                    what: format!("plan, output `{}`", port.name),
                    found: format!("{found} ciphertexts"),
                    expected: port.tiles.to_string(),
                });
            };
            tiles.par_extend(computed.par_iter().map(|tile| tile.to_bytes(&self.context)));
        }
        Ok(tiles)
    }
}
