//! Slot values in the clear: the content of a plaintext, or of a tile when a program runs on plain numbers.
//!
//! A vector shorter than the tile repeats: length 1 is a constant, length `p` has period `p`. Real vectors carry no imaginary part.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::op::{PlainClass, PlainId};
use crate::complex::Complex;

/// Slot values; `im` is empty when all are real.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Slots {
    /// Real parts.
    pub re: Vec<f64>,
    /// Imaginary parts, or empty.
    pub im: Vec<f64>,
}

impl From<Vec<f64>> for Slots {
    fn from(re: Vec<f64>) -> Self {
        Self { re, im: Vec::new() }
    }
}

impl From<f64> for Slots {
    fn from(value: f64) -> Self {
        vec![value].into()
    }
}

impl From<Vec<Complex>> for Slots {
    fn from(values: Vec<Complex>) -> Self {
        let re = values.iter().map(|z| z.re).collect();
        let im: Vec<f64> = values.iter().map(|z| z.im).collect();
        let real = im.iter().all(|&v| v == 0.0);
        Self {
            re,
            im: if real { Vec::new() } else { im },
        }
    }
}

impl Slots {
    /// `count` zeros.
    pub fn zeros(count: usize) -> Self {
        vec![0.0; count].into()
    }

    /// Number of stored values: the period.
    pub fn len(&self) -> usize {
        self.re.len()
    }

    /// Whether nothing is stored.
    pub fn is_empty(&self) -> bool {
        self.re.is_empty()
    }

    /// Whether all values are real.
    pub fn is_real(&self) -> bool {
        self.im.is_empty()
    }

    /// Value of slot `s`, repeating with the stored period.
    pub fn get(&self, s: usize) -> Complex {
        let i = s % self.re.len();
        Complex::new(self.re[i], self.im.get(i).copied().unwrap_or(0.0))
    }

    /// All values as complex numbers, repeated to `slots`.
    pub fn to_complex(&self, slots: usize) -> Vec<Complex> {
        (0..slots).map(|s| self.get(s)).collect()
    }

    /// Real parts repeated to `slots`.
    pub fn to_real(&self, slots: usize) -> Vec<f64> {
        self.re.iter().copied().cycle().take(slots).collect()
    }

    /// `|value|` of every stored slot.
    pub fn abs(&self) -> Self {
        if self.is_real() {
            return self.re.iter().map(|v| v.abs()).collect::<Vec<_>>().into();
        }
        self.re
            .iter()
            .zip(&self.im)
            .map(|(a, b)| a.hypot(*b))
            .collect::<Vec<_>>()
            .into()
    }

    /// Largest `|value|`.
    pub fn max_abs(&self) -> f64 {
        self.abs().re.iter().fold(0.0, |m, &v| m.max(v))
    }

    /// Whether every value is finite.
    pub fn is_finite(&self) -> bool {
        self.re.iter().chain(&self.im).all(|v| v.is_finite())
    }

    /// The class these values fit in a tile of `slots`, shortest period first, and the values cut to it.
    ///
    /// Bits are compared, not numbers, so that the answer depends on nothing but the weights.
    pub fn classify(mut self, slots: usize) -> (PlainClass, Self) {
        let mut period = self.len();
        let repeats = |v: &[f64], half: usize| {
            v.is_empty()
                || v[..half]
                    .iter()
                    .zip(&v[half..])
                    .all(|(a, b)| a.to_bits() == b.to_bits())
        };
        while period.is_multiple_of(2) && repeats(&self.re, period / 2) && repeats(&self.im, period / 2) {
            period /= 2;
            self.re.truncate(period);
            self.im.truncate(period);
        }
        let class = match period {
            1 => PlainClass::Constant,
            p if p == slots => PlainClass::General,
            p => PlainClass::Periodic { period: p as u32 },
        };
        (class, self)
    }
}

/// Where the values of plaintexts come from: computed on demand, so that a large network's weights never stand in memory twice.
pub trait PlainSource: Sync {
    /// The slots of a plaintext, at least one period of its class; `None` if it is not known.
    fn plain(&self, id: PlainId) -> Option<Cow<'_, Slots>>;
}

/// Plaintext values held in memory.
#[derive(Clone, Debug, Default)]
pub struct PlainValues(pub BTreeMap<PlainId, Slots>);

impl PlainValues {
    /// Sets the values of `id`.
    pub fn insert(&mut self, id: PlainId, values: impl Into<Slots>) {
        self.0.insert(id, values.into());
    }
}

impl PlainSource for PlainValues {
    fn plain(&self, id: PlainId) -> Option<Cow<'_, Slots>> {
        self.0.get(&id).map(Cow::Borrowed)
    }
}

impl<A: PlainSource, B: PlainSource> PlainSource for (&A, &B) {
    fn plain(&self, id: PlainId) -> Option<Cow<'_, Slots>> {
        self.0.plain(id).or_else(|| self.1.plain(id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classify_finds_the_shortest_period() {
        let (class, v) = Slots::from(vec![1.0, 2.0, 1.0, 2.0, 1.0, 2.0, 1.0, 2.0]).classify(8);
        assert_eq!((class, v.len()), (PlainClass::Periodic { period: 2 }, 2));
        assert_eq!(Slots::from(vec![3.0; 8]).classify(8).0, PlainClass::Constant);
        assert_eq!(
            Slots::from(vec![1.0, 2.0, 3.0, 2.0]).classify(4).0,
            PlainClass::General
        );
        let z = Slots::from(vec![Complex::new(1.0, 1.0), Complex::new(1.0, 2.0)]);
        assert_eq!(z.classify(8).0, PlainClass::Periodic { period: 2 });
    }

    #[test]
    fn a_zero_imaginary_part_is_dropped() {
        assert!(Slots::from(vec![Complex::new(1.0, 0.0)]).is_real());
        assert_eq!(Slots::from(vec![Complex::new(3.0, 4.0)]).max_abs(), 5.0);
    }
}
