//! The rules by which magnitudes and sampled errors travel, one operation at a time.

use std::borrow::Cow;

use rayon::prelude::*;

use super::draw::{self, inject};
use super::pass::Pass;
use super::tile::{Sample, Tile};
use super::{BoundError, Encryption, FLOAT_LOSS};
use crate::ckks::noise;
use crate::program::arithmetic::{accumulate, axpy, conjugate, mul_i, product, rotate, rotate_sum};
use crate::program::clear::{ClearError, fetch};
use crate::program::infer::State;
use crate::program::op::{Op, PlainId, ValueId};
use crate::program::slots::Slots;

impl Pass<'_> {
    pub(super) fn evaluate(&self, index: usize, op: &Op) -> Result<Vec<Tile>, BoundError> {
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
                    let Sample { value, error } = &tile.samples[k];
                    let mut error = Cow::Borrowed(error);
                    for (i, stage) in stages.iter().enumerate() {
                        let switches = stage[1..].len() as f64 * self.switch(here.level);
                        let sigma = self.deviation(switches + self.rounding(), here.scale);
                        let mut sum = rotate_sum(&error, std::slice::from_ref(stage));
                        inject(&mut sum, sigma, name(t, k, i as u64));
                        error = Cow::Owned(sum);
                    }
                    Sample {
                        value: rotate_sum(value, stages),
                        error: error.into_owned(),
                    }
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
                            self.switch(here.level) + self.rounding()
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
                        let Sample { value, error } = &tile.samples[k];
                        with_noise(
                            Sample {
                                value: axpy(value, &p, 1.0),
                                error: error.clone(),
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
            Op::Multiply { x, y } => self.multiply(index, *x, *y, here, &name),
            Op::Square { x } => self.multiply(index, *x, *x, here, &name),
            Op::Scale { x, plain } => {
                let c = fetch(self.plains, *plain, self.slots())?.into_owned();
                let step = 1.0 / self.program.plaintexts[plain.0 as usize].scale;
                let sigma = self.deviation(self.rounding(), here.scale);
                self.scale(index, *x, (&c, step), sigma, &name)
            }
            Op::Conjugate { x } => {
                let sigma = self.deviation(self.switch(here.level) + self.rounding(), here.scale);
                self.map(
                    *x,
                    |tile| tile.magnitude.clone(),
                    |tile, t, k| {
                        let Sample { value, error } = &tile.samples[k];
                        with_noise(
                            Sample {
                                value: conjugate(value),
                                error: conjugate(error),
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
                        value: mul_i(value),
                        error: mul_i(error),
                    }
                },
            ),
            Op::Adjust { x, level } => {
                let from = self.state(*x);
                if self.is_read(from, here) {
                    self.tiles(*x).to_vec()
                } else {
                    // Every hop rounds its constant, and the product.
                    let (mut scale, mut step, mut v) = (from.scale, 0.0, 0.0);
                    for [above, to] in self.chain.way_down(from.level as usize, *level as usize) {
                        let reached = self.chain.scale(to);
                        step += scale / (reached * self.chain.ratio(above, to));
                        v += self.deviation(self.rounding(), reached).powi(2);
                        scale = reached;
                    }
                    self.scale(index, *x, (&Slots::from(1.0), step), v.sqrt(), &name)
                }
            }
            Op::Gather { parts } => parts.iter().flat_map(|p| self.tiles(*p)).cloned().collect(),
            Op::Select { x, tiles } => tiles
                .iter()
                .map(|&t| self.tiles(*x)[t as usize].clone())
                .collect(),
            Op::Polynomial { x, coefficients } => self.polynomial(index, *x, coefficients, &name)?,
            Op::Refresh { x, bound } => self.refresh(index, *x, *bound, &name)?,
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
            Tile {
                magnitude,
                typical: f64::INFINITY,
                samples,
            }
        };
        self.assumptions.inputs[port as usize]
            .iter()
            .enumerate()
            .map(one)
            .collect()
    }

    fn multiply(
        &self,
        index: usize,
        x: ValueId,
        y: ValueId,
        here: State,
        name: &(impl Fn(usize, usize, u64) -> u64 + Sync),
    ) -> Vec<Tile> {
        let (sx, sy) = (self.state(x), self.state(y));
        let switch = self.switch(sx.level);
        let sigma = self
            .deviation(switch, sx.scale * sy.scale)
            .hypot(self.deviation(self.rounding(), here.scale));
        self.zip(
            x,
            y,
            |x, y| product(&x.magnitude, &y.magnitude),
            |x, y, t, k| {
                let (a, b) = (&x.samples[k], &y.samples[k]);
                let raised = x.extreme(k, self.spread[index]);
                let mut error = product(&raised, &b.error);
                if std::ptr::eq(x, y) {
                    accumulate(&mut error, &b.error, &raised, 0);
                } else {
                    accumulate(&mut error, &a.error, &y.extreme(k, self.spread[index]), 0);
                }
                accumulate(&mut error, &a.error, &b.error, 0);
                inject(&mut error, sigma, name(t, k, 0));
                Sample {
                    value: product(&a.value, &b.value),
                    error,
                }
            },
        )
    }

    /// Product with a constant that is rounded to a multiple of `step`; rounding adds `sigma`.
    fn scale(
        &self,
        index: usize,
        x: ValueId,
        (c, step): (&Slots, f64),
        sigma: f64,
        name: &(impl Fn(usize, usize, u64) -> u64 + Sync),
    ) -> Vec<Tile> {
        self.map(
            x,
            |tile| product(&tile.magnitude, &c.abs()),
            |tile, t, k| {
                let Sample { value, error } = &tile.samples[k];
                // The same rounding error in every tile.
                let lost = Slots::from(step * draw::rounding(name(0, k, 1)));
                let extreme = tile.extreme(k, self.spread[index]);
                let mut error = axpy(&product(error, c), &product(&extreme, &lost), 1.0);
                inject(&mut error, sigma, name(t, k, 0));
                Sample {
                    value: product(value, c),
                    error,
                }
            },
        )
    }
}
