//! Runs a program on plain numbers: what its operations mean.
//!
//! Exact in every respect but f64 rounding: no scale, no level, no noise. The same kernels carry the bounds and simulated errors of
//! the [`error`](super::error) reader.

use std::borrow::Cow;

use rayon::prelude::*;

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
        Op::Conjugate { x } => each(x, &|t| Slots {
            re: t.re.clone(),
            im: t.im.iter().map(|v| -v).collect(),
        }),
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

/// `acc += plain ⊙ rot_r(x)`.
pub(super) fn accumulate(acc: &mut Slots, plain: &Slots, x: &Slots, r: usize) {
    if !(plain.is_real() && x.is_real()) && acc.is_real() {
        acc.im = vec![0.0; acc.len()];
    }
    mac(&mut acc.re, &plain.re, &x.re, r, 1.0);
    mac(&mut acc.re, &plain.im, &x.im, r, -1.0);
    mac(&mut acc.im, &plain.re, &x.im, r, 1.0);
    mac(&mut acc.im, &plain.im, &x.re, r, 1.0);
}

/// `acc[s] += sign * p[s mod len p] * x[s + r mod n]`; nothing where a part is absent. Lengths are powers of two.
fn mac(acc: &mut [f64], p: &[f64], x: &[f64], r: usize, sign: f64) {
    if p.is_empty() || x.is_empty() {
        return;
    }
    let n = x.len();
    let (low, high) = acc.split_at_mut(n - r);
    for (acc, x, start) in [(low, &x[r..], 0), (high, &x[..r], n - r)] {
        if let [p] = p {
            acc.iter_mut().zip(x).for_each(|(a, x)| *a += sign * p * x);
        } else if p.len() == n {
            let p = &p[start..start + x.len()];
            acc.iter_mut()
                .zip(p)
                .zip(x)
                .for_each(|((a, p), x)| *a += sign * p * x);
        } else {
            let mask = p.len() - 1;
            acc.iter_mut()
                .zip(x)
                .enumerate()
                .for_each(|(i, (a, x))| *a += sign * p[(start + i) & mask] * x);
        }
    }
}

/// `rot_r(x)[s] = x[(s + r) mod n]`.
pub(super) fn rotate(x: &Slots, r: i32) -> Slots {
    let turn = |v: &[f64]| {
        let mut v = v.to_vec();
        if !v.is_empty() {
            let n = v.len();
            v.rotate_left(r as usize % n);
        }
        v
    };
    Slots {
        re: turn(&x.re),
        im: turn(&x.im),
    }
}

/// Stage after stage, the sum of the rotations of the stage.
pub(super) fn rotate_sum(x: &Slots, stages: &[Vec<i32>]) -> Slots {
    let mut y = Cow::Borrowed(x);
    for stage in stages {
        let mut sum = Slots {
            re: vec![0.0; x.re.len()],
            im: vec![0.0; x.im.len()],
        };
        for &r in stage {
            mac(&mut sum.re, &[1.0], &y.re, r as usize % x.len(), 1.0);
            mac(&mut sum.im, &[1.0], &y.im, r as usize % x.len(), 1.0);
        }
        y = Cow::Owned(sum);
    }
    y.into_owned()
}

/// `a + sign * b`, where `b` may repeat.
pub(super) fn axpy(a: &Slots, b: &Slots, sign: f64) -> Slots {
    let slots = a.len();
    let part = |a: &[f64], b: &[f64]| -> Vec<f64> {
        if b.is_empty() {
            return a.to_vec();
        }
        let mut sum = if a.is_empty() {
            vec![0.0; slots]
        } else {
            a.to_vec()
        };
        for period in sum.chunks_mut(b.len()) {
            period.iter_mut().zip(b).for_each(|(sum, b)| *sum += sign * b);
        }
        sum
    };
    Slots {
        re: part(&a.re, &b.re),
        im: part(&a.im, &b.im),
    }
}

