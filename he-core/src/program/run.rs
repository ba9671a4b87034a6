//! Runs a program on ciphertexts.
//!
//! Tiles of one operation run in parallel on the current rayon pool, operations one after the other; a value is dropped after its
//! last use. Arithmetic is exact, so the result does not depend on the number of threads.

use std::ops::ControlFlow;
use std::sync::Arc;

use rayon::prelude::*;

use super::chain::same_scale;
use super::count::Counts;
use super::op::{Op, PlainId, Program, ValueId};
use super::store::{PlainStore, Prepared};
use super::verify::Verified;
use crate::ckks::{Ciphertext, Context, EncapsulationKeys, EvaluationKeys, Plaintext, eval, linear};

/// Why a run ended without a result.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
#[expect(
    missing_docs,
    reason = "the fields are explained by the message above each variant"
)]
pub enum RunError {
    /// The number of inputs differs.
    #[error("expected {expected} inputs, found {found}")]
    Inputs { expected: usize, found: usize },
    /// An input has the wrong number of tiles.
    #[error("input `{name}`: expected {expected} tiles, found {found}")]
    Tiles {
        name: String,
        expected: usize,
        found: usize,
    },
    /// An input stands at another level or scale than the program takes.
    #[error(
        "input `{name}`: expected level {level} at scale 2^{log2_scale:.4}, found level {found_level} at 2^{found_log2_scale:.4}"
    )]
    State {
        name: String,
        level: usize,
        log2_scale: f64,
        found_level: usize,
        found_log2_scale: f64,
    },
    /// The store was made for another program.
    #[error("operation {op} reads plaintext {}, which the store does not hold", plain.0)]
    Store { op: usize, plain: PlainId },
    /// The program refreshes, and there are no keys for it.
    #[error("operation {op} of layer `{layer}`: refreshing takes encapsulation keys")]
    Refresh { op: usize, layer: String },
    /// The scheme refuses.
    #[error("operation {op} of layer `{layer}`: {source}")]
    Operation {
        op: usize,
        layer: String,
        source: crate::Error,
    },
    /// The callback asked to stop.
    #[error("cancelled in layer `{layer}`, after {done} of {total} operations")]
    Cancelled {
        layer: String,
        done: usize,
        total: usize,
    },
}

/// Told after every operation how far the run is; may end it.
pub trait Progress {
    /// `done` of `total` operations are done, the last in `layer`.
    fn step(&self, layer: &str, done: usize, total: usize) -> ControlFlow<()>;
}

/// No reports.
impl Progress for () {
    fn step(&self, _: &str, _: usize, _: usize) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}

impl<F: Fn(&str, usize, usize) -> ControlFlow<()>> Progress for F {
    fn step(&self, layer: &str, done: usize, total: usize) -> ControlFlow<()> {
        self(layer, done, total)
    }
}

type Tiles = Vec<Arc<Ciphertext>>;

/// Everything a run reads.
pub struct Executor<'a> {
    /// Tables of the chain.
    pub context: &'a Context,
    /// Keys of the client.
    pub keys: &'a EvaluationKeys,
    /// Its keys for refreshing, where the program does.
    pub encapsulation: Option<&'a EncapsulationKeys>,
    /// The program.
    pub program: &'a Verified,
    /// Its plaintexts.
    pub plains: &'a PlainStore,
}

