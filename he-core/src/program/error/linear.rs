//! Linear operations: the errors of rotated inputs and of encoded plaintexts are shared by all terms that use them.
//!
//! What is zero adds nothing to a sum, and most of what is summed here is: plaintexts hold a few weights, tiles a few elements. So terms
//! are added up by the numbers that they hold, not by slots.

use rayon::prelude::*;

use super::draw::{self, inject};
use super::pass::Pass;
use super::tile::{Sample, Tile};
use super::{BoundError, FLOAT_LOSS, typical};
use crate::complex::Complex;
use crate::program::clear::{ClearError, fetch};
use crate::program::infer::State;
use crate::program::op::{Term, ValueId};
use crate::program::slots::Slots;

/// Terms whose plaintexts stand in memory at a time.
const BATCH: usize = 16;

/// An operand's tile: the slots that hold something, and in every sample the largest that they may hold.
struct Operand<'a> {
    tile: &'a Tile,
    held: Vec<usize>,
    extremes: Vec<Vec<Complex>>,
}

impl<'a> Operand<'a> {
    fn new(tile: &'a Tile, spread: bool) -> Self {
        let magnitude = &tile.magnitude.re;
        let held: Vec<usize> = (0..magnitude.len()).filter(|&s| magnitude[s] != 0.0).collect();
        let extreme = |k: usize| held.iter().map(|&s| tile.extreme_at(k, spread, s)).collect();
        let extremes = (0..tile.samples.len()).map(extreme).collect();
        Operand { tile, held, extremes }
    }
}

/// A term with its plaintext's nonzero numbers, and what its two noises are.
struct Weighted<'a> {
    term: &'a Term,
    /// Slots after which the numbers repeat, a power of two.
    period: usize,
    real: bool,
    numbers: Vec<(usize, Complex)>,
    /// Deviations of the rotated input's switch, and of the plaintext's rounding.
    switch: f64,
    rounding: f64,
}

impl<'a> Weighted<'a> {
    /// With the deviations of the rotation's switch and of the plaintext's encoding.
    fn new(term: &'a Term, p: &Slots, (switch, encoding): (f64, f64)) -> Self {
        let numbers = (0..p.len()).map(|s| (s, at(p, s)));
        let numbers: Vec<(usize, Complex)> = numbers.filter(|(_, p)| *p != Complex::default()).collect();
        let largest = numbers.iter().map(|(_, p)| p.abs()).fold(0.0, f64::max);
        Weighted {
            term,
            period: p.len(),
            real: p.is_real(),
            numbers,
            switch,
            rounding: encoding + FLOAT_LOSS * largest,
        }
    }

    /// The slots of an operand with `slots` that meet a nonzero number, each with the number and with the slot of the sum.
    fn products(&self, slots: usize) -> impl Iterator<Item = (usize, usize, Complex)> {
        let repeats = (0..slots).step_by(self.period);
        repeats.flat_map(move |start| {
            let numbers = self.numbers.iter();
            numbers.map(move |&(s, p)| (start + s, self.target(start + s, slots), p))
        })
    }

    /// Where slot `s` of the product comes to stand behind the giant step.
    fn target(&self, s: usize, slots: usize) -> usize {
        s.wrapping_sub(self.term.giant as usize) & (slots - 1)
    }

    /// Adds the magnitudes that the term may have.
    fn add_magnitude(&self, sum: &mut Slots, x: &Slots) {
        let slots = sum.len();
        for (s, target, p) in self.products(slots) {
            sum.re[target] += p.abs() * x.re[(s + self.term.baby as usize) & (slots - 1)];
        }
    }

