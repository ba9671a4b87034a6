//! Runs a program on plain numbers: what its operations mean.
//!
//! Exact in every respect but f64 rounding: no scale, no level, no noise.

use std::borrow::Cow;

use rayon::prelude::*;

use super::arithmetic::{accumulate, axpy, chebyshev, conjugate, mul_i, product, rotate, rotate_sum};
use super::op::{Op, PlainId, Program, Term, ValueId};
use super::slots::{PlainSource, Slots};
use crate::complex::Complex;

/// Why a program could not be run in the clear.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
#[expect(
    missing_docs,
    reason = "the fields are explained by the message above each variant"
)]
pub enum ClearError {
    /// A plaintext has no values.
    #[error("plaintext {} has no values", .0.0)]
    MissingPlaintext(PlainId),
    /// A plaintext's length does not divide the slots.
    #[error("plaintext {} has {found} values, expected a divisor of {slots}", id.0)]
    PlaintextLength { id: PlainId, found: usize, slots: usize },
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
    /// A slot beyond the bound that it is refreshed within: what would come back is another number.
    #[error("operation {op} of layer `{layer}`: a slot of {found} is to be refreshed within {bound}")]
    Refresh {
        op: usize,
        layer: String,
        found: f64,
        bound: f64,
    },
    /// A slot with an imaginary part, which would go to another slot.
    #[error("operation {op} of layer `{layer}`: a slot with the imaginary part {found} is to be refreshed")]
    Imaginary { op: usize, layer: String, found: f64 },
    /// An input tile has the wrong number of slots.
    #[error("input `{name}`: expected {expected} slots, found {found}")]
    Slots {
        name: String,
        expected: usize,
        found: usize,
    },
}

/// Runs `program` on one list of tiles per input; returns one per output.
pub fn run(
    program: &Program,
    plains: &dyn PlainSource,
    inputs: &[Vec<Slots>],
) -> Result<Vec<Vec<Slots>>, ClearError> {
    run_observed(program, plains, inputs, |_, _| {})
}

/// As [`run`], showing every value to `observe` as it is computed.
pub fn run_observed(
    program: &Program,
    plains: &dyn PlainSource,
    inputs: &[Vec<Slots>],
    mut observe: impl FnMut(ValueId, &[Slots]),
) -> Result<Vec<Vec<Slots>>, ClearError> {
    check_inputs(program, inputs)?;
    let last = program.last_uses();
    let mut values: Vec<Vec<Slots>> = Vec::with_capacity(program.ops.len());
    for (index, op) in program.ops.iter().enumerate() {
        if let Op::Refresh { x, bound } = op {
            check_refreshed(program, index, &values[x.0 as usize], *bound)?;
        }
        let value = evaluate(program, op, plains, inputs, &values)?;
        observe(ValueId(index as u32), &value);
        values.push(value);
        for operand in op.operands() {
            if last[operand.0 as usize] == index {
                values[operand.0 as usize] = Vec::new();
            }
        }
    }
    Ok(program
        .outputs
        .iter()
        .map(|port| values[port.value.0 as usize].clone())
        .collect())
}

/// How far beyond its bound a slot may be refreshed, and how large an imaginary part may be, relative to the bound: room for the
/// rounding of floats.
const REFRESH_TOLERANCE: f64 = 1e-9;

/// Refreshing is the identity on real slots within the bound, and on nothing else.
fn check_refreshed(program: &Program, op: usize, tiles: &[Slots], bound: f64) -> Result<(), ClearError> {
    let largest = |part: fn(&Slots) -> &[f64]| {
        let slots = tiles.iter().flat_map(part);
        slots.copied().fold(0.0f64, |most, v| {
            if v.abs() > most.abs() || v.is_nan() {
                v
            } else {
                most
            }
        })
    };
    let layer = || program.layers[program.values[op].layer as usize].clone();
    let (found, imaginary) = (largest(|t| &t.re), largest(|t| &t.im));
    let within = |v: f64, most: f64| !v.is_nan() && v.abs() <= most;
    if !within(found, bound * (1.0 + REFRESH_TOLERANCE)) {
        let layer = layer();
        return Err(ClearError::Refresh {
            op,
            layer,
            found,
            bound,
        });
    }
    if !within(imaginary, bound * REFRESH_TOLERANCE) {
        let (layer, found) = (layer(), imaginary);
        return Err(ClearError::Imaginary { op, layer, found });
    }
    Ok(())
}

/// Checks the shape of the inputs.
pub(super) fn check_inputs(program: &Program, inputs: &[Vec<Slots>]) -> Result<(), ClearError> {
    if inputs.len() != program.inputs.len() {
        return Err(ClearError::Inputs {
            expected: program.inputs.len(),
            found: inputs.len(),
        });
    }
    for (port, tiles) in program.inputs.iter().zip(inputs) {
        let expected = program.values[port.value.0 as usize].tiles as usize;
        if tiles.len() != expected {
            return Err(ClearError::Tiles {
                name: port.name.clone(),
                expected,
                found: tiles.len(),
            });
        }
        let expected = program.slots as usize;
        if let Some(tile) = tiles.iter().find(|t| t.len() != expected) {
            return Err(ClearError::Slots {
                name: port.name.clone(),
                expected,
                found: tile.len(),
            });
        }
    }
    Ok(())
}

