//! One pass over a program: magnitudes and errors of its values in order, and what the chain makes of them.

use rayon::prelude::*;

use super::tile::{Sample, Tile};
use super::typical;
use super::{
    Assumptions, BoundError, DEVIATIONS, ErrorReport, FLOAT_LOSS, Range, ValueBound, headroom, room,
};
use crate::ckks::noise;
use crate::params::{Chain, same_scale};
use crate::program::clear;
use crate::program::infer::State;
use crate::program::op::{Op, PlainClass, Program, ValueId};
use crate::program::slots::{PlainSource, Slots};
use crate::program::verify::Verified;

pub(super) fn run(
    program: &Verified,
    chain: &Chain,
    plains: &dyn PlainSource,
    assumptions: &Assumptions<'_>,
) -> Result<ErrorReport, BoundError> {
    clear::check_inputs(program, assumptions.inputs)?;
    let (expected, found) = (program.ops.len(), assumptions.ranges.len());
    if found != 0 && found != expected {
        return Err(BoundError::Ranges { expected, found });
    }
    let mut pass = Pass {
        program,
        chain,
        spread: typical::spread(program),
        plains,
        assumptions,
        values: Vec::new(),
    };
    let last = program.last_uses();
    let mut bounds = Vec::with_capacity(expected);
    for (index, op) in program.ops.iter().enumerate() {
        let range = assumptions.ranges.get(index).copied().unwrap_or(Range::UNKNOWN);
        // What the caller vouches for comes first: he knows which elements matter.
        let typical = if range.typical.is_finite() {
            range.typical
        } else {
            pass.typical(op)?
        };
        let range = Range { typical, ..range };
        let tiles: Vec<Tile> = pass
            .evaluate(index, op)?
            .into_par_iter()
            .map(|t| t.cut(range))
            .collect();
        let sigma = tiles.par_iter().map(Tile::sigma).reduce(|| 0.0, f64::max);
        pass.values.push(tiles);
        let magnitude = pass.largest(ValueId(index as u32));
        let headroom_bits = pass.headroom(index, op, magnitude);
        bounds.push(ValueBound {
            magnitude,
            sigma,
            headroom_bits,
        });
        for operand in op.operands() {
            if last[operand.0 as usize] == index {
                pass.values[operand.0 as usize] = Vec::new();
            }
        }
    }
    let output = |value: ValueId| {
        let tiles = pass.values[value.0 as usize].iter();
        tiles
            .map(|t| DEVIATIONS * t.sigma() + FLOAT_LOSS * t.magnitude.max_abs())
            .collect()
    };
    let outputs = program.outputs.iter().map(|port| output(port.value)).collect();
    Ok(ErrorReport {
        values: bounds,
        outputs,
    })
}

pub(super) struct Pass<'a> {
    pub(super) program: &'a Program,
    pub(super) chain: &'a Chain,
    /// For every value, whether its errors are averaged over many elements before they reach an output.
    pub(super) spread: Vec<bool>,
    pub(super) plains: &'a dyn PlainSource,
    pub(super) assumptions: &'a Assumptions<'a>,
    pub(super) values: Vec<Vec<Tile>>,
}

impl Pass<'_> {
    pub(super) fn state(&self, id: ValueId) -> State {
        State::from(&self.program.values[id.0 as usize])
    }

    pub(super) fn tiles(&self, id: ValueId) -> &[Tile] {
        &self.values[id.0 as usize]
    }

    /// Largest |slot| of a value.
    pub(super) fn largest(&self, id: ValueId) -> f64 {
        self.tiles(id)
            .iter()
            .map(|t| t.magnitude.max_abs())
            .fold(0.0, f64::max)
    }

    pub(super) fn slots(&self) -> usize {
        self.program.slots as usize
    }

    /// Slot deviation of coefficient variance `v` at `scale`.
    pub(super) fn deviation(&self, v: f64, scale: f64) -> f64 {
        noise::slot_variance(v, self.chain.degree(), scale).sqrt()
    }

    /// V of a division's rounding.
    pub(super) fn rounding(&self) -> f64 {
        noise::rounding(self.chain.degree())
    }

    /// V of one key switch, before its division.
    pub(super) fn switch(&self, level: u32) -> f64 {
        noise::key_switch_unrounded(self.chain, level as usize)
    }

    /// V of encoding a plaintext of a class: periodic ones have fewer coefficients to round.
    pub(super) fn encoding(&self, class: PlainClass) -> f64 {
        let filled = match class {
            PlainClass::Constant => 2,
            PlainClass::Periodic { period } => 2 * period as usize,
            PlainClass::General => self.chain.degree(),
        };
        noise::encoding() * filled as f64 / self.chain.degree() as f64
    }

    /// Runs `f(tile, k)` for every sample of a new tile.
    pub(super) fn sampled(&self, f: impl Fn(usize) -> Sample + Sync + Send) -> Vec<Sample> {
        (0..self.assumptions.samples).into_par_iter().map(f).collect()
    }

    /// A new tile from one old one.
    pub(super) fn map(
        &self,
        x: ValueId,
        magnitude: impl Fn(&Tile) -> Slots + Sync,
        sample: impl Fn(&Tile, usize, usize) -> Sample + Sync,
    ) -> Vec<Tile> {
        let one = |(t, tile): (usize, &Tile)| Tile {
            magnitude: magnitude(tile),
            typical: f64::INFINITY,
            samples: self.sampled(|k| sample(tile, t, k)),
        };
        self.tiles(x).par_iter().enumerate().map(one).collect()
    }

    /// A new tile from two old ones.
    pub(super) fn zip(
        &self,
        x: ValueId,
        y: ValueId,
        magnitude: impl Fn(&Tile, &Tile) -> Slots + Sync,
        sample: impl Fn(&Tile, &Tile, usize, usize) -> Sample + Sync,
    ) -> Vec<Tile> {
        let one = |(t, (x, y)): (usize, (&Tile, &Tile))| Tile {
            magnitude: magnitude(x, y),
            typical: f64::INFINITY,
            samples: self.sampled(|k| sample(x, y, t, k)),
        };
        self.tiles(x)
            .par_iter()
            .zip(self.tiles(y))
            .enumerate()
            .map(one)
            .collect()
    }

    /// Whether an operand is only read at the lower level, as it is.
    pub(super) fn is_read(&self, from: State, here: State) -> bool {
        same_scale(from.scale, here.scale) && self.chain.contains(from.level as usize, here.level as usize)
    }

    /// The least room of the value, and of the product that was rescaled into it.
    fn headroom(&self, index: usize, op: &Op, magnitude: f64) -> f64 {
        let here = State::from(&self.program.values[index]);
        let own = room(self.chain, here, magnitude);
        let rescaled = match op {
            Op::Linear { rescale: true, .. } | Op::Multiply { .. } | Op::Square { .. } | Op::Scale { .. } => {
                true
            }
            Op::Adjust { x, .. } => !self.is_read(self.state(*x), here),
            _ => false,
        };
        if !rescaled {
            return own;
        }
        let above = here.level + 1;
        let scale = here.scale * self.chain.divisor(above as usize);
        own.min(headroom(self.chain, above, scale, magnitude))
    }
}