    /// Adds `p ⊙ rot(x)`, its error `p ⊙ (error of rot(x) + error of the rotation)`, and `(error of p) ⊙ rot(x)`, of sample `k`.
    fn add_sample(&self, sum: &mut Sample, x: &Operand<'_>, index: usize, k: usize) {
        let Sample { value, error } = &x.tile.samples[k];
        let (slots, baby) = (value.len(), self.term.baby as usize);
        if !(self.real && value.is_real()) && sum.value.is_real() {
            sum.value.im = vec![0.0; slots];
        }
        // The error of the rotated tile is shared by all terms that use it, that of a plaintext by all its uses.
        let turn = draw::key(&[index as u64, u64::from(self.term.input), baby as u64, k as u64, 2]);
        let plain = draw::key(&[u64::from(self.term.plain.0), k as u64, 3]);
        for (s, target, p) in self.products(slots) {
            let from = (s + baby) & (slots - 1);
            let product = p * at(value, from);
            sum.value.re[target] += product.re;
            if let Some(im) = sum.value.im.get_mut(target) {
                *im += product.im;
            }
            let mut e = at(error, from);
            if self.switch > 0.0 {
                let (a, b) = draw::unit(turn, s);
                e += Complex::new(self.switch * a, self.switch * b);
            }
            let e = p * e;
            sum.error.re[target] += e.re;
            sum.error.im[target] += e.im;
        }
        for (&from, &extreme) in x.held.iter().zip(&x.extremes[k]) {
            let s = from.wrapping_sub(baby) & (slots - 1);
            let (a, b) = draw::unit(plain, s & (self.period - 1));
            let e = extreme * Complex::new(self.rounding * a, self.rounding * b);
            let target = self.target(s, slots);
            sum.error.re[target] += e.re;
            sum.error.im[target] += e.im;
        }
    }
}

impl Pass<'_> {
    pub(super) fn linear(
        &self,
        index: usize,
        x: ValueId,
        outputs: u32,
        terms: &[Term],
        rescale: bool,
    ) -> Result<Vec<Tile>, BoundError> {
        let (from, slots) = (self.state(x), self.slots());
        let spread = self.spread[index] || typical::sums(&self.program.ops[index]);
        let inputs: Vec<Operand<'_>> = self
            .tiles(x)
            .par_iter()
            .map(|tile| Operand::new(tile, spread))
            .collect();
        let here = State::from(&self.program.values[index]);
        let one = |output: u32| -> Result<Tile, ClearError> {
            let start = terms.partition_point(|t| t.output < output);
            let terms = &terms[start..start + terms[start..].partition_point(|t| t.output == output)];
            let blank = Sample {
                value: Slots::zeros(slots),
                error: Slots {
                    re: vec![0.0; slots],
                    im: vec![0.0; slots],
                },
            };
            let mut sum = Tile {
                magnitude: Slots::zeros(slots),
                typical: f64::INFINITY,
                samples: vec![blank; self.assumptions.samples],
            };
            for batch in terms.chunks(BATCH) {
                let weighted = batch.par_iter().map(|term| self.weighted(term, from));
                let weighted = weighted.collect::<Result<Vec<_>, _>>()?;
                let samples = sum.samples.par_iter_mut().enumerate();
                samples.for_each(|(k, sample)| {
                    for term in &weighted {
                        term.add_sample(sample, &inputs[term.term.input as usize], index, k);
                    }
                });
                for term in &weighted {
                    let x = &inputs[term.term.input as usize].tile.magnitude;
                    term.add_magnitude(&mut sum.magnitude, x);
                }
            }
            // Every giant step switches keys once, at the scale of the product.
            let turned = terms
                .chunk_by(|a, b| a.giant == b.giant)
                .filter(|group| group[0].giant != 0);
            let product_variance: f64 = turned
                .map(|group| {
                    let plain = group[group.len() - 1].plain;
                    let scale = from.scale * self.program.plaintexts[plain.0 as usize].scale;
                    let v = self.switch(from.level) + self.rounding();
                    self.deviation(v, scale).powi(2)
                })
                .sum();
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

    /// A term with its plaintext, for an operand in the state `from`.
    fn weighted<'t>(&self, term: &'t Term, from: State) -> Result<Weighted<'t>, ClearError> {
        let info = &self.program.plaintexts[term.plain.0 as usize];
        let p = fetch(self.plains, term.plain, self.slots())?;
        let switch = match term.baby {
            0 => 0.0,
            _ => self.deviation(self.switch(from.level), from.scale),
        };
        let encoding = self.deviation(self.encoding(info.class), info.scale);
        Ok(Weighted::new(term, &p, (switch, encoding)))
    }
}

