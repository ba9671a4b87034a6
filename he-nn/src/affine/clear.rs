//! Stages on floats: the reference of every lowering, and by itself checked against the unlowered graph.

use super::stage::Kind;
use super::values::Loaded;
use super::view::View;
use super::{Pattern, StageId};
use crate::approx;
use crate::error::{Error, Result};

impl Loaded<'_> {
    /// Values of every stage for one sample, inputs in the model's order. An output's value is what the client sees.
    ///
    /// # Errors
    /// [`Error::Length`] for an input of another size, [`Error::NonFinite`] from folding.
    pub fn run(&self, inputs: &[&[f64]]) -> Result<Vec<Vec<f64>>> {
        let mut values: Vec<Vec<f64>> = Vec::new();
        for (i, stage) in self.stages().list().iter().enumerate() {
            let id = StageId(i as u32);
            let value = match &stage.kind {
                Kind::Input { index } => {
                    let input = inputs.get(*index as usize).copied().unwrap_or_default();
                    if input.len() != stage.elements() {
                        let what = format!("input {index}");
                        return Err(Error::Length {
                            what,
                            found: input.len(),
                            expected: stage.elements(),
                        });
                    }
                    input.to_vec()
                }
                Kind::Affine(affine) => {
                    let numbers = self.affine(id)?;
                    let (taps, bias) = numbers.map(|n| (n.taps, n.bias)).unwrap_or_default();
                    apply(&affine.pattern, &taps, bias, &values[affine.input.index()])
                }
                Kind::Sum { x, pattern } => {
                    apply(pattern, &[1.0], vec![0.0; pattern.rows()], &viewed(x, &values))
                }
                Kind::Shift { x, .. } => {
                    let shift = self.shift(id)?.unwrap_or_default();
                    viewed(x, &values).iter().zip(shift).map(|(x, p)| x + p).collect()
                }
                Kind::Negate { x } => viewed(x, &values).iter().map(|x| -x).collect(),
                Kind::Square { x } => viewed(x, &values).iter().map(|x| x * x).collect(),
                Kind::Multiply { x, y } => pairwise(x, y, &values, |x, y| x * y),
                Kind::Add { x, y } => pairwise(x, y, &values, |x, y| x + y),
                Kind::Sub { x, y } => pairwise(x, y, &values, |x, y| x - y),
                Kind::Polynomial { x, argument, .. } => {
                    let Some(numbers) = self.polynomial(id)? else {
                        continue;
                    };
                    let row = |i: usize| &numbers.coefficients[i / numbers.elements_per_row];
                    let x = viewed(x, &values);
                    x.iter()
                        .enumerate()
                        .map(|(i, x)| approx::clenshaw(row(i), argument * x))
                        .collect()
                }
                Kind::Output { x, factor, .. } => viewed(x, &values).iter().map(|x| factor * x).collect(),
            };
            values.push(value);
        }
        Ok(values)
    }

    /// Outputs for one sample, in the model's order.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn outputs(&self, inputs: &[&[f64]]) -> Result<Vec<Vec<f64>>> {
        let values = self.run(inputs)?.into_iter();
        let stages = self.stages().list().iter().zip(values);
        Ok(stages
            .filter(|(stage, _)| matches!(stage.kind, Kind::Output { .. }))
            .map(|(_, v)| v)
            .collect())
    }
}

fn apply(pattern: &Pattern, taps: &[f64], bias: Vec<f64>, x: &[f64]) -> Vec<f64> {
    let mut y = bias;
    pattern.for_each(&mut |o, i, t| y[o as usize] += taps[t as usize] * x[i as usize]);
    y
}

fn viewed(view: &View, values: &[Vec<f64>]) -> Vec<f64> {
    let stage = &values[view.stage.index()];
    (0..view.elements())
        .map(|i| view.source(i).map_or(0.0, |s| stage[s]))
        .collect()
}

fn pairwise(x: &View, y: &View, values: &[Vec<f64>], f: impl Fn(f64, f64) -> f64) -> Vec<f64> {
    viewed(x, values)
        .into_iter()
        .zip(viewed(y, values))
        .map(|(x, y)| f(x, y))
        .collect()
}