impl Executor<'_> {
    /// Runs the program on one list of tiles per input; returns one per output.
    pub fn run(
        &self,
        inputs: Vec<Vec<Ciphertext>>,
        progress: &dyn Progress,
    ) -> Result<Vec<Vec<Ciphertext>>, RunError> {
        self.run_counted(inputs, progress, &mut Counts::default())
    }

    /// As [`run`](Self::run), counting the operations of the scheme as they are called. Words and bytes stay zero: they are counted
    /// beforehand by [`count`](super::count).
    pub fn run_counted(
        &self,
        inputs: Vec<Vec<Ciphertext>>,
        progress: &dyn Progress,
        counts: &mut Counts,
    ) -> Result<Vec<Vec<Ciphertext>>, RunError> {
        let program: &Program = self.program;
        let mut inputs = self.check_inputs(inputs)?;
        let last = program.last_uses();
        let total = program.ops.len();
        let mut values: Vec<Tiles> = Vec::with_capacity(total);
        for (index, op) in program.ops.iter().enumerate() {
            let tiles = match op {
                Op::Input { index } => std::mem::take(&mut inputs[*index as usize]),
                _ => self.operation(index, op, &values, counts)?,
            };
            let info = &program.values[index];
            debug_assert!(
                tiles
                    .iter()
                    .all(|t| t.level() == info.level as usize && same_scale(t.scale(), info.scale))
            );
            values.push(tiles);
            for operand in op.operands() {
                if last[operand.0 as usize] == index {
                    values[operand.0 as usize] = Vec::new();
                }
            }
            let layer = self.layer(index);
            if progress.step(layer, index + 1, total).is_break() {
                return Err(RunError::Cancelled {
                    layer: layer.to_owned(),
                    done: index + 1,
                    total,
                });
            }
        }
        let output = |value: ValueId| {
            values[value.0 as usize]
                .iter()
                .map(|t| Ciphertext::clone(t))
                .collect()
        };
        Ok(program.outputs.iter().map(|port| output(port.value)).collect())
    }

    fn layer(&self, op: usize) -> &str {
        &self.program.layers[self.program.values[op].layer as usize]
    }

    fn check_inputs(&self, inputs: Vec<Vec<Ciphertext>>) -> Result<Vec<Tiles>, RunError> {
        let ports = &self.program.inputs;
        if inputs.len() != ports.len() {
            return Err(RunError::Inputs {
                expected: ports.len(),
                found: inputs.len(),
            });
        }
        for (port, tiles) in ports.iter().zip(&inputs) {
            let info = &self.program.values[port.value.0 as usize];
            let (name, expected, level) = (port.name.clone(), info.tiles as usize, info.level as usize);
            if tiles.len() != expected {
                return Err(RunError::Tiles {
                    name,
                    expected,
                    found: tiles.len(),
                });
            }
            if let Some(t) = tiles
                .iter()
                .find(|t| t.level() != level || !same_scale(t.scale(), info.scale))
            {
                let (log2_scale, found_log2_scale) = (info.scale.log2(), t.scale().log2());
                return Err(RunError::State {
                    name,
                    level,
                    log2_scale,
                    found_level: t.level(),
                    found_log2_scale,
                });
            }
        }
        Ok(inputs
            .into_iter()
            .map(|tiles| tiles.into_iter().map(Arc::new).collect())
            .collect())
    }

    fn plain(&self, op: usize, plain: PlainId) -> Result<&Plaintext, RunError> {
        self.plains.get(plain).ok_or(RunError::Store { op, plain })
    }

    fn operation(
        &self,
        index: usize,
        op: &Op,
        values: &[Tiles],
        counts: &mut Counts,
    ) -> Result<Tiles, RunError> {
        let (context, keys) = (self.context, self.keys);
        let get = |id: &ValueId| values[id.0 as usize].as_slice();
        let refused = |source| RunError::Operation {
            op: index,
            layer: self.layer(index).to_owned(),
            source,
        };
        let wrap = |result: Result<Vec<Ciphertext>, crate::Error>| -> Result<Tiles, RunError> {
            Ok(result.map_err(refused)?.into_iter().map(Arc::new).collect())
        };
        type Each<'e> = &'e (dyn Fn(usize, &Ciphertext) -> Result<Ciphertext, crate::Error> + Sync);
        let each =
            |x: &ValueId, f: Each<'_>| wrap(get(x).par_iter().enumerate().map(|(i, t)| f(i, t)).collect());
        type Pairs<'p> = &'p (dyn Fn(&Ciphertext, &Ciphertext) -> Result<Ciphertext, crate::Error> + Sync);
        let pairs = |x: &ValueId, y: &ValueId, f: Pairs<'_>| {
            wrap(get(x).par_iter().zip(get(y)).map(|(x, y)| f(x, y)).collect())
        };
        let tiles = u64::from(self.program.values[index].tiles);
        match op {
            Op::Input { .. } => Ok(Vec::new()),
            Op::Linear {
                x, terms, rescale, ..
            } => {
                let Prepared::Linear(linear) = self.plains.prepared(index) else {
                    let plain = terms.first().map_or(PlainId(0), |t| t.plain);
                    return Err(RunError::Store { op: index, plain });
                };
                let inputs: Vec<&Ciphertext> = get(x).iter().map(|t| &**t).collect();
                counts.count_linear(terms, tiles, *rescale);
                let (plan, weights) = &**linear;
                wrap(linear::apply(context, keys, &inputs, plan, weights))
            }
            Op::RotateSum { x, stages } => {
                let rotations = stages.iter().map(|s| s.len() as u64 - 1).sum::<u64>() * tiles;
                counts.rotations += rotations;
                counts.key_switches += rotations;
                each(x, &|_, t| linear::rotate_sum(context, keys, t, stages))
            }
            Op::Rotate { x, by } => {
                let rotations = by.iter().filter(|&&r| r != 0).count() as u64;
                counts.rotations += rotations;
                counts.key_switches += rotations;
                each(x, &|i, t| eval::rotate(context, keys, t, by[i]))
            }
            Op::Add { x, y } => pairs(x, y, &|x, y| eval::add(context, x, y)),
            Op::Sub { x, y } => pairs(x, y, &|x, y| eval::sub(context, x, y)),
            Op::AddPlain { x, plain } => {
                let plains: Vec<&Plaintext> = plain
                    .iter()
                    .map(|&p| self.plain(index, p))
                    .collect::<Result<_, _>>()?;
                each(x, &|i, t| eval::add_plain(context, t, plains[i]))
            }
            Op::Multiply { x, y } => {
                counts.count_products(tiles);
                pairs(x, y, &|x, y| eval::multiply(context, keys, x, y))
            }
            Op::Square { x } => {
                counts.count_products(tiles);
                each(x, &|_, t| eval::square(context, keys, t))
            }
            Op::Scale { x, plain } => {
                let plain = self.plain(index, *plain)?;
                counts.pt_multiplications += tiles;
                counts.rescales += tiles;
                each(x, &|_, t| {
                    eval::rescale(context, &eval::mul_plain(context, t, plain)?)
                })
            }
            Op::Conjugate { x } => {
                counts.key_switches += tiles;
                each(x, &|_, t| eval::conjugate(context, keys, t))
            }
            Op::MulI { x } => each(x, &|_, t| Ok(eval::mul_i(context, t))),
            Op::Adjust { x, level } => {
                let level = *level as usize;
                let chain = context.chain();
                let from = get(x).first().map_or(level, |t| t.level());
                let stays = |t: &&Ciphertext| same_scale(t.scale(), context.scale(level));
                if !(chain.contains(from, level) && get(x).iter().all(|t| stays(&&**t))) {
                    let hops = chain.way_down(from, level).len() as u64;
                    counts.pt_multiplications += hops * tiles;
                    counts.rescales += hops * tiles;
                }
                each(x, &|_, t| eval::adjust(context, t, level))
            }
            Op::Gather { parts } => Ok(parts.iter().flat_map(get).cloned().collect()),
            Op::Select { x, tiles } => Ok(tiles.iter().map(|&t| get(x)[t as usize].clone()).collect()),
            Op::Polynomial { x, coefficients } => {
                let Prepared::Polynomial(plan) = self.plains.prepared(index) else {
                    let plain = coefficients.first().copied().unwrap_or(PlainId(0));
                    return Err(RunError::Store { op: index, plain });
                };
                counts.count_polynomial(plan.steps(), tiles);
                each(x, &|_, t| plan.evaluate(context, keys, t))
            }
            Op::Refresh { x, .. } => {
                let (Prepared::Refresh(eval_mod), Some(bootstrapper), Some(encapsulation)) = (
                    self.plains.prepared(index),
                    self.plains.bootstrapper(),
                    self.encapsulation,
                ) else {
                    return Err(RunError::Refresh {
                        op: index,
                        layer: self.layer(index).to_owned(),
                    });
                };
                counts.refreshes += tiles;
                let inputs: Vec<&Ciphertext> = get(x).iter().map(|t| &**t).collect();
                wrap(bootstrapper.refresh_within(keys, encapsulation, eval_mod, &inputs))
            }
        }
    }
}
