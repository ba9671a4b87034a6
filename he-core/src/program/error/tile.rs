//! A tile as the bounds see it: what its slots may be, and samples of their errors.

use super::Range;
use crate::complex::Complex;
use crate::program::slots::Slots;

/// One tile in one sample: a value with typical signs, and its error.
#[derive(Clone)]
pub(super) struct Sample {
    pub(super) value: Slots,
    pub(super) error: Slots,
}

/// One tile: the bound on |slot|, what is typical, and the samples.
#[derive(Clone)]
pub(super) struct Tile {
    pub(super) magnitude: Slots,
    pub(super) typical: f64,
    pub(super) samples: Vec<Sample>,
}

impl Tile {
    /// A value with the signs of sample `k` and the magnitude of the bound, or, where what is computed from it is `spread` over many
    /// elements, the typical one if that is less.
    pub(super) fn extreme(&self, k: usize, spread: bool) -> Slots {
        let value = &self.samples[k].value;
        let typical = if spread { self.typical } else { f64::INFINITY };
        let raise = |s: usize| {
            let (z, a) = (value.get(s), self.magnitude.re[s].min(typical));
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
    pub(super) fn cut(
        mut self,
        Range {
            largest: range,
            typical,
        }: Range,
    ) -> Self {
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
    pub(super) fn sigma(&self) -> f64 {
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