/// The values of a plaintext, checked for length.
pub(super) fn fetch(
    plains: &dyn PlainSource,
    id: PlainId,
    slots: usize,
) -> Result<Cow<'_, Slots>, ClearError> {
    let values = plains.plain(id).ok_or(ClearError::MissingPlaintext(id))?;
    if values.is_empty() || !slots.is_multiple_of(values.len()) {
        return Err(ClearError::PlaintextLength {
            id,
            found: values.len(),
            slots,
        });
    }
    Ok(values)
}

fn evaluate(
    program: &Program,
    op: &Op,
    plains: &dyn PlainSource,
    inputs: &[Vec<Slots>],
    values: &[Vec<Slots>],
) -> Result<Vec<Slots>, ClearError> {
    let slots = program.slots as usize;
    let get = |id: &ValueId| values[id.0 as usize].as_slice();
    let each = |x: &ValueId, f: &(dyn Fn(&Slots) -> Slots + Sync)| get(x).par_iter().map(f).collect();
    let pairs = |x: &ValueId, y: &ValueId, f: &(dyn Fn(&Slots, &Slots) -> Slots + Sync)| {
        get(x).par_iter().zip(get(y)).map(|(a, b)| f(a, b)).collect()
    };
    Ok(match op {
        Op::Input { index } => inputs[*index as usize].clone(),
        Op::Linear {
            x, outputs, terms, ..
        } => linear(get(x), *outputs, terms, plains, slots)?,
        Op::RotateSum { x, stages } => each(x, &|t| rotate_sum(t, stages)),
        Op::Rotate { x, by } => get(x).iter().zip(by).map(|(t, &r)| rotate(t, r)).collect(),
        Op::Add { x, y } => pairs(x, y, &|a, b| axpy(a, b, 1.0)),
        Op::Sub { x, y } => pairs(x, y, &|a, b| axpy(a, b, -1.0)),
        Op::AddPlain { x, plain } => {
            let add = |(tile, id): (&Slots, &PlainId)| Ok(axpy(tile, &*fetch(plains, *id, slots)?, 1.0));
            get(x)
                .iter()
                .zip(plain)
                .map(add)
                .collect::<Result<_, ClearError>>()?
        }
        Op::Multiply { x, y } => pairs(x, y, &product),
        Op::Square { x } => each(x, &|t| product(t, t)),
        Op::Scale { x, plain } => {
            let factor = fetch(plains, *plain, slots)?;
            each(x, &|t| product(t, &factor))
        }
        Op::Conjugate { x } => each(x, &conjugate),
        Op::MulI { x } => each(x, &mul_i),
        Op::Adjust { x, .. } | Op::Refresh { x, .. } => get(x).to_vec(),
        Op::Gather { parts } => parts.iter().flat_map(&get).cloned().collect(),
        Op::Select { x, tiles } => tiles.iter().map(|&t| get(x)[t as usize].clone()).collect(),
        Op::Polynomial { x, coefficients } => {
            let coefficients = constants(plains, coefficients, slots)?;
            each(x, &|t| chebyshev(t, &coefficients))
        }
    })
}

/// First slots of constant plaintexts.
pub(super) fn constants(
    plains: &dyn PlainSource,
    ids: &[PlainId],
    slots: usize,
) -> Result<Vec<Complex>, ClearError> {
    ids.iter()
        .map(|&id| Ok(fetch(plains, id, slots)?.get(0)))
        .collect()
}

/// `y[o] = sum of rot_giant(plain ⊙ rot_baby(x[input]))`.
pub(super) fn linear(
    x: &[Slots],
    outputs: u32,
    terms: &[Term],
    plains: &dyn PlainSource,
    slots: usize,
) -> Result<Vec<Slots>, ClearError> {
    (0..outputs)
        .into_par_iter()
        .map(|output| {
            let start = terms.partition_point(|t| t.output < output);
            let terms = &terms[start..start + terms[start..].partition_point(|t| t.output == output)];
            let mut y = Slots::zeros(slots);
            for group in terms.chunk_by(|a, b| a.giant == b.giant) {
                let mut inner = Slots::zeros(slots);
                for t in group {
                    accumulate(
                        &mut inner,
                        &*fetch(plains, t.plain, slots)?,
                        &x[t.input as usize],
                        t.baby as usize,
                    );
                }
                y = axpy(&y, &rotate(&inner, group[0].giant), 1.0);
            }
            Ok(y)
        })
        .collect()
}