/// Slot `s` of a whole tile or period.
fn at(v: &Slots, s: usize) -> Complex {
    Complex::new(v.re[s], v.im.get(s).copied().unwrap_or(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::program::clear;
    use crate::program::op::PlainId;
    use crate::program::slots::PlainValues;

    const SLOTS: usize = 16;

    fn complex(count: usize, seed: u64) -> Slots {
        let number = |s: usize| {
            let (re, im) = draw::unit(seed, s);
            Complex::new(re, im)
        };
        (0..count).map(number).collect::<Vec<_>>().into()
    }

    /// Added up by numbers, values and errors are what the clear program makes of them, whatever repeats, is zero or turns.
    #[test]
    fn sums_by_numbers_are_sums_by_slots() {
        let mut sparse = Slots::zeros(SLOTS);
        (sparse.re[3], sparse.re[12]) = (0.5, -2.0);
        let periodic = complex(4, 1);
        let plains = PlainValues(
            [sparse, periodic, complex(SLOTS, 2), 3.0.into()]
                .into_iter()
                .enumerate()
                .map(|(id, plain)| (PlainId(id as u32), plain))
                .collect(),
        );
        let term = |giant, input, baby, plain| Term {
            output: 0,
            giant,
            input,
            baby,
            plain: PlainId(plain),
        };
        let terms = [
            term(0, 0, 1, 0),
            term(0, 1, 5, 1),
            term(4, 0, 0, 2),
            term(4, 0, 7, 0),
            term(12, 1, 2, 3),
        ];
        let tiles: Vec<Tile> = [3, 4]
            .map(|seed| Tile {
                magnitude: complex(SLOTS, seed).abs(),
                typical: f64::INFINITY,
                samples: vec![Sample {
                    value: complex(SLOTS, seed),
                    error: complex(SLOTS, seed + 2),
                }],
            })
            .into();
        let operands: Vec<Operand<'_>> = tiles.iter().map(|tile| Operand::new(tile, false)).collect();
        let mut sum = Sample {
            value: Slots::zeros(SLOTS),
            error: Slots {
                re: vec![0.0; SLOTS],
                im: vec![0.0; SLOTS],
            },
        };
        let mut magnitude = Slots::zeros(SLOTS);
        for term in &terms {
            let weighted = Weighted::new(term, &plains.0[&term.plain], (0.0, 0.0));
            weighted.add_sample(&mut sum, &operands[term.input as usize], 7, 0);
            weighted.add_magnitude(&mut magnitude, &tiles[term.input as usize].magnitude);
        }
        let inputs = |part: fn(&Tile) -> Slots| tiles.iter().map(part).collect::<Vec<_>>();
        let expected =
            |part, plains: &PlainValues| clear::linear(&inputs(part), 1, &terms, plains, SLOTS).unwrap();
        let absolute = PlainValues(plains.0.iter().map(|(&id, p)| (id, p.abs())).collect());
        for (found, expected) in [
            (&sum.value, expected(|t| t.samples[0].value.clone(), &plains)),
            (&sum.error, expected(|t| t.samples[0].error.clone(), &plains)),
            (&magnitude, expected(|t| t.magnitude.clone(), &absolute)),
        ] {
            for s in 0..SLOTS {
                assert!((found.get(s) - expected[0].get(s)).abs() < 1e-12, "slot {s}");
            }
        }
    }
}
