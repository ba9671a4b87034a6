//! Linear operations: the errors of rotated inputs and of encoded plaintexts are shared by all terms that use them.

use rayon::prelude::*;

use super::draw::{self, inject};
use super::propagate::Pass;
use super::tile::{Sample, Tile};
use super::{BoundError, FLOAT_LOSS, typical};
use crate::complex::Complex;
use crate::program::clear::{self, ClearError, axpy, fetch, rotate};
use crate::program::infer::State;
use crate::program::op::{Term, ValueId};
use crate::program::slots::Slots;

impl Pass<'_> {
    pub(super) fn linear(
        &self,
        index: usize,
        x: ValueId,
        outputs: u32,
        terms: &[Term],
        rescale: bool,
    ) -> Result<Vec<Tile>, BoundError> {
        let (from, slots, samples) = (self.state(x), self.slots(), self.assumptions.samples);
        let inputs = self.tiles(x);
        let spread = self.spread[index] || typical::sums(&self.program.ops[index]);
        let extremes: Vec<Vec<Slots>> = inputs
            .par_iter()
            .map(|tile| (0..samples).map(|k| tile.extreme(k, spread)).collect())
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
                        _ => self.deviation(self.switch(from.level), from.scale),
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
                    let v = self.switch(from.level) + self.rounding();
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
        // All lengths are powers of two.
        let period = p.len() - 1;
        let at = |v: &Slots, s: usize| Complex::new(v.re[s], v.im.get(s).copied().unwrap_or(0.0));
        let Slots { re, im } = &mut acc.error;
        for (s, (re, im)) in re.iter_mut().zip(im).enumerate() {
            let mut e = Complex::default();
            if switch > 0.0 {
                let (a, b) = draw::unit(turn, s);
                e += at(p, s & period) * Complex::new(switch * a, switch * b);
            }
            let (a, b) = draw::unit(plain, s & period);
            e += at(x, (s + baby) & (n - 1)) * Complex::new(rounding * a, rounding * b);
            *re += e.re;
            *im += e.im;
        }
    }
}