/// `a ⊙ b`, where `b` may repeat.
pub(super) fn product(a: &Slots, b: &Slots) -> Slots {
    let real = a.is_real() && b.is_real();
    let mut y = Slots {
        re: vec![0.0; a.len()],
        im: if real { Vec::new() } else { vec![0.0; a.len()] },
    };
    accumulate(&mut y, b, a, 0);
    y
}

pub(super) fn mul_i(x: &Slots) -> Slots {
    let re = if x.is_real() {
        vec![0.0; x.len()]
    } else {
        x.im.iter().map(|v| -v).collect()
    };
    Slots { re, im: x.re.clone() }
}

/// `sum of c_k T_k(x)` by Clenshaw's recurrence.
pub(super) fn chebyshev(x: &Slots, coefficients: &[Complex]) -> Slots {
    if x.is_real() && coefficients.iter().all(|c| c.im == 0.0) {
        let c: Vec<f64> = coefficients.iter().map(|c| c.re).collect();
        let blocks = x.re.chunks(BLOCK);
        let values = blocks.flat_map(|block| {
            let mut lanes = [0.0; BLOCK];
            lanes[..block.len()].copy_from_slice(block);
            clenshaw(&lanes, &c).into_iter().take(block.len())
        });
        return values.collect::<Vec<_>>().into();
    }
    let value = |x: Complex| {
        let (mut b1, mut b2) = (Complex::default(), Complex::default());
        for &c in coefficients.iter().skip(1).rev() {
            (b1, b2) = (c + x * b1 * 2.0 - b2, b1);
        }
        coefficients[0] + x * b1 - b2
    };
    (0..x.len()).map(|s| value(x.get(s))).collect::<Vec<_>>().into()
}

/// Numbers that take the steps of a recurrence together: one alone waits for every product.
const BLOCK: usize = 16;

fn clenshaw(x: &[f64; BLOCK], c: &[f64]) -> [f64; BLOCK] {
    let (mut b1, mut b2) = ([0.0; BLOCK], [0.0; BLOCK]);
    for &c in c.iter().skip(1).rev() {
        let next = std::array::from_fn(|i| c + x[i] * b1[i] * 2.0 - b2[i]);
        (b1, b2) = (next, b1);
    }
    std::array::from_fn(|i| c[0] + x[i] * b1[i] - b2[i])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rotation_moves_slot_s_plus_r_to_slot_s() {
        let x = Slots::from(vec![0.0, 1.0, 2.0, 3.0]);
        assert_eq!(rotate(&x, 1).re, [1.0, 2.0, 3.0, 0.0]);
        assert_eq!(rotate_sum(&x, &[vec![0, 1], vec![0, 2]]).re, [6.0; 4]);
    }

    #[test]
    fn products_follow_complex_arithmetic() {
        let a: Slots = vec![Complex::new(1.0, 2.0), Complex::new(0.5, -1.0)].into();
        let b: Slots = vec![Complex::new(3.0, -1.0)].into();
        let y = product(&a, &b);
        assert_eq!(y.get(0), Complex::new(5.0, 5.0));
        assert_eq!(y.get(1), Complex::new(0.5, -3.5));
        assert_eq!(mul_i(&a).get(0), Complex::new(-2.0, 1.0));
    }

    #[test]
    fn clenshaw_agrees_with_the_cosine() {
        let theta = [0.1f64, 1.0, 2.5];
        let x = Slots::from(theta.iter().map(|t| t.cos()).collect::<Vec<_>>());
        let c: Vec<Complex> = [0.5, -1.0, 0.25, 2.0].map(Complex::from).to_vec();
        for (t, y) in theta.iter().zip(chebyshev(&x, &c).re) {
            let expected: f64 = c
                .iter()
                .enumerate()
                .map(|(k, c)| c.re * (k as f64 * t).cos())
                .sum();
            assert!((y - expected).abs() < 1e-14);
        }
    }
}
