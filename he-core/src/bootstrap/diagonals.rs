//! Square matrices on the slots, by their diagonals, and the factors of the special Fourier transform.
//!
//! Notation: n slots; a matrix acts as `y_j = sum over s of d_s[j] x[(j + s) mod n]`, d_s its diagonal at shift s.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::ckks::{EncapsulationKeys, SpecialFft};
use crate::complex::Complex;

/// A matrix with few diagonals.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Diagonals {
    slots: usize,
    by_shift: BTreeMap<usize, Vec<Complex>>,
}

impl Diagonals {
    fn zero(slots: usize) -> Self {
        Self {
            slots,
            by_shift: BTreeMap::new(),
        }
    }

    /// The diagonals by their shifts, least first.
    #[cfg(test)]
    pub(super) fn by_shift(&self) -> &BTreeMap<usize, Vec<Complex>> {
        &self.by_shift
    }

    /// Slots after which vectors repeat.
    pub(super) fn slots(&self) -> usize {
        self.slots
    }

    /// The diagonal at a shift; empty where it vanishes.
    pub(super) fn diagonal(&self, shift: usize) -> &[Complex] {
        self.by_shift.get(&shift).map_or(&[], Vec::as_slice)
    }

    fn add(&mut self, row: usize, column: usize, value: Complex) {
        let shift = (column + self.slots - row) % self.slots;
        let slots = self.slots;
        self.by_shift
            .entry(shift)
            .or_insert_with(|| vec![Complex::default(); slots])[row] += value;
    }

    /// The product `self later`: what applies `first`, then `self`.
    fn after(&self, first: &Self) -> Self {
        let n = self.slots;
        let mut product = Self::zero(n);
        for (&s, outer) in &self.by_shift {
            for (&t, inner) in &first.by_shift {
                let sum = product
                    .by_shift
                    .entry((s + t) % n)
                    .or_insert_with(|| vec![Complex::default(); n]);
                for (j, sum) in sum.iter_mut().enumerate() {
                    *sum += outer[j] * inner[(j + s) % n];
                }
            }
        }
        // Shifts at which everything cancels, or nothing ever stood.
        product
            .by_shift
            .retain(|_, diagonal| diagonal.iter().any(|z| *z != Complex::default()));
        product
    }

    /// Butterflies of one stage: from coefficients to slots, or back, each halved.
    fn stage(fft: &SpecialFft, slots: usize, log_half: usize, back: bool) -> Self {
        let half = 1 << log_half;
        let mut matrix = Self::zero(slots);
        for block in (0..slots).step_by(2 * half) {
            for k in 0..half {
                let (low, high) = (block + k, block + k + half);
                let w = fft.twiddle(log_half, k);
                let entries = match back {
                    false => [Complex::from(1.0), w, Complex::from(1.0), -w],
                    true => {
                        let (one, w) = (Complex::from(0.5), w.conj() * Complex::from(0.5));
                        [one, one, w, -w]
                    }
                };
                let places = [(low, low), (low, high), (high, low), (high, high)];
                for ((row, column), value) in places.into_iter().zip(entries) {
                    matrix.add(row, column, value);
                }
            }
        }
        matrix
    }

    /// The product of some stages on vectors that repeat after `slots`, from coefficients, in bit-reversed order, to slots, or back; of no
    /// stages, the identity.
    pub(super) fn of_stages(fft: &SpecialFft, slots: usize, stages: Range<usize>, back: bool) -> Self {
        let stage = |log_half| Self::stage(fft, slots, log_half, back);
        let product = |product: Self, stage: Self| stage.after(&product);
        let merged = match back {
            false => stages.map(stage).reduce(product),
            true => stages.rev().map(stage).reduce(product),
        };
        merged.unwrap_or_else(|| Self::identity(slots))
    }

    /// Every entry times a factor.
    pub(super) fn times(mut self, factor: f64) -> Self {
        for z in self.by_shift.values_mut().flatten() {
            *z = *z * Complex::from(factor);
        }
        self
    }

