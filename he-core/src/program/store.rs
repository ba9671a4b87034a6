//! The plaintexts of a program, encoded once: what a server keeps beside the keys.
//!
//! Factors of linear transforms are packed in the order in which these read them ([`Weights`]); they are encoded straight into that
//! form, so that no other stands in memory beside it.
//!
//! Every plaintext stands at the level, scale and class that the program states. Values that do not repeat as their class says are
//! an error: the class decided how keys and memory were planned, so it is never widened on the side.

use std::collections::BTreeMap;
use std::sync::Arc;

use rayon::prelude::*;

use super::clear::{ClearError, constants, fetch};
use super::op::{Op, PlainClass, PlainId, PlainInfo, Program};
use super::slots::{PlainSource, Slots};
use super::verify::Verified;
use crate::bootstrap::{Bootstrapper, EvalMod};
use crate::ckks::linear::{LinearPlan, ROWS_AT_ONCE, Term, Weights};
use crate::ckks::polynomial::PolynomialPlan;
use crate::ckks::{Context, Plaintext};
use crate::complex::Complex;

/// Why plaintexts could not be encoded.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
#[expect(
    missing_docs,
    reason = "the fields are explained by the message above each variant"
)]
pub enum StoreError {
    /// A plaintext is missing or has a wrong length.
    #[error(transparent)]
    Source(#[from] ClearError),
    /// The ring has another number of slots than the program.
    #[error("the program is written for {expected} slots, the ring has {found}")]
    Slots { expected: usize, found: usize },
    /// Values that do not repeat as the class says.
    #[error("plaintext {}: the values do not repeat as `{class}` says", id.0)]
    Class { id: PlainId, class: PlainClass },
    /// A polynomial coefficient with an imaginary part.
    #[error("operation {op}: coefficients of a polynomial are real")]
    Coefficient { op: usize },
    /// The scheme refuses.
    #[error("operation {op} of layer `{layer}`: {source}")]
    Operation {
        op: usize,
        layer: String,
        source: crate::Error,
    },
    /// The chain is not the one that refreshing is specified for.
    #[error("refreshing: {0}")]
    Bootstrap(crate::Error),
    /// The scheme refuses to encode.
    #[error("plaintext {}: {source}", id.0)]
    Encode { id: PlainId, source: crate::Error },
}

/// What is prepared for one operation.
pub(super) enum Prepared {
    Nothing,
    Linear(Box<(LinearPlan, Weights)>),
    Polynomial(PolynomialPlan),
    Refresh(EvalMod),
}

/// The encoded plaintexts of a program, and its transforms and polynomials planned.
pub struct PlainStore {
    plaintexts: Vec<Option<Plaintext>>,
    prepared: Vec<Prepared>,
    bootstrapper: Option<Bootstrapper>,
}

impl PlainStore {
    /// Encodes every plaintext that an operation reads.
    pub fn encode(
        program: &Verified,
        context: &Arc<Context>,
        source: &dyn PlainSource,
    ) -> Result<Self, StoreError> {
        let (expected, found) = (program.slots as usize, context.slots());
        if expected != found {
            return Err(StoreError::Slots { expected, found });
        }
        let encode = |(index, used): (usize, bool)| {
            let id = PlainId(index as u32);
            if used {
                encode_one(program, context, source, id).map(Some)
            } else {
                Ok(None)
            }
        };
        let used = used_as_they_are(program);
        let plaintexts = used
            .into_par_iter()
            .enumerate()
            .map(encode)
            .collect::<Result<_, _>>()?;
        let prepare = |(index, op)| prepare(program, context, source, index, op);
        let prepared = program
            .ops
            .iter()
            .enumerate()
            .map(prepare)
            .collect::<Result<_, _>>()?;
        let bootstrapper = program
            .refreshing()
            .map(|spec| Bootstrapper::new(context, spec).map_err(StoreError::Bootstrap));
        Ok(Self {
            plaintexts,
            prepared,
            bootstrapper: bootstrapper.transpose()?,
        })
    }

    /// Bytes of the encoded plaintexts.
    pub fn bytes(&self) -> usize {
        let weights = |prepared: &Prepared| match prepared {
            Prepared::Linear(linear) => linear.1.bytes(),
            _ => 0,
        };
        let plaintexts: usize = self.plaintexts.iter().flatten().map(Plaintext::bytes).sum();
        let transforms = self
            .bootstrapper
            .as_ref()
            .map_or(0, Bootstrapper::plaintext_bytes);
        plaintexts + self.prepared.iter().map(weights).sum::<usize>() + transforms
    }

    /// What refreshes, if the program does.
    pub(super) fn bootstrapper(&self) -> Option<&Bootstrapper> {
        self.bootstrapper.as_ref()
    }

    /// A plaintext that some operation reads as it is.
    pub(super) fn get(&self, id: PlainId) -> Option<&Plaintext> {
        self.plaintexts.get(id.0 as usize)?.as_ref()
    }

