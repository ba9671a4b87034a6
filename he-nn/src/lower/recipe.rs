//! Where every weight stands: plaintexts as descriptions, filled one at a time when there is a checkpoint.

use std::borrow::Cow;
use std::sync::Arc;

use he_core::program::{PlainId, PlainSource, Slots};

use crate::plan::network::StepId;
use crate::plan::packing::cover::{Cover, Diagonal, Nonzero};
use crate::plan::packing::merge::Merge;

/// How the slots of a plaintext follow from a step's numbers.
#[derive(Clone, Debug, PartialEq)]
pub enum Recipe {
    /// Weights of an affine step, or the ones of a step that brings an operand over.
    Weights {
        /// The step.
        step: StepId,
        /// Slots after which the plaintext repeats.
        period: usize,
        /// Which weight serves which slot.
        cover: Arc<Cover>,
        /// The diagonals that are its real and its imaginary part.
        parts: [Option<Diagonal>; 2],
        /// Which tiles are merged.
        merge: Merge,
        /// The giant step that follows: weights stand that much further up.
        giant: i32,
    },
    /// One number an output element: (slot, element), repeated with the period. `series` selects among a step's vectors.
    Elements {
        /// The step.
        step: StepId,
        /// Which vector: the bias of an affine step, a coefficient of a polynomial.
        series: usize,
        /// Slots of one sample.
        period: usize,
        /// Where each element's number stands.
        nonzeros: Vec<Nonzero>,
    },
    /// One number for all slots: a coefficient.
    Constant {
        /// The step.
        step: StepId,
        /// Which coefficient.
        series: usize,
    },
}

/// The numbers of one step, folded from a checkpoint.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StepWeights {
    /// Weights of an affine step, by tap; of a sum or product, one that brings operands over.
    pub taps: Vec<f64>,
    /// Vectors of one number (for all elements) or one number an element: an affine step's bias, a polynomial's coefficients in
    /// ascending powers.
    pub series: Vec<Vec<f64>>,
}

/// Recipes applied to weights: the plaintexts of a program.
pub struct FilledWeights<'a> {
    recipes: &'a [Recipe],
    weights: &'a [StepWeights],
}

impl<'a> FilledWeights<'a> {
    /// Plaintexts of `lowered` with one [`StepWeights`] a step.
    pub fn new(recipes: &'a [Recipe], weights: &'a [StepWeights]) -> Self {
        FilledWeights { recipes, weights }
    }
}

impl PlainSource for FilledWeights<'_> {
    fn plain(&self, id: PlainId) -> Option<Cow<'_, Slots>> {
        let slots = match self.recipes.get(id.0 as usize)? {
            Recipe::Weights {
                step,
                period,
                cover,
                parts,
                merge,
                giant,
            } => {
                let taps = &self.weights.get(*step)?.taps;
                let place = |diagonal: Option<Diagonal>, factor: f64| -> Option<Vec<f64>> {
                    let mut slots = vec![0.0; *period];
                    for (slot, tap) in diagonal.map_or(vec![], |diagonal| cover.nonzeros(diagonal)) {
                        let slot = (slot as i32 + giant).rem_euclid(cover.owners.period as i32) as usize;
                        if let Some(value) = slots.get_mut(slot) {
                            *value += factor * *taps.get(tap as usize)?;
                        }
                    }
                    Some(slots)
                };
                let [real, imaginary] = *parts;
                // The conjugation doubles what is halved here.
                let (half, sign) = match merge {
                    Merge::None => (1.0, 1.0),
                    Merge::Inputs => (0.5, -1.0),
                    Merge::Outputs => (0.5, 1.0),
                };
                let im = match imaginary {
                    None => vec![],
                    imaginary => place(imaginary, sign * half)?,
                };
                let re = place(real, half)?;
                return Some(Cow::Owned(Slots { re, im }));
            }
            Recipe::Elements {
                step,
                series,
                period,
                nonzeros,
            } => {
                let values = self.weights.get(*step)?.series.get(*series)?;
                let mut slots = vec![0.0; *period];
                for &(slot, element) in nonzeros {
                    slots[slot as usize] =
                        *values.get(if values.len() == 1 { 0 } else { element as usize })?;
                }
                slots
            }
            Recipe::Constant { step, series } => {
                vec![*self.weights.get(*step)?.series.get(*series)?.first()?]
            }
        };
        Some(Cow::Owned(slots.into()))
    }
}
