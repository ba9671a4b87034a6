//! The folded numbers, once there is a checkpoint.
//!
//! Notation: an affine stage is `y = A₂ (W (A₁ x + b₁) + b) + b₂` with diagonal `A₁`, `A₂`. Its tap values are those of `A₂ W A₁`, its
//! offsets `A₂ (W b₁ + b) + b₂`: `W b₁` runs over the layer's own entries, so that a shift in front of a zero-padded convolution
//! comes out right at the borders, for each output element.

use super::Stages;
use super::fold::{ANY, Fold, Part, Source};
use super::pattern::Pattern;
use super::stage::{Affine, Kind, StageId};
use crate::approx;
use crate::checkpoint::Checkpoint;
use crate::clear;
use crate::error::{Error, Result};
use crate::graph::{NodeId, Op};
use crate::layer::{self, Activation, Approx, Method};
use std::collections::HashMap;

/// Numbers of an affine stage.
#[derive(Clone, Debug, PartialEq)]
pub struct AffineValues {
    /// One value for each tap of the pattern.
    pub taps: Vec<f64>,
    /// One offset for each output.
    pub bias: Vec<f64>,
}

/// Chebyshev coefficients of a polynomial stage.
#[derive(Clone, Debug, PartialEq)]
pub struct PolynomialValues {
    /// `degree + 1` coefficients for each row, of `T_0` first.
    pub coefficients: Vec<Vec<f64>>,
    /// Elements of the operand that one row serves, in order: row `i / elements_per_row`.
    pub elements_per_row: usize,
}

/// Stages with the numbers of a checkpoint.
#[derive(Debug)]
pub struct Loaded<'a> {
    stages: &'a Stages,
    checkpoint: &'a Checkpoint,
    /// Values of the nodes computed from weights only.
    plain: HashMap<NodeId, Vec<f64>>,
}

impl Stages {
    /// Adds the numbers of a checkpoint.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] listing every mismatch.
    pub fn load<'a>(&'a self, checkpoint: &'a Checkpoint) -> Result<Loaded<'a>> {
        checkpoint.check(&self.model.manifest())?;
        let plain = clear::plain_nodes(self.model, checkpoint)?;
        Ok(Loaded {
            stages: self,
            checkpoint,
            plain,
        })
    }
}

