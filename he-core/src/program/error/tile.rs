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
        let slots = self.magnitude.len();
        let mut extreme = Slots {
            re: vec![0.0; slots],
            im: vec![0.0; self.samples[k].value.im.len()],
        };
        for s in 0..slots {
            let z = self.extreme_at(k, spread, s);
            extreme.re[s] = z.re;
            extreme.im.get_mut(s).into_iter().for_each(|im| *im = z.im);
        }
        extreme
    }

    /// Slot `s` of [`extreme`](Self::extreme).
    #[inline]
    pub(super) fn extreme_at(&self, k: usize, spread: bool, s: usize) -> Complex {
        let Slots { re, im } = &self.samples[k].value;
        let typical = if spread { self.typical } else { f64::INFINITY };
        let a = self.magnitude.re[s].min(typical);
        let z = Complex::new(re[s], im.get(s).copied().unwrap_or(0.0));
        let modulus = modulus(z.re, z.im);
        if modulus > 0.0 {
            z * (a / modulus)
        } else {
            Complex::from(a)
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
        if range == f64::INFINITY {
            return self;
        }
        self.magnitude.re.iter_mut().for_each(|a| *a = a.min(range));
        for sample in &mut self.samples {
            let Slots { re, im } = &mut sample.value;
            if im.is_empty() {
                let bounded = re.iter_mut().zip(&self.magnitude.re);
                bounded.for_each(|(re, &a)| *re = re.max(-a).min(a));
                continue;
            }
            for ((re, im), &a) in re.iter_mut().zip(im).zip(&self.magnitude.re) {
                let modulus = modulus(*re, *im);
                if modulus > a {
                    *re *= a / modulus;
                    *im *= a / modulus;
                }
            }
        }
        self
    }

    /// The largest deviation of the slots.
    pub(super) fn sigma(&self) -> f64 {
        let mut squares = vec![0.0; self.magnitude.len()];
        for sample in &self.samples {
            for part in [&sample.error.re, &sample.error.im] {
                squares
                    .iter_mut()
                    .zip(part)
                    .for_each(|(square, e)| *square += e * e);
            }
        }
        let worst = squares.into_iter().fold(0.0, f64::max);
        (worst / self.samples.len().max(1) as f64).sqrt()
    }
}

/// |z|, without `hypot`'s care for what is near the limits of floats: no slot is.
fn modulus(re: f64, im: f64) -> f64 {
    (re * re + im * im).sqrt()
}
