//! The numbers of every step, traced from a checkpoint to where lowering expects them.

use super::{Source, Translated};
use crate::affine::{Kind, Loaded, StageId, Stages};
use crate::approx;
use crate::checkpoint::Checkpoint;
use crate::error::Result;
use crate::lower::StepWeights;
use crate::plan::network::{Step, StepKind};

impl Translated {
    /// The numbers of every step, from a checkpoint.
    ///
    /// # Errors
    /// Those of [`Stages::load`]: everything in which the checkpoint does not fit the model.
    pub fn weights(&self, stages: &Stages, checkpoint: &Checkpoint) -> Result<Vec<StepWeights>> {
        let loaded = stages.load(checkpoint)?;
        let steps = self.sources.iter().zip(&self.network.steps);
        steps
            .map(|(source, step)| step_weights(&loaded, *source, step))
            .collect()
    }
}

fn step_weights(loaded: &Loaded<'_>, source: Source, step: &Step) -> Result<StepWeights> {
    let series = |values: Vec<f64>| StepWeights {
        taps: vec![],
        series: vec![values],
    };
    Ok(match source {
        Source::None => StepWeights {
            // An operand may be brought to the slots of the other.
            taps: match step.kind {
                StepKind::Add { .. } | StepKind::Multiply { .. } => vec![1.0],
                _ => vec![],
            },
            series: vec![],
        },
        Source::Affine(id) => match loaded.affine(id)? {
            Some(values) => StepWeights {
                taps: values.taps,
                series: vec![values.bias],
            },
            None => StepWeights::default(),
        },
        Source::LeadingFactor { affine, polynomial } => {
            let Some(mut values) = loaded.affine(affine)? else {
                return Ok(StepWeights::default());
            };
            let coefficients = powers(loaded, polynomial, step.elements)?;
            let StepKind::Affine { map, .. } = &step.kind else {
                return Ok(StepWeights::default());
            };
            let mut factor = vec![1.0; values.taps.len()];
            for row in 0..map.rows() {
                for entry in map.row(row) {
                    factor[entry.tap as usize] = at(&coefficients[2], row);
                }
            }
            values
                .taps
                .iter_mut()
                .zip(&factor)
                .for_each(|(tap, factor)| *tap *= factor);
            for (row, bias) in values.bias.iter_mut().enumerate() {
                *bias = *bias * at(&coefficients[2], row) + at(&coefficients[1], row);
            }
            StepWeights {
                taps: values.taps,
                series: vec![values.bias],
            }
        }
        Source::ConstantTerm(id) => series(powers(loaded, id, step.elements)?.swap_remove(0)),
        Source::Front(id) => StepWeights {
            // What a layer in front delivers needs no factor.
            taps: vec![match loaded.stages().get(id).kind {
                Kind::Polynomial { argument, .. } => argument,
                _ => 1.0,
            }],
            series: vec![vec![0.0]],
        },
        Source::Shift(id) => series(loaded.shift(id)?.unwrap_or_default()),
        Source::Polynomial(id) => StepWeights {
            taps: vec![],
            series: match step.kind {
                StepKind::Polynomial {
                    per_element: false,
                    unit: true,
                    ..
                } => rows(loaded, id, step.elements, |row, _| row.to_vec())?,
                StepKind::Polynomial { degree: 0..=3, .. } => powers(loaded, id, step.elements)?,
                _ => products(loaded, id, step.elements)?,
            },
        },
    })
}

fn at(values: &[f64], element: usize) -> f64 {
    values[if values.len() == 1 { 0 } else { element }]
}

/// Coefficients in ascending powers of the operand.
fn powers(loaded: &Loaded<'_>, id: StageId, elements: usize) -> Result<Vec<Vec<f64>>> {
    rows(loaded, id, elements, from_chebyshev)
}

/// Coefficients in products of the monic powers, then the offsets of these, negative: see [`approx::chebyshev_to_products`].
fn products(loaded: &Loaded<'_>, id: StageId, elements: usize) -> Result<Vec<Vec<f64>>> {
    let Kind::Polynomial { argument, degree, .. } = loaded.stages().get(id).kind else {
        return Ok(vec![]);
    };
    let range = power_range(argument);
    let mut series = rows(loaded, id, elements, |row, argument| {
        let mut row = row.to_vec();
        if argument.abs() > 1.0 {
            row = approx::power_to_chebyshev(&approx::chebyshev_to_power(&row, 1.0 / argument.abs()), range);
        }
        if argument < 0.0 {
            row.iter_mut().skip(1).step_by(2).for_each(|c| *c = -*c);
        }
        approx::chebyshev_to_products(&row, range)
    })?;
    series.extend((0..degree.ilog2()).map(|i| vec![-approx::power_offset(1 << i, range)]));
    Ok(series)
}

/// The interval of the monic powers. Below 1 they would vanish under the rounding of the ciphertexts.
pub(in crate::plan) fn power_range(argument: f64) -> f64 {
    (1.0 / argument.abs()).max(1.0)
}

/// The coefficients that `basis` makes of the Chebyshev ones, for each row: one vector a coefficient, with one number for all
/// elements or one an element.
fn rows(
    loaded: &Loaded<'_>,
    id: StageId,
    elements: usize,
    basis: impl Fn(&[f64], f64) -> Vec<f64>,
) -> Result<Vec<Vec<f64>>> {
    let (Some(values), Kind::Polynomial { argument, degree, .. }) =
        (loaded.polynomial(id)?, &loaded.stages().get(id).kind)
    else {
        return Ok(vec![]);
    };
    let rows: Vec<Vec<f64>> = values
        .coefficients
        .iter()
        .map(|row| basis(row, *argument))
        .collect();
    let shared = rows.len() == 1;
    Ok((0..=*degree)
        .map(|power| match shared {
            true => vec![rows[0][power]],
            false => (0..elements)
                .map(|e| rows[e / values.elements_per_row][power])
                .collect(),
        })
        .collect())
}

/// `sum c_k T_k(a x)` in ascending powers of x, for degrees up to 3.
fn from_chebyshev(coefficients: &[f64], argument: f64) -> Vec<f64> {
    let c = |k: usize| coefficients.get(k).copied().unwrap_or(0.0);
    let a = argument;
    let powers = [
        c(0) - c(2),
        (c(1) - 3.0 * c(3)) * a,
        2.0 * c(2) * a * a,
        4.0 * c(3) * a * a * a,
    ];
    powers[..coefficients.len().min(4)].to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chebyshev_to_powers() {
        let powers = from_chebyshev(&[0.3, -0.7, 0.2, 0.5], 0.5);
        for x in [-1.5f64, -0.2, 0.0, 0.9, 2.0] {
            let t = 0.5 * x;
            let expected = 0.3 - 0.7 * t + 0.2 * (2.0 * t * t - 1.0) + 0.5 * (4.0 * t * t * t - 3.0 * t);
            let found = powers.iter().rev().fold(0.0, |sum, c| sum * x + c);
            assert!((found - expected).abs() < 1e-14);
        }
    }
}
