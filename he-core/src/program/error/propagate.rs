//! The rules by which magnitudes and sampled errors travel, one operation at a time.

use rayon::prelude::*;

use super::draw::{self, inject};
use super::{
    Assumptions, BoundError, DEVIATIONS, Encryption, ErrorReport, FLOAT_LOSS, Range, ValueBound, headroom, room,
};
use crate::ckks::noise;
use crate::complex::Complex;
use crate::params::{Chain, same_scale};
use crate::program::clear::{self, ClearError, axpy, fetch, product, rotate, rotate_sum};
use crate::program::infer::{State, polynomial_levels};
use crate::program::keys::KeySet;
use crate::program::op::{Op, PlainClass, PlainId, Program, Term, ValueId};
use crate::program::slots::{PlainSource, Slots};
use crate::program::verify::Verified;

/// One tile in one sample: a value with typical signs, and its error.
#[derive(Clone)]
struct Sample {
    value: Slots,
    error: Slots,
}

/// One tile: the bound on |slot|, what is typical, and the samples.
#[derive(Clone)]
struct Tile {
    magnitude: Slots,
    typical: f64,
    samples: Vec<Sample>,
}

impl Tile {
    /// A value with the signs of sample `k` and the magnitude of the bound, or the typical one if that is less.
    fn extreme(&self, k: usize) -> Slots {
        let value = &self.samples[k].value;
        let raise = |s: usize| {
            let (z, a) = (value.get(s), self.magnitude.re[s].min(self.typical));
            let modulus = z.abs();
            if modulus > 0.0 {
                z * (a / modulus)
            } else {
                Complex::from(a)
            }
        };
        let raised = (0..value.len()).map(raise);
        if value.is_real() {
            raised.map(|z| z.re).collect::<Vec<_>>().into()
        } else {
            raised.collect::<Vec<_>>().into()
        }
    }

    /// Cuts bound and samples to `range`.
    fn cut(mut self, Range { largest: range, typical }: Range) -> Self {
        self.typical = typical;
        self.magnitude.re.iter_mut().for_each(|a| *a = a.min(range));
        for sample in &mut self.samples {
            let Slots { re, im } = &mut sample.value;
            for s in 0..re.len() {
                let a = self.magnitude.re[s];
                let modulus = if im.is_empty() {
                    re[s].abs()
                } else {
                    re[s].hypot(im[s])
                };
                if modulus > a {
                    re[s] *= a / modulus;
                    im.get_mut(s).into_iter().for_each(|v| *v *= a / modulus);
                }
            }
        }
        self
    }

    /// The largest deviation of the slots.
    fn sigma(&self) -> f64 {
        let mut squares = vec![0.0; self.magnitude.len()];
        for sample in &self.samples {
            for (s, square) in squares.iter_mut().enumerate() {
                let e = sample.error.get(s);
                *square += e.re * e.re + e.im * e.im;
            }
        }
        let worst = squares.into_iter().fold(0.0, f64::max);
        (worst / self.samples.len().max(1) as f64).sqrt()
    }
}

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
    let keys = KeySet::of(program);
    let mut pass = Pass {
        program,
        chain,
        keys,
        plains,
        assumptions,
        values: Vec::new(),
    };
    let last = program.last_uses();
    let mut bounds = Vec::with_capacity(expected);
    for (index, op) in program.ops.iter().enumerate() {
        let range = assumptions.ranges.get(index).copied().unwrap_or(Range::UNKNOWN);
        let tiles: Vec<Tile> = pass
            .evaluate(index, op)?
            .into_par_iter()
            .map(|t| t.cut(range))
            .collect();
        let magnitude = tiles.iter().map(|t| t.magnitude.max_abs()).fold(0.0, f64::max);
        let sigma = tiles.par_iter().map(Tile::sigma).reduce(|| 0.0, f64::max);
        let headroom_bits = pass.headroom(index, op, magnitude);
        bounds.push(ValueBound {
            magnitude,
            sigma,
            headroom_bits,
        });
        pass.values.push(tiles);
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

struct Pass<'a> {
    program: &'a Program,
    chain: &'a Chain,
    keys: KeySet,
    plains: &'a dyn PlainSource,
    assumptions: &'a Assumptions<'a>,
    values: Vec<Vec<Tile>>,
}

