//! Affine maps: products with the weights' plaintexts and folds, on tiles that may be merged as real and imaginary parts.

use std::collections::BTreeMap;

use he_core::program::verify::VerifyError;
use he_core::program::{PlainId, Term, ValueId};

use super::{Recipe, Writer};
use crate::plan::network::{StepId, StepKind};
use crate::plan::packing::cover::Diagonal;
use crate::plan::packing::merge::{Merge, merged};
use crate::plan::search::{Choice, LinearChoice};

impl Writer<'_> {
    /// The bound by which an affine map divides what it delivers: where its only reader refreshes it at the entry level, which leaves no
    /// level for a division of its own.
    fn divisor(&self, id: StepId, level: u32) -> Option<f64> {
        let is_affine = matches!(self.network.steps[id].kind, StepKind::Affine { .. });
        if !is_affine || self.entry != Some(level) {
            return None;
        }
        match self.network.only_reader(id)?.kind {
            StepKind::Refresh { bound, .. } => Some(bound * self.excess[id]),
            _ => None,
        }
    }

    /// A factor of `x` in step `id`.
    fn factor(
        &mut self,
        id: StepId,
        x: ValueId,
        period: usize,
        special: bool,
    ) -> Result<PlainId, VerifyError> {
        let (class, state) = (self.class(period), self.builder.state(x)?);
        let divisor = state
            .level
            .checked_sub(1)
            .and_then(|level| self.divisor(id, level));
        match (
            divisor,
            self.builder.chain().factor_scale(state.level, state.scale),
        ) {
            (Some(divisor), Some(scale)) => self.builder.factor_at(x, scale / divisor, class, special),
            _ => self.builder.factor(x, class, special),
        }
    }

    /// Tiles t and t + h as real and imaginary parts.
    fn merge(&mut self, x: ValueId) -> Result<ValueId, VerifyError> {
        let tiles = self.builder.state(x)?.tiles;
        let half = merged(tiles as usize) as u32;
        let imaginary = self.builder.select(x, (half..tiles).collect())?;
        let imaginary = self.builder.mul_i(imaginary)?;
        let real = self.builder.select(x, (0..tiles - half).collect())?;
        let mut parts = vec![self.builder.add(real, imaginary)?];
        if half > tiles - half {
            parts.push(self.builder.select(x, vec![half - 1])?);
        }
        self.builder.gather(parts)
    }

    /// Twice the real parts of `z`, and twice the imaginary parts of as many of its tiles as `tiles` has beyond those of `z`.
    fn parts(&mut self, z: ValueId, tiles: usize) -> Result<ValueId, VerifyError> {
        let conjugate = self.builder.conjugate(z)?;
        let real = self.builder.add(z, conjugate)?;
        let imaginary = tiles as u32 - self.builder.state(z)?.tiles;
        if imaginary == 0 {
            return Ok(real);
        }
        let difference = self.builder.sub(conjugate, z)?;
        let difference = self.builder.select(difference, (0..imaginary).collect())?;
        let imaginary = self.builder.mul_i(difference)?;
        self.builder.gather(vec![real, imaginary])
    }

    /// Products with the result of step `x`, brought to `level`, and folds.
    pub(super) fn linear(
        &mut self,
        id: StepId,
        x: StepId,
        level: u32,
        linear: &LinearChoice,
    ) -> Result<ValueId, VerifyError> {
        let is_merged = matches!(self.packing.choices[x], Choice::Input { complex: true, .. });
        let transform = &*linear.transform;
        let mut x = self.builder.adjust(self.values[x], level)?;
        if linear.merge == Merge::Inputs && !is_merged {
            x = self.merge(x)?;
        }
        let tiles = linear.merge.tiles(transform.inputs, transform.outputs);
        let mut products: BTreeMap<Diagonal, [Option<Diagonal>; 2]> = BTreeMap::new();
        for &diagonal in &transform.diagonals {
            let (product, imaginary) = linear.merge.product(diagonal, tiles);
            products.entry(product).or_default()[usize::from(imaginary)] = Some(diagonal);
        }
        let split = |diagonal: &Diagonal| linear.split.of(diagonal.rotation);
        let slots = self.slots as i32;
        let switched = products.keys().any(|product| {
            let (giant, baby) = split(product);
            giant.rem_euclid(slots) != 0 || baby.rem_euclid(slots) != 0
        });
        let (periods, full) = (transform.periods(), transform.cover.owners.period);
        let weights = |writer: &mut Self, parts: [Option<Diagonal>; 2], giant: i32| {
            let period = |part: &Diagonal| periods.get(part).copied().unwrap_or(full);
            let period = parts.iter().flatten().map(period).max().unwrap_or(1);
            writer.recipes.push(Recipe::Weights {
                step: id,
                period,
                cover: transform.cover.clone(),
                parts,
                merge: linear.merge,
                giant,
            });
            writer.factor(id, x, period, switched)
        };
        let mut terms = Vec::with_capacity(products.len());
        for (product, parts) in products {
            let (giant, baby) = split(&product);
            terms.push(Term {
                output: product.output,
                giant,
                input: product.input,
                baby,
                plain: weights(self, parts, giant)?,
            });
        }
        let ciphertexts = match linear.merge {
            Merge::Outputs => merged(transform.outputs),
            Merge::None | Merge::Inputs => transform.outputs,
        };
        // Tiles that only hold offsets.
        for output in 0..ciphertexts as u32 {
            if terms.iter().all(|term: &Term| term.output != output) {
                terms.push(Term {
                    output,
                    giant: 0,
                    input: 0,
                    baby: 0,
                    plain: weights(self, [None; 2], 0)?,
                });
            }
        }
        let product = self.builder.linear(x, ciphertexts as u32, terms)?;
        let folded = self.builder.rotate_sum(product, &linear.stages)?;
        match linear.merge {
            Merge::None => Ok(folded),
            Merge::Inputs | Merge::Outputs => self.parts(folded, transform.outputs),
        }
    }
}
