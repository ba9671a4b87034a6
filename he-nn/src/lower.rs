//! Packed network to program: every step becomes operations on tiles, every weight's place is written down as a recipe.
//!
//! The program is made without weights. A [`Recipe`] says how the slots of one plaintext follow from the numbers of a step, so
//! that a server fills plaintexts when it has a checkpoint, one at a time.

mod polynomial;

use std::borrow::Cow;
use std::collections::BTreeMap;

use he_core::program::{
    Builder, ChainView, PlainClass, PlainId, PlainSource, Slots, Term, ValueId, Verified, verify::VerifyError,
};
use he_core::tile::layout::{Cell, Layout};

use crate::plan::network::{Network, StepId, StepKind};
use crate::plan::packing::cover::{Diagonal, Nonzero};
use crate::plan::packing::merge::{Merge, merged};
use crate::plan::search::{Choice, LinearChoice, Packing};

/// How the slots of a plaintext follow from a step's numbers.
#[derive(Clone, Debug, PartialEq)]
pub enum Recipe {
    /// Weights of an affine step, or the ones of a step that brings an operand over: (slot, tap), repeated with the period.
    Weights {
        /// The step.
        step: StepId,
        /// Slots of one sample.
        period: usize,
        /// Where each weight stands, the giant step's shift already applied.
        nonzeros: Vec<Nonzero>,
    },
    /// Such weights where tiles are merged: half of one weight as the real, half of another as the imaginary part.
    Merged {
        /// The step.
        step: StepId,
        /// Slots of one sample.
        period: usize,
        /// Where each real part stands.
        real: Vec<Nonzero>,
        /// Where each imaginary part stands.
        imaginary: Vec<Nonzero>,
        /// Whether imaginary parts are negated: where inputs are merged.
        conjugate: bool,
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

/// A program with its recipes.
#[derive(Debug)]
pub struct Lowered {
    /// The program.
    pub program: Verified,
    /// One recipe a plaintext.
    pub recipes: Vec<Recipe>,
    /// The value that holds each step's result.
    pub values: Vec<ValueId>,
    /// The monic powers inside polynomials.
    pub powers: Vec<Power>,
}

/// A value that holds the monic power `t_n` of a polynomial's operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Power {
    /// The value.
    pub value: ValueId,
    /// The polynomial.
    pub step: StepId,
    /// Which power.
    pub n: u32,
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
        let place = |step: StepId, period: usize, nonzeros: &[Nonzero], factor: f64| -> Option<Vec<f64>> {
            let taps = &self.weights.get(step)?.taps;
            let mut slots = vec![0.0; period];
            for &(slot, tap) in nonzeros {
                slots[slot as usize] = factor * *taps.get(tap as usize)?;
            }
            Some(slots)
        };
        let slots = match self.recipes.get(id.0 as usize)? {
            Recipe::Weights {
                step,
                period,
                nonzeros,
            } => place(*step, *period, nonzeros, 1.0)?,
            Recipe::Merged {
                step,
                period,
                real,
                imaginary,
                conjugate,
            } => {
                let sign = if *conjugate { -0.5 } else { 0.5 };
                let im = if imaginary.is_empty() {
                    Vec::new()
                } else {
                    place(*step, *period, imaginary, sign)?
                };
                let re = place(*step, *period, real, 0.5)?;
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

/// Writes the program of a packed network.
pub fn lower(network: &Network, packing: &Packing, chain: &ChainView) -> Result<Lowered, VerifyError> {
    let slots = packing.layouts.first().map_or(1, |layout| layout.slots());
    let mut writer = Writer {
        builder: Builder::new(slots as u32, chain.clone()),
        recipes: Vec::new(),
        values: Vec::new(),
        powers: Vec::new(),
        network,
        packing,
        slots,
    };
    let depths = network.depths();
    for (id, step) in network.steps.iter().enumerate() {
        writer.builder.layer(step.name.clone());
        let before = chain.top() - (depths[id] - step.kind.levels());
        let value = writer.step(id, before)?;
        writer.values.push(value);
    }
    for (name, id) in &network.outputs {
        let value = writer.values[*id];
        writer.builder.output(name, value);
    }
    let (program, _) = writer.builder.finish()?;
    Ok(Lowered {
        program,
        recipes: writer.recipes,
        values: writer.values,
        powers: writer.powers,
    })
}

struct Writer<'a> {
    builder: Builder,
    recipes: Vec<Recipe>,
    values: Vec<ValueId>,
    powers: Vec<Power>,
    network: &'a Network,
    packing: &'a Packing,
    slots: usize,
}

impl Writer<'_> {
    fn step(&mut self, id: StepId, level: u32) -> Result<ValueId, VerifyError> {
        let choice = &self.packing.choices[id];
        match &self.network.steps[id].kind {
            StepKind::Input { name, .. } => {
                let tiles = self.packing.layouts[id].tiles();
                let complex = matches!(choice, Choice::Input { complex: true, .. });
                let ciphertexts = if complex { merged(tiles) } else { tiles };
                self.builder.input(name, ciphertexts as u32, level)
            }
            StepKind::Affine { x, .. } => {
                let Choice::Linear(linear) = choice else {
                    return Ok(self.values[*x]);
                };
                let product = self.linear(id, *x, level, linear)?;
                self.add_elements(id, 0, product)
            }
            StepKind::WindowSum { x, .. } => {
                let Choice::Windows(windows) = choice else {
                    return Ok(self.values[*x]);
                };
                let mut tiles = Vec::new();
                for parts in &windows.parts {
                    let mut total: Option<ValueId> = None;
                    for part in parts {
                        let tile = self.builder.select(self.values[*x], vec![part.input])?;
                        let sum = self.builder.rotate_sum(tile, &part.stages)?;
                        let part = self.builder.rotate(sum, &[part.first])?;
                        total = Some(match total {
                            None => part,
                            Some(total) => self.builder.add(total, part)?,
                        });
                    }
                    tiles.extend(total);
                }
                self.builder.gather(tiles)
            }
            StepKind::Square { x } => {
                let x = self.builder.adjust(self.values[*x], level)?;
                self.builder.square(x)
            }
            StepKind::Multiply { x, y } => {
                let [x, y] = self.operands(id, [*x, *y], level)?;
                self.builder.multiply(x, y)
            }
            StepKind::Add { x, y, negate } => {
                let [x, y] = self.operands(id, [*x, *y], level)?;
                if *negate {
                    self.builder.sub(x, y)
                } else {
                    self.builder.add(x, y)
                }
            }
            StepKind::Polynomial {
                x,
                degree,
                per_element,
                unit,
            } => {
                let x = self.builder.adjust(self.values[*x], level)?;
                match degree {
                    0..=3 => self.cubic(id, x, *degree, *per_element),
                    _ if *unit && !per_element => self.chebyshev(id, x, *degree),
                    _ => self.products(id, x, *degree, *per_element),
                }
            }
            StepKind::Shift { x } => self.add_elements(id, 0, self.values[*x]),
            // i * i = -1, exact and free.
            StepKind::Negate { x } => {
                let once = self.builder.mul_i(self.values[*x])?;
                self.builder.mul_i(once)
            }
            StepKind::Relabel { x, .. } => Ok(self.values[*x]),
        }
    }

    /// Two operands at one level, in the same slots.
    fn operands(
        &mut self,
        id: StepId,
        operands: [StepId; 2],
        level: u32,
    ) -> Result<[ValueId; 2], VerifyError> {
        let mut values = operands.map(|operand| self.values[operand]);
        if let Choice::Brought { moved, map } = &self.packing.choices[id] {
            values[*moved] = self.linear(id, operands[*moved], level + 1, map)?;
        }
        let [x, y] = values;
        Ok([self.builder.adjust(x, level)?, self.builder.adjust(y, level)?])
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
    fn linear(
        &mut self,
        id: StepId,
        x: StepId,
        level: u32,
        linear: &LinearChoice,
    ) -> Result<ValueId, VerifyError> {
        let is_merged = matches!(self.packing.choices[x], Choice::Input { complex: true, .. });
        let mut x = self.builder.adjust(self.values[x], level)?;
        if linear.merge == Merge::Inputs && !is_merged {
            x = self.merge(x)?;
        }
        let tiles = linear.merge.tiles(linear.inputs, linear.outputs);
        let mut products: BTreeMap<Diagonal, [&[Nonzero]; 2]> = BTreeMap::new();
        for (diagonal, nonzeros) in linear.diagonals.iter() {
            let (product, imaginary) = linear.merge.product(*diagonal, tiles);
            products.entry(product).or_default()[usize::from(imaginary)] = nonzeros;
        }
        let split = |diagonal: &Diagonal| linear.split.of(diagonal.rotation);
        let slots = self.slots as i32;
        let switched = products.keys().any(|product| {
            let (giant, baby) = split(product);
            giant.rem_euclid(slots) != 0 || baby.rem_euclid(slots) != 0
        });
        let mut terms = Vec::with_capacity(products.len());
        for (product, parts) in products {
            let (giant, baby) = split(&product);
            let period = linear.period as i32;
            let shifted = parts.map(|nonzeros| {
                let shift = |&(slot, tap): &Nonzero| ((slot as i32 + giant).rem_euclid(period) as u32, tap);
                nonzeros.iter().map(shift).collect::<Vec<Nonzero>>()
            });
            let (class, period, [real, imaginary]) = classify(shifted, linear.period, self.slots);
            let plain = self.builder.factor(x, class, switched)?;
            self.recipes.push(match linear.merge {
                Merge::None => Recipe::Weights {
                    step: id,
                    period,
                    nonzeros: real,
                },
                merge => Recipe::Merged {
                    step: id,
                    period,
                    real,
                    imaginary,
                    conjugate: merge == Merge::Inputs,
                },
            });
            terms.push(Term {
                output: product.output,
                giant,
                input: product.input,
                baby,
                plain,
            });
        }
        let ciphertexts = match linear.merge {
            Merge::Outputs => merged(linear.outputs),
            Merge::None | Merge::Inputs => linear.outputs,
        };
        // Tiles that only hold offsets.
        for output in 0..ciphertexts as u32 {
            if terms.iter().all(|term: &Term| term.output != output) {
                let plain = self.builder.factor(x, PlainClass::Constant, switched)?;
                self.recipes.push(Recipe::Weights {
                    step: id,
                    period: 1,
                    nonzeros: vec![],
                });
                terms.push(Term {
                    output,
                    giant: 0,
                    input: 0,
                    baby: 0,
                    plain,
                });
            }
        }
        let product = self.builder.linear(x, ciphertexts as u32, terms)?;
        let folded = self.builder.rotate_sum(product, &linear.stages)?;
        match linear.merge {
            Merge::None => Ok(folded),
            Merge::Inputs | Merge::Outputs => self.parts(folded, linear.outputs),
        }
    }

    /// Adds one number an element wherever the result's layout has the element.
    fn add_elements(&mut self, id: StepId, series: usize, x: ValueId) -> Result<ValueId, VerifyError> {
        let layout = self.packing.layouts[id].clone();
        let mut plain = Vec::with_capacity(layout.tiles());
        for tile in 0..layout.tiles() {
            let (class, period, nonzeros) = self.elements(id, &layout, tile);
            plain.push(self.builder.addend(x, class)?);
            self.recipes.push(Recipe::Elements {
                step: id,
                series,
                period,
                nonzeros,
            });
        }
        self.builder.add_plain(x, plain)
    }

    /// Where the elements of one sample stand in a tile.
    fn elements(&self, id: StepId, layout: &Layout, tile: usize) -> (PlainClass, usize, Vec<Nonzero>) {
        let count = self.network.steps[id].elements as u32;
        let period = self.packing.period;
        let nonzeros = (0..period as u32)
            .filter_map(|slot| match layout.cell(tile, slot as usize) {
                Cell::Element(e) if e < count => Some((slot, e)),
                _ => None,
            })
            .collect();
        let (class, period, [nonzeros]) = classify([nonzeros], period, self.slots);
        (class, period, nonzeros)
    }
}

/// The shortest period that some patterns of slots share, and the patterns cut to it. Whatever the weights are, the plaintext repeats
/// so.
fn classify<const PARTS: usize>(
    mut parts: [Vec<Nonzero>; PARTS],
    mut period: usize,
    slots: usize,
) -> (PlainClass, usize, [Vec<Nonzero>; PARTS]) {
    parts.iter_mut().for_each(|nonzeros| nonzeros.sort_unstable());
    while period > 1 {
        let half = (period / 2) as u32;
        let middle = |nonzeros: &[Nonzero]| nonzeros.partition_point(|&(slot, _)| slot < half);
        let repeats = parts.iter().all(|nonzeros| {
            let (low, high) = nonzeros.split_at(middle(nonzeros));
            low.len() == high.len() && low.iter().zip(high).all(|(a, b)| (a.0 + half, a.1) == *b)
        });
        if !repeats {
            break;
        }
        for nonzeros in &mut parts {
            nonzeros.truncate(middle(nonzeros));
        }
        period /= 2;
    }
    let class = match period {
        1 => PlainClass::Constant,
        p if p == slots => PlainClass::General,
        p => PlainClass::Periodic { period: p as u32 },
    };
    (class, period, parts)
}