impl Pass<'_> {
    fn state(&self, id: ValueId) -> State {
        State::from(&self.program.values[id.0 as usize])
    }

    fn tiles(&self, id: ValueId) -> &[Tile] {
        &self.values[id.0 as usize]
    }

    fn slots(&self) -> usize {
        self.program.slots as usize
    }

    /// Slot deviation of coefficient variance `v` at `scale`.
    fn deviation(&self, v: f64, scale: f64) -> f64 {
        noise::slot_variance(v, self.chain.degree(), scale).sqrt()
    }

    /// V of a division's rounding.
    fn rounding(&self) -> f64 {
        noise::rounding(self.chain.degree())
    }

    /// V of one key switch with a key made for `key_level`, before its division.
    fn switch(&self, key_level: u32, level: u32) -> f64 {
        noise::key_switch_unrounded(self.chain, key_level as usize, level as usize)
    }

    fn rotation_switch(&self, r: i32, level: u32) -> f64 {
        self.switch(self.keys.rotations.get(&r).copied().unwrap_or(level), level)
    }

    /// V of encoding a plaintext of a class: periodic ones have fewer coefficients to round.
    fn encoding(&self, class: PlainClass) -> f64 {
        let filled = match class {
            PlainClass::Constant => 2,
            PlainClass::Periodic { period } => 2 * period as usize,
            PlainClass::General => self.chain.degree(),
        };
        noise::encoding() * filled as f64 / self.chain.degree() as f64
    }

    /// Runs `f(tile, k)` for every sample of a new tile.
    fn sampled(&self, f: impl Fn(usize) -> Sample + Sync + Send) -> Vec<Sample> {
        (0..self.assumptions.samples).into_par_iter().map(f).collect()
    }

    /// A new tile from one old one.
    fn map(
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
    fn zip(
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

    fn evaluate(&self, index: usize, op: &Op) -> Result<Vec<Tile>, BoundError> {
        let here = State::from(&self.program.values[index]);
        let name = |t: usize, k: usize, what: u64| draw::key(&[index as u64, t as u64, k as u64, what]);
        let with_noise = |mut sample: Sample, sigma: f64, key: u64| {
            inject(&mut sample.error, sigma, key);
            sample
        };
        Ok(match op {
            Op::Input { index: port } => self.input(*port, here, &name),
            Op::Linear {
                x,
                outputs,
                terms,
                rescale,
            } => self.linear(index, *x, *outputs, terms, *rescale)?,
            Op::RotateSum { x, stages } => self.map(
                *x,
                |tile| rotate_sum(&tile.magnitude, stages),
                |tile, t, k| {
                    let mut sample = tile.samples[k].clone();
                    for (i, stage) in stages.iter().enumerate() {
                        let one = std::slice::from_ref(stage);
                        sample = Sample {
                            value: rotate_sum(&sample.value, one),
                            error: rotate_sum(&sample.error, one),
                        };
                        let switches: f64 = stage[1..]
                            .iter()
                            .map(|&r| self.rotation_switch(r, here.level))
                            .sum();
                        let sigma = self.deviation(switches + self.rounding(), here.scale);
                        inject(&mut sample.error, sigma, name(t, k, i as u64));
                    }
                    sample
                },
            ),
            Op::Rotate { x, by } => {
                let turn = |(t, (tile, &r)): (usize, (&Tile, &i32))| Tile {
                    magnitude: rotate(&tile.magnitude, r),
                    typical: f64::INFINITY,
                    samples: self.sampled(|k| {
                        let Sample { value, error } = &tile.samples[k];
                        let turned = Sample {
                            value: rotate(value, r),
                            error: rotate(error, r),
                        };
                        let v = if r == 0 {
                            0.0
                        } else {
                            self.rotation_switch(r, here.level) + self.rounding()
                        };
                        with_noise(turned, self.deviation(v, here.scale), name(t, k, 0))
                    }),
                };
                self.tiles(*x).par_iter().zip(by).enumerate().map(turn).collect()
            }
            Op::Add { x, y } | Op::Sub { x, y } => {
                let sign = if matches!(op, Op::Sub { .. }) { -1.0 } else { 1.0 };
                self.zip(
                    *x,
                    *y,
                    |x, y| axpy(&x.magnitude, &y.magnitude, 1.0),
                    |x, y, _, k| Sample {
                        value: axpy(&x.samples[k].value, &y.samples[k].value, sign),
                        error: axpy(&x.samples[k].error, &y.samples[k].error, sign),
                    },
                )
            }
            Op::AddPlain { x, plain } => {
                let one = |(t, (tile, &id)): (usize, (&Tile, &PlainId))| {
                    let p = fetch(self.plains, id, self.slots())?;
                    let v = self.encoding(self.program.plaintexts[id.0 as usize].class);
                    let sigma = self.deviation(v, here.scale) + FLOAT_LOSS * p.max_abs();
                    let sample = |k: usize| {
                        let Sample { value, error } = tile.samples[k].clone();
                        with_noise(
                            Sample {
                                value: axpy(&value, &p, 1.0),
                                error,
                            },
                            sigma,
                            name(t, k, 0),
                        )
                    };
                    Ok(Tile {
                        magnitude: axpy(&tile.magnitude, &p.abs(), 1.0),
                        typical: f64::INFINITY,
                        samples: self.sampled(sample),
                    })
                };
                let tiles = self.tiles(*x).par_iter().zip(plain).enumerate().map(one);
                tiles.collect::<Result<_, ClearError>>()?
            }
            Op::Multiply { x, y } => self.multiply(*x, *y, here, &name),
            Op::Square { x } => self.multiply(*x, *x, here, &name),
            Op::Scale { x, plain } => {
                let c = fetch(self.plains, *plain, self.slots())?.into_owned();
                let step = 1.0 / self.program.plaintexts[plain.0 as usize].scale;
                self.scale(*x, &c, step, here, &name)
            }
            Op::Conjugate { x } => {
                let key_level = self.keys.conjugation.unwrap_or(here.level);
                let sigma = self.deviation(self.switch(key_level, here.level) + self.rounding(), here.scale);
                let flip = |v: &Slots| Slots {
                    re: v.re.clone(),
                    im: v.im.iter().map(|v| -v).collect(),
                };
                self.map(
                    *x,
                    |tile| tile.magnitude.clone(),
                    |tile, t, k| {
                        let Sample { value, error } = &tile.samples[k];
                        with_noise(
                            Sample {
                                value: flip(value),
                                error: flip(error),
                            },
                            sigma,
                            name(t, k, 0),
                        )
                    },
                )
            }
            Op::MulI { x } => self.map(
                *x,
                |tile| tile.magnitude.clone(),
                |tile, _, k| {
                    let Sample { value, error } = &tile.samples[k];
                    Sample {
                        value: clear::mul_i(value),
                        error: clear::mul_i(error),
                    }
                },
            ),
            Op::Adjust { x, level } => {
                let from = self.state(*x);
                if same_scale(from.scale, here.scale) {
                    self.tiles(*x).to_vec()
                } else {
                    let above = *level as usize + 1;
                    let step = from.scale / (here.scale * self.chain.dropped_product(above));
                    self.scale(*x, &Slots::from(1.0), step, here, &name)
                }
            }
            Op::Gather { parts } => parts.iter().flat_map(|p| self.tiles(*p)).cloned().collect(),
            Op::Select { x, tiles } => tiles
                .iter()
                .map(|&t| self.tiles(*x)[t as usize].clone())
                .collect(),
            Op::Polynomial { x, coefficients } => self.polynomial(index, *x, coefficients, &name)?,
            Op::Refresh { .. } => return Err(BoundError::Refresh { op: index }),
        })
    }

    fn input(&self, port: u32, here: State, name: &(impl Fn(usize, usize, u64) -> u64 + Sync)) -> Vec<Tile> {
        let fresh = match self.assumptions.encryption {
            Encryption::Secret => noise::fresh_secret(),
            Encryption::Public => noise::fresh_public(self.chain.degree(), self.chain.log_p()),
        };
        let sigma = self.deviation(fresh + noise::encoding(), here.scale);
        let one = |(t, bound): (usize, &Slots)| {
            let magnitude = bound.abs();
            let sigma = sigma + FLOAT_LOSS * magnitude.max_abs();
            let samples = self.sampled(|k| {
                // All at the bound, alternating, then random signs.
                let sign = |s: usize| match k {
                    0 => 1.0,
                    1 => [1.0, -1.0][s % 2],
                    _ => draw::sign(name(t, k, 1), s),
                };
                let value: Vec<f64> = magnitude
                    .re
                    .iter()
                    .enumerate()
                    .map(|(s, a)| sign(s) * a)
                    .collect();
                let mut error = Slots::zeros(self.slots());
                inject(&mut error, sigma, name(t, k, 0));
                Sample {
                    value: value.into(),
                    error,
                }
            });
            Tile { magnitude, typical: f64::INFINITY, samples }
        };
        self.assumptions.inputs[port as usize]
            .iter()
            .enumerate()
            .map(one)
            .collect()
    }

    fn multiply(
        &self,
        x: ValueId,
        y: ValueId,
        here: State,
        name: &(impl Fn(usize, usize, u64) -> u64 + Sync),
    ) -> Vec<Tile> {
        let (sx, sy) = (self.state(x), self.state(y));
        let switch = self.switch(self.keys.relinearisation.unwrap_or(sx.level), sx.level);
        let sigma = self
            .deviation(switch, sx.scale * sy.scale)
            .hypot(self.deviation(self.rounding(), here.scale));
        self.zip(
            x,
            y,
            |x, y| product(&x.magnitude, &y.magnitude),
            |x, y, t, k| {
                let (a, b) = (&x.samples[k], &y.samples[k]);
                let mut error = product(&x.extreme(k), &b.error);
                error = axpy(&error, &product(&y.extreme(k), &a.error), 1.0);
                error = axpy(&error, &product(&a.error, &b.error), 1.0);
                inject(&mut error, sigma, name(t, k, 0));
                Sample {
                    value: product(&a.value, &b.value),
                    error,
                }
            },
        )
    }

    /// Product with a constant that is rounded to a multiple of `step`.
    fn scale(
        &self,
        x: ValueId,
        c: &Slots,
        step: f64,
        here: State,
        name: &(impl Fn(usize, usize, u64) -> u64 + Sync),
    ) -> Vec<Tile> {
        let sigma = self.deviation(self.rounding(), here.scale);
        self.map(
            x,
            |tile| product(&tile.magnitude, &c.abs()),
            |tile, t, k| {
                let Sample { value, error } = &tile.samples[k];
                // The same rounding error in every tile.
                let lost = Slots::from(step * draw::rounding(name(0, k, 1)));
                let mut error = axpy(&product(error, c), &product(&tile.extreme(k), &lost), 1.0);
                inject(&mut error, sigma, name(t, k, 0));
                Sample {
                    value: product(value, c),
                    error,
                }
            },
        )
    }

    fn linear(
        &self,
        index: usize,
        x: ValueId,
        outputs: u32,
        terms: &[Term],
        rescale: bool,
    ) -> Result<Vec<Tile>, BoundError> {
        let (from, slots, samples) = (self.state(x), self.slots(), self.assumptions.samples);
        let inputs = self.tiles(x);
        let extremes: Vec<Vec<Slots>> = inputs
            .par_iter()
            .map(|tile| (0..samples).map(|k| tile.extreme(k)).collect())
            .collect();
        let here = State::from(&self.program.values[index]);
        let one = |output: u32| -> Result<Tile, ClearError> {
            let start = terms.partition_point(|t| t.output < output);
            let terms = &terms[start..start + terms[start..].partition_point(|t| t.output == output)];
            let blank = Sample {
                value: Slots::zeros(slots),
                error: Slots::zeros(slots),
            };
            let mut sum = Tile {
                magnitude: Slots::zeros(slots),
                typical: f64::INFINITY,
                samples: vec![blank.clone(); samples],
            };
            let mut product_variance = 0.0;
            for group in terms.chunk_by(|a, b| a.giant == b.giant) {
                let giant = group[0].giant;
                let mut inner = Tile {
                    magnitude: Slots::zeros(slots),
                    typical: f64::INFINITY,
                    samples: vec![blank.clone(); samples],
                };
                let mut product_scale = from.scale;
                for term in group {
                    let info = &self.program.plaintexts[term.plain.0 as usize];
                    product_scale = from.scale * info.scale;
                    let p = fetch(self.plains, term.plain, slots)?;
                    let (input, baby) = (term.input as usize, term.baby as usize);
                    clear::accumulate(&mut inner.magnitude, &p.abs(), &inputs[input].magnitude, baby);
                    let rounding =
                        self.deviation(self.encoding(info.class), info.scale) + FLOAT_LOSS * p.max_abs();
                    let switch = match term.baby {
                        0 => 0.0,
                        r => self.deviation(self.rotation_switch(r, from.level), from.scale),
                    };
                    for (k, acc) in inner.samples.iter_mut().enumerate() {
                        let source = &inputs[input].samples[k];
                        clear::accumulate(&mut acc.value, &p, &source.value, baby);
                        clear::accumulate(&mut acc.error, &p, &source.error, baby);
                        // The error of the rotated tile is shared by all terms that use it, that of a plaintext by all its uses.
                        let turn =
                            draw::key(&[index as u64, u64::from(term.input), term.baby as u64, k as u64, 2]);
                        let plain = draw::key(&[u64::from(term.plain.0), k as u64, 3]);
                        self.products(
                            acc,
                            &p,
                            (switch, turn),
                            (rounding, plain),
                            &extremes[input][k],
                            baby,
                        );
                    }
                }
                if giant != 0 {
                    // At the scale of the product.
                    let v = self.rotation_switch(giant, from.level) + self.rounding();
                    product_variance += self.deviation(v, product_scale).powi(2);
                }
                sum.magnitude = axpy(&sum.magnitude, &rotate(&inner.magnitude, giant), 1.0);
                for (acc, part) in sum.samples.iter_mut().zip(&inner.samples) {
                    acc.value = axpy(&acc.value, &rotate(&part.value, giant), 1.0);
                    acc.error = axpy(&acc.error, &rotate(&part.error, giant), 1.0);
                }
            }
            // Dividing by P or by the primes of the level rounds once.
            let divided = if rescale || terms.iter().any(|t| t.giant != 0 || t.baby != 0) {
                self.rounding()
            } else {
                0.0
            };
            let sigma = (product_variance + self.deviation(divided, here.scale).powi(2)).sqrt();
            for (k, acc) in sum.samples.iter_mut().enumerate() {
                inject(
                    &mut acc.error,
                    sigma,
                    draw::key(&[index as u64, u64::from(output), k as u64, 4]),
                );
            }
            Ok(sum)
        };
        Ok((0..outputs).into_par_iter().map(one).collect::<Result<_, _>>()?)
    }

    /// Adds `p ⊙ (error of the rotation) + (error of p) ⊙ rot(x)`.
    fn products(
        &self,
        acc: &mut Sample,
        p: &Slots,
        (switch, turn): (f64, u64),
        (rounding, plain): (f64, u64),
        x: &Slots,
        baby: usize,
    ) {
        let n = self.slots();
        if acc.error.is_real() {
            acc.error.im = vec![0.0; n];
        }
        let period = p.len();
        for s in 0..n {
            let mut e = Complex::default();
            if switch > 0.0 {
                let (a, b) = draw::unit(turn, s);
                e += p.get(s) * Complex::new(switch * a, switch * b);
            }
            let (a, b) = draw::unit(plain, s % period);
            e += x.get((s + baby) % n) * Complex::new(rounding * a, rounding * b);
            acc.error.re[s] += e.re;
            acc.error.im[s] += e.im;
        }
    }

    /// `|p'|` is taken at its largest over the range; inside, T_{a+b} = 2 T_a T_b - T_{a-b} with |T| <= 1 quadruples the error of T
    /// with every doubling of its degree and adds one rounding.
    fn polynomial(
        &self,
        index: usize,
        x: ValueId,
        coefficients: &[PlainId],
        name: &(impl Fn(usize, usize, u64) -> u64 + Sync),
    ) -> Result<Vec<Tile>, BoundError> {
        let found = self
            .tiles(x)
            .iter()
            .map(|t| t.magnitude.max_abs())
            .fold(0.0, f64::max);
        if found > 1.0 + DOMAIN_SLACK {
            return Err(BoundError::Domain { op: index, found });
        }
        let c = clear::constants(self.plains, coefficients, self.slots())?;
        let levels = polynomial_levels(c.len() as u32 - 1);
        let from = self.state(x).level;
        let visited = (from - levels)..=from;
        let unit = visited
            .map(|l| self.deviation(self.rounding(), self.chain.scale(l as usize)))
            .fold(0.0, f64::max);
        let inner = |k: usize| {
            if k < 2 {
                0.0
            } else {
                (4f64.powi(usize::BITS as i32 - (k - 1).leading_zeros() as i32) - 1.0) / 3.0
            }
        };
        let sigma = unit
            * (1.0
                + c.iter()
                    .enumerate()
                    .map(|(k, c)| c.abs() * (1.0 + inner(k)))
                    .sum::<f64>());
        let slope = derivative(&c);
        let grid: Vec<f64> = (0..=GRID)
            .map(|i| (i as f64 / GRID as f64 * 2.0 - 1.0) * found)
            .collect();
        let steepest = clear::chebyshev(&grid.clone().into(), &slope).max_abs() * GRID_MARGIN;
        let largest = clear::chebyshev(&grid.into(), &c).max_abs() * GRID_MARGIN;
        Ok(self.map(
            x,
            |tile| vec![largest; tile.magnitude.len()].into(),
            |tile, t, k| {
                let Sample { value, error } = &tile.samples[k];
                let sign: Vec<f64> = (0..value.len())
                    .map(|s| clear::chebyshev(&value.re[s].into(), &slope).re[0].signum() * steepest)
                    .collect();
                let mut error = product(error, &sign.into());
                inject(&mut error, sigma, name(t, k, 0));
                Sample {
                    value: clear::chebyshev(value, &c),
                    error,
                }
            },
        ))
    }

    /// The least room of the value, and of the product that was rescaled into it.
    fn headroom(&self, index: usize, op: &Op, magnitude: f64) -> f64 {
        let here = State::from(&self.program.values[index]);
        let own = room(self.chain, here, magnitude);
        let rescaled = match op {
            Op::Linear { rescale: true, .. } | Op::Multiply { .. } | Op::Square { .. } | Op::Scale { .. } => {
                true
            }
            Op::Adjust { x, .. } => !same_scale(self.state(*x).scale, here.scale),
            _ => false,
        };
        if !rescaled {
            return own;
        }
        let above = here.level + 1;
        let scale = here.scale * self.chain.dropped_product(above as usize);
        own.min(headroom(self.chain, above, scale, magnitude))
    }
}

/// How far outside [-1, 1] a polynomial may be asked: errors push values over the edge.
const DOMAIN_SLACK: f64 = 1.0 / 1024.0;
/// Points at which a polynomial and its slope are sampled, and what the maximum may lie above the largest sample for the degrees in
/// use (between neighbouring points of 4096 a polynomial of degree 60 turns by less than 60^2 / 4096 of its largest value).
const GRID: usize = 4096;
const GRID_MARGIN: f64 = 1.05;

/// Chebyshev coefficients of the derivative: `d_{k-1} = d_{k+1} + 2 k c_k`, `d_0` halved.
fn derivative(c: &[Complex]) -> Vec<Complex> {
    let mut d = vec![Complex::default(); c.len() + 1];
    for k in (1..c.len()).rev() {
        d[k - 1] = d.get(k + 1).copied().unwrap_or_default() + c[k] * (2.0 * k as f64);
    }
    d[0] = d[0] * 0.5;
    d.truncate(c.len().max(2) - 1);
    d
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_derivative_of_a_chebyshev_series() {
        // T_3 = 4 x^3 - 3 x, T_3' = 12 x^2 - 3 = 3 T_0 + 6 T_2.
        let c: Vec<Complex> = [0.0, 0.0, 0.0, 1.0].map(Complex::from).to_vec();
        assert_eq!(
            derivative(&c).iter().map(|z| z.re).collect::<Vec<_>>(),
            [3.0, 0.0, 6.0]
        );
        assert_eq!(
            derivative(&[Complex::from(5.0), Complex::from(2.0)]),
            [Complex::from(2.0)]
        );
    }
}