impl Loaded<'_> {
    /// The stages.
    #[must_use]
    pub fn stages(&self) -> &Stages {
        self.stages
    }

    /// Numbers of an affine stage; `None` for another kind.
    ///
    /// # Errors
    /// [`Error::NonFinite`] if folding overflows or divides by zero.
    pub fn affine(&self, id: StageId) -> Result<Option<AffineValues>> {
        let Kind::Affine(affine) = &self.stages.get(id).kind else {
            return Ok(None);
        };
        let (a1, b1) = self.folded(&affine.before, affine.core.cols())?;
        let (a2, b2) = self.folded(&affine.behind, affine.pattern.rows())?;
        let (weights, bias) = match affine.weights {
            Some(node) => self.weights(node)?,
            None => (vec![1.0; affine.core.taps()], Vec::new()),
        };
        let mut core_bias = vec![0.0; affine.core.rows()];
        if b1.iter().any(|&b| b != 0.0) {
            affine
                .core
                .for_each(&mut |o, i, t| core_bias[o as usize] += weights[t as usize] * b1[i as usize]);
        }
        let (_, [row, _]) = Affine::groups(&affine.core);
        if !bias.is_empty() {
            core_bias
                .iter_mut()
                .enumerate()
                .for_each(|(o, b)| *b += bias[row(o)]);
        }
        let outputs =
            (0..affine.pattern.rows()).map(|r| affine.core_row(r).map_or(0.0, |row| core_bias[row]));
        let bias: Vec<f64> = outputs
            .zip(a2.iter().zip(&b2))
            .map(|(y, (a, b))| a * y + b)
            .collect();
        let taps = self.taps(affine, &weights, &a1, &a2);
        self.finite(id, &taps)?;
        self.finite(id, &bias)?;
        Ok(Some(AffineValues { taps, bias }))
    }

    fn taps(&self, affine: &Affine, weights: &[f64], a1: &[f64], a2: &[f64]) -> Vec<f64> {
        if !Affine::is_shared(&affine.pattern) {
            let mut taps = Vec::with_capacity(affine.pattern.taps());
            let product = |r: u32, i: u32, t: u32| a2[r as usize] * weights[t as usize] * a1[i as usize];
            let entry = &mut |r: u32, i: u32, t: u32| taps.push(product(r, i, t));
            match &affine.rows {
                None => affine.core.for_each(entry),
                Some(rows) => {
                    Pattern::Rows {
                        inner: Box::new(affine.core.clone()),
                        rows: rows.clone(),
                    }
                    .for_each(entry);
                }
            }
            return taps;
        }
        let ([rows, cols], [row, col]) = Affine::groups(&affine.core);
        let mut by_row = vec![1.0; rows];
        for (r, &a) in a2.iter().enumerate() {
            if let Some(core_row) = affine.core_row(r) {
                by_row[row(core_row)] = a;
            }
        }
        let mut by_col = vec![1.0; cols];
        a1.iter().enumerate().for_each(|(i, &a)| by_col[col(i)] = a);
        match affine.core {
            Pattern::Diagonal { elements } => (0..elements)
                .map(|i| by_row[i] * weights[i] * by_col[i])
                .collect(),
            _ => {
                let (per_row, groups) = (weights.len() / rows, affine.core.groups());
                let per_col = per_row * groups / cols;
                let first = |o: usize| o / (rows / groups) * (cols / groups);
                let tap = |(t, w): (usize, &f64)| {
                    let o = t / per_row;
                    by_row[o] * w * by_col[first(o) + t % per_row / per_col]
                };
                weights.iter().enumerate().map(tap).collect()
            }
        }
    }

    /// What a shift adds to each element; `None` for another kind.
    ///
    /// # Errors
    /// [`Error::NonFinite`] if folding overflows or divides by zero.
    pub fn shift(&self, id: StageId) -> Result<Option<Vec<f64>>> {
        let stage = self.stages.get(id);
        let Kind::Shift { offset, .. } = &stage.kind else {
            return Ok(None);
        };
        let (_, b) = self.folded(&offset.folds, stage.elements())?;
        self.finite(id, &b)?;
        Ok(Some(b))
    }

    /// Coefficients of a polynomial stage; `None` for another kind.
    ///
    /// # Errors
    /// [`Error::NonFinite`] if the function is not finite on its interval.
    pub fn polynomial(&self, id: StageId) -> Result<Option<PolynomialValues>> {
        let stage = self.stages.get(id);
        let &Kind::Polynomial {
            degree,
            function,
            range,
            factor,
            ref piece,
            ref seed,
            ..
        } = &stage.kind
        else {
            return Ok(None);
        };
        let mut coefficients = match (piece, seed) {
            (Some(piece), _) => vec![piece.coefficients()],
            (None, Some(seed)) => vec![seed.to_vec()],
            (None, None) => self.chebyshev(function, range)?,
        };
        for row in &mut coefficients {
            // The doubling chain carries the top term as `c_d (T_d + 1)`.
            if row.len() == degree + 2 {
                let top = row.pop().unwrap_or(0.0);
                row[0] -= top;
            }
            row.iter_mut().for_each(|c| *c *= factor);
            self.finite(id, row)?;
        }
        let elements_per_row = stage.elements() / coefficients.len();
        Ok(Some(PolynomialValues {
            coefficients,
            elements_per_row,
        }))
    }

    /// Chebyshev coefficients of a function node on `[-range, range]`: one row, or one for each entry of dimension 0.
    fn chebyshev(&self, function: NodeId, range: f64) -> Result<Vec<Vec<f64>>> {
        let node = self.stages.model.node(function);
        Ok(match node.op {
            Op::Activation(Activation {
                function,
                approx:
                    Approx {
                        method: Method::Polynomial { degree },
                        ..
                    },
            }) => {
                let fit = approx::fit(|x| function.call(x), degree, range)?;
                vec![fit.coefficients().to_vec()]
            }
            _ => {
                let tensors = clear::weights(node, self.checkpoint)?;
                let coefficients = tensors.first().map(Vec::as_slice).unwrap_or_default();
                let degree = if let Op::Polynomial { degree, .. } = node.op {
                    degree
                } else {
                    0
                };
                let rows = layer::polynomial::rows(coefficients, degree);
                rows.map(|row| approx::power_to_chebyshev(row, range)).collect()
            }
        })
    }

    /// Weights and bias of a convolution or linear layer; an empty bias where it has none.
    fn weights(&self, node: NodeId) -> Result<(Vec<f64>, Vec<f64>)> {
        let mut tensors = clear::weights(self.stages.model.node(node), self.checkpoint)?.into_iter();
        Ok((
            tensors.next().unwrap_or_default(),
            tensors.next().unwrap_or_default(),
        ))
    }

    /// The maps one after the other, as one factor and one offset for each element.
    fn folded(&self, folds: &[Fold], elements: usize) -> Result<(Vec<f64>, Vec<f64>)> {
        let (mut a, mut b) = (vec![1.0; elements], vec![0.0; elements]);
        for fold in folds {
            let (factors, offsets) = self.table(fold.source)?;
            for i in 0..elements {
                let class = fold.classes.as_ref().map_or(0, |classes| classes[i]);
                if class >= ANY {
                    continue;
                }
                // A table of one row serves every class.
                let at = |table: &[f64]| table.get(class as usize).or(table.first()).copied();
                let factor = if fold.part == Part::Offset {
                    1.0
                } else {
                    at(&factors).unwrap_or(1.0)
                };
                let offset = if fold.part == Part::Factor {
                    0.0
                } else {
                    at(&offsets).unwrap_or(0.0)
                };
                let weight = fold.weight.as_ref().map_or(1.0, |weight| weight[i]);
                a[i] *= factor;
                b[i] = factor * b[i] + weight * offset;
            }
        }
        Ok((a, b))
    }

    /// Factors and offsets of a source, one for each class; empty means ones, or zeros.
    fn table(&self, source: Source) -> Result<(Vec<f64>, Vec<f64>)> {
        let plain = |node: NodeId| self.plain.get(&node).cloned().unwrap_or_default();
        Ok(match source {
            Source::Constant(factor) => (vec![factor], Vec::new()),
            Source::Addend(addend) => (Vec::new(), vec![addend]),
            Source::Layer(id) => {
                let node = self.stages.model.node(id);
                layer::elementwise_map(&node.op, &clear::weights(node, self.checkpoint)?)
            }
            Source::Divisors(id) => {
                let node = self.stages.model.node(id);
                let from = node
                    .inputs
                    .as_slice()
                    .first()
                    .map(|&x| self.stages.model.node(x).shape.to_vec());
                let divisors = layer::divisors(&node.op, &from.unwrap_or_default(), &node.shape.to_vec());
                (divisors.iter().map(|d| 1.0 / d).collect(), Vec::new())
            }
            Source::Offset { plain: node, scale } => {
                (Vec::new(), plain(node).iter().map(|p| scale * p).collect())
            }
            Source::Product(node) => (plain(node), Vec::new()),
            Source::Twin { function, range } => {
                let rows = self.chebyshev(function, range)?;
                let factors = rows.iter().map(|c| 2.0 * c[2] / (range * range)).collect();
                (factors, rows.iter().map(|c| c[1] / range).collect())
            }
            Source::TwinConstant { function, range } => (
                Vec::new(),
                self.chebyshev(function, range)?
                    .iter()
                    .map(|c| c[0] - c[2])
                    .collect(),
            ),
            Source::Doubling {
                function,
                range,
                doublings,
                step,
                signed,
                offset,
            } => {
                let rows = self.chebyshev(function, range)?;
                let scales = rows.iter().map(|c| {
                    let top = c.last().copied().unwrap_or(0.0);
                    let scale = (step..doublings).fold(top.abs(), |s, _| (2.0 * s).sqrt());
                    let sign = if signed { top.signum() } else { 1.0 };
                    if offset { -sign * scale } else { sign * scale }
                });
                if offset {
                    (Vec::new(), scales.collect())
                } else {
                    (scales.collect(), Vec::new())
                }
            }
        })
    }

    fn finite(&self, id: StageId, values: &[f64]) -> Result<()> {
        let Some(index) = values.iter().position(|v| !v.is_finite()) else {
            return Ok(());
        };
        Err(Error::NonFinite {
            what: format!(
                "folded `{}`",
                self.stages.model.node(self.stages.get(id).node).label()
            ),
            index,
            found: values[index],
            help: "look for a scale, variance or divisor of zero among its weights",
        })
    }
}