    /// What leaves the slots as they are.
    pub(crate) fn identity(slots: usize) -> Self {
        Self {
            slots,
            by_shift: BTreeMap::from([(0, vec![Complex::from(1.0); slots])]),
        }
    }
}

/// Cuts `stages` into runs of nearly one length.
pub(super) fn parts(stages: usize, count: usize) -> impl Iterator<Item = Range<usize>> {
    (0..count).map(move |i| stages * i / count..stages * (i + 1) / count)
}

/// Cuts the stages of CoeffsToSlots: the last ones, which are applied first, are those that the turns of a raised ciphertext reach.
pub(super) fn raised_parts(slots: usize, count: usize) -> Vec<Range<usize>> {
    let stages = slots.ilog2() as usize;
    let turned = EncapsulationKeys::turns(slots).ilog2() as usize;
    let rest = if count == 1 { 0 } else { stages - turned };
    parts(rest, count - 1)
        .chain(std::iter::once(rest..stages))
        .collect()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// The factors of the map from coefficients, in bit-reversed order, to slots: first applied first.
    pub(in crate::bootstrap) fn to_slots(fft: &SpecialFft, slots: usize, factors: usize) -> Vec<Diagonals> {
        let of = |stages| Diagonals::of_stages(fft, slots, stages, false);
        parts(slots.ilog2() as usize, factors).map(of).collect()
    }

    /// The factors of its inverse.
    pub(in crate::bootstrap) fn to_coefficients(
        fft: &SpecialFft,
        slots: usize,
        factors: usize,
    ) -> Vec<Diagonals> {
        let of = |stages| Diagonals::of_stages(fft, slots, stages, true);
        raised_parts(slots, factors).into_iter().rev().map(of).collect()
    }

    fn apply(matrix: &Diagonals, x: &[Complex]) -> Vec<Complex> {
        let n = x.len();
        let term = |j: usize, (&s, d): (&usize, &Vec<Complex>)| d[j] * x[(j + s) % n];
        (0..n)
            .map(|j| {
                let terms = matrix.by_shift.iter().map(|diagonal| term(j, diagonal));
                terms.fold(Complex::default(), |sum, z| sum + z)
            })
            .collect()
    }

    fn bit_reversed(x: &[Complex]) -> Vec<Complex> {
        let shift = usize::BITS - x.len().ilog2();
        (0..x.len()).map(|j| x[j.reverse_bits() >> shift]).collect()
    }

    #[test]
    fn factors_multiply_to_the_transform() {
        let n = 64;
        let fft = SpecialFft::new(n);
        let z: Vec<Complex> = (0..n)
            .map(|k| Complex::new((k as f64).sin(), (3.0 * k as f64).cos()))
            .collect();
        let (mut re, mut im): (Vec<f64>, Vec<f64>) = z.iter().map(|z| (z.re, z.im)).unzip();
        fft.coefficients_to_slots(&mut re, &mut im);
        let expected: Vec<Complex> = re
            .iter()
            .zip(&im)
            .map(|(&re, &im)| Complex::new(re, im))
            .collect();
        for factors in 1..=4 {
            let slots = to_slots(&fft, n, factors)
                .iter()
                .fold(bit_reversed(&z), |x, m| apply(m, &x));
            assert!(slots.iter().zip(&expected).all(|(&a, &b)| (a - b).abs() < 1e-12));
            let back = to_coefficients(&fft, n, factors)
                .iter()
                .fold(slots, |x, m| apply(m, &x));
            assert!(
                back.iter()
                    .zip(bit_reversed(&z))
                    .all(|(&a, b)| (a - b).abs() < 1e-13)
            );
        }
    }

    #[test]
    fn r_merged_stages_have_fewer_than_two_to_the_r_plus_one_diagonals() {
        let fft = SpecialFft::new(256);
        for matrices in [to_slots(&fft, 256, 2), to_coefficients(&fft, 256, 3)] {
            assert!(matrices.iter().all(|m| m.by_shift.len() <= 32));
        }
    }
}
