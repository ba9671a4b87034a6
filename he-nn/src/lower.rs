//! Packed network to program: every step becomes operations on tiles, every weight's place is written down as a recipe.
//!
//! The program is made without weights. A [`Recipe`] says how the slots of one plaintext follow from the numbers of a step, so
//! that a server fills plaintexts when it has a checkpoint, one at a time.

mod linear;
mod polynomial;
mod recipe;

use he_core::bootstrap::BootstrapSpec;
use he_core::program::{Builder, ChainView, PlainClass, ValueId, Verified, verify::VerifyError};
use he_core::tile::layout::{Cell, Layout};

use crate::plan::PARTIAL_SUMS;
use crate::plan::network::{Network, StepId, StepKind};
use crate::plan::packing::cover::Nonzero;
use crate::plan::packing::merge::merged;
use crate::plan::search::{Choice, Packing};
pub use recipe::{FilledWeights, Recipe, StepWeights};

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

/// Writes the program of a packed network, which is refreshed by `bootstrap` where it has refreshing steps.
pub fn lower(
    network: &Network,
    packing: &Packing,
    chain: &ChainView,
    bootstrap: Option<&BootstrapSpec>,
) -> Result<Lowered, VerifyError> {
    let slots = packing.layouts.first().map_or(1, |layout| layout.slots());
    let builder = Builder::new(slots as u32, chain.clone());
    let (builder, start) = match bootstrap {
        Some(spec) => (builder.bootstrapping(spec.clone()), spec.refreshed_level() as u32),
        None => (builder, chain.top()),
    };
    let mut writer = Writer {
        builder,
        entry: bootstrap.map(|spec| spec.entry_level() as u32),
        excess: excess(network, packing),
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
        let before = start - (depths[id] - step.kind.levels());
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

/// For every step, how far a slot may exceed the bound of its elements. Slots that hold none of them hold sums of parts of some, up to
/// [`PARTIAL_SUMS`] times as large, and what becomes of these; where every slot holds an element there is no excess.
fn excess(network: &Network, packing: &Packing) -> Vec<f64> {
    let mut excess: Vec<f64> = Vec::with_capacity(network.steps.len());
    for (step, layout) in network.steps.iter().zip(&packing.layouts) {
        let of = |x: &StepId| excess[*x];
        let largest = step.kind.operands().iter().map(of).fold(1.0, f64::max);
        let here = match &step.kind {
            _ if !layout.has_unknown() => 1.0,
            StepKind::Input { .. } => 1.0,
            StepKind::Affine { .. } | StepKind::WindowSum { .. } => PARTIAL_SUMS,
            StepKind::Square { x } => of(x) * of(x),
            StepKind::Multiply { x, y } => of(x) * of(y),
            // Beyond its interval a Chebyshev polynomial grows like the power (2 x)^d.
            StepKind::Polynomial { degree, .. } if largest > 1.0 => (2.0 * largest).powi(*degree as i32),
            _ => largest,
        };
        excess.push(here.min(EXCESS_MAX));
    }
    excess
}

/// Beyond it nothing is sensible, but a number: what the operand of a composite leads to before the planner has it cleared.
const EXCESS_MAX: f64 = 1e150;

struct Writer<'a> {
    builder: Builder,
    /// The level at which values are refreshed at least.
    entry: Option<u32>,
    excess: Vec<f64>,
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
                    _ if *unit && !per_element => self.chebyshev(id, x, *degree),
                    0..=3 => self.cubic(id, x, *degree, *per_element),
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
            StepKind::Refresh { x, bound } => self.builder.refresh(self.values[*x], bound * self.excess[*x]),
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
        let (period, nonzeros) = shortest(nonzeros, period);
        (self.class(period), period, nonzeros)
    }

    /// What a plaintext of some period is to the engine.
    fn class(&self, period: usize) -> PlainClass {
        match period {
            1 => PlainClass::Constant,
            p if p == self.slots => PlainClass::General,
            p => PlainClass::Periodic { period: p as u32 },
        }
    }
}

/// The shortest period of some slots, ascending, and those of one period. Whatever the numbers are, the plaintext repeats so.
fn shortest(mut nonzeros: Vec<Nonzero>, mut period: usize) -> (usize, Vec<Nonzero>) {
    while period > 1 {
        let half = (period / 2) as u32;
        let middle = nonzeros.partition_point(|&(slot, _)| slot < half);
        let (low, high) = nonzeros.split_at(middle);
        if low.len() != high.len() || low.iter().zip(high).any(|(a, b)| (a.0 + half, a.1) != *b) {
            break;
        }
        nonzeros.truncate(middle);
        period /= 2;
    }
    (period, nonzeros)
}