    pub(super) fn prepared(&self, op: usize) -> &Prepared {
        self.prepared.get(op).unwrap_or(&Prepared::Nothing)
    }
}

/// Which plaintexts are read on their own: factors of transforms stand in the weights of these, coefficients of polynomials are read
/// as numbers.
fn used_as_they_are(program: &Program) -> Vec<bool> {
    let mut used = vec![false; program.plaintexts.len()];
    for op in &program.ops {
        match op {
            Op::AddPlain { plain, .. } => plain.iter().for_each(|p| used[p.0 as usize] = true),
            Op::Scale { plain, .. } => used[plain.0 as usize] = true,
            _ => {}
        }
    }
    used
}

/// One period of a plaintext's values, as its class says.
enum Period {
    Real(Vec<f64>),
    Complex(Vec<Complex>),
}

fn period(
    program: &Program,
    context: &Context,
    source: &dyn PlainSource,
    id: PlainId,
) -> Result<Period, StoreError> {
    let values = fetch(source, id, context.slots())?;
    let class = program.plaintexts[id.0 as usize].class;
    let period = class.period(context.slots());
    let repeats = |v: &[f64]| (period..v.len()).all(|s| v[s].to_bits() == v[s % period].to_bits());
    if !repeats(&values.re) || !repeats(&values.im) {
        return Err(StoreError::Class { id, class });
    }
    Ok(match values.is_real() {
        true => Period::Real(values.to_real(period)),
        false => Period::Complex(values.to_complex(period)),
    })
}

fn encode_one(
    program: &Program,
    context: &Context,
    source: &dyn PlainSource,
    id: PlainId,
) -> Result<Plaintext, StoreError> {
    let info = &program.plaintexts[id.0 as usize];
    let level = info.level as usize;
    let encoded = match period(program, context, source, id)? {
        Period::Real(values) => context.encode(&values, info.scale, level, info.special),
        Period::Complex(values) => context.encode_complex(&values, info.scale, level, info.special),
    };
    encoded.map_err(|source| StoreError::Encode { id, source })
}

/// Encodes the factors of a transform at `level` where it reads them.
fn encode_weights(
    program: &Program,
    context: &Context,
    source: &dyn PlainSource,
    plan: &LinearPlan,
    terms: &[super::op::Term],
    level: usize,
) -> Result<Weights, StoreError> {
    let info = |id: PlainId| &program.plaintexts[id.0 as usize];
    let mut repeating: Vec<PlainId> = terms.iter().map(|t| t.plain).collect();
    repeating.sort_unstable();
    repeating.dedup();
    repeating.retain(|&id| info(id).class.period(context.slots()) < context.slots());
    let mut repeating: BTreeMap<u32, Plaintext> = repeating
        .into_par_iter()
        .map(|id| Ok((id.0, encode_one(program, context, source, id)?)))
        .collect::<Result<_, StoreError>>()?;
    let scale = terms.first().map_or(1.0, |t| info(t.plain).scale);
    let mut weights = Weights::layout(context, plan, level, scale, |id| repeating.remove(&id));
    let coefficients = |&id: &u32| {
        let PlainInfo { scale, level, .. } = *info(PlainId(id));
        let (re, im) = match period(program, context, source, PlainId(id))? {
            Period::Real(values) => {
                let im = vec![0.0; values.len()];
                (values, im)
            }
            Period::Complex(values) => values.iter().map(|z| (z.re, z.im)).unzip(),
        };
        let rounded = context.integer_coefficients(re, im, scale, level as usize);
        Ok((
            id,
            rounded.map_err(|source| StoreError::Encode {
                id: PlainId(id),
                source,
            })?,
        ))
    };
    for rows in weights.unstructured().chunks(ROWS_AT_ONCE) {
        let rows: Vec<_> = rows
            .par_iter()
            .map(coefficients)
            .collect::<Result<_, StoreError>>()?;
        weights.encode(context, &rows);
    }
    Ok(weights)
}

fn prepare(
    program: &Program,
    context: &Context,
    source: &dyn PlainSource,
    index: usize,
    op: &Op,
) -> Result<Prepared, StoreError> {
    let refused = |source| {
        let layer = program.layers[program.values[index].layer as usize].clone();
        StoreError::Operation {
            op: index,
            layer,
            source,
        }
    };
    Ok(match op {
        Op::Linear {
            x,
            outputs,
            terms,
            rescale,
        } => {
            let term = |t: &super::op::Term| Term {
                output: t.output,
                giant: t.giant,
                input: t.input,
                baby: t.baby,
                plain: t.plain.0,
            };
            let plan = LinearPlan::new(*outputs as usize, terms.iter().map(term).collect(), *rescale);
            let plan = plan.map_err(refused)?;
            let level = program.values[x.0 as usize].level as usize;
            let weights = encode_weights(program, context, source, &plan, terms, level)?;
            Prepared::Linear(Box::new((plan, weights)))
        }
        Op::Polynomial { x, coefficients } => {
            let c = constants(source, coefficients, context.slots())?;
            if c.iter().any(|c| c.im != 0.0) {
                return Err(StoreError::Coefficient { op: index });
            }
            let level = program.values[x.0 as usize].level as usize;
            let c: Vec<f64> = c.iter().map(|c| c.re).collect();
            Prepared::Polynomial(PolynomialPlan::new(context.chain(), &c, level).map_err(refused)?)
        }
        Op::Refresh { bound, .. } => {
            let spec = program.bootstrap.as_ref();
            let eval_mod = spec.map(|spec| EvalMod::new(context.chain(), spec, *bound).map_err(refused));
            eval_mod.transpose()?.map_or(Prepared::Nothing, Prepared::Refresh)
        }
        _ => Prepared::Nothing,
    })
}

/// The slots of an input tile as a client encodes them: at the canonical scale of the level at which the program takes it.
pub fn encode_input(
    program: &Program,
    context: &Context,
    input: usize,
    tile: &Slots,
) -> Result<Plaintext, crate::Error> {
    let count = crate::Error::Count {
        what: "inputs",
        found: input,
        expected: program.inputs.len(),
    };
    let info = &program.values[program.inputs.get(input).ok_or(count)?.value.0 as usize];
    let level = info.level as usize;
    if tile.is_real() {
        context.encode(&tile.re, info.scale, level, false)
    } else {
        context.encode_complex(&tile.to_complex(tile.len()), info.scale, level, false)
    }
}
