//! Noise that hides the computation's noise in numbers shown to others.
//!
//! Notation: t bound on the error of every number, d numbers shown at once, k times that results of one key are shown, s statistical
//! security, sigma deviation of the noise added to every number.
//!
//! What CKKS decrypts is the result plus an error from which the secret key can be found (Li and Micciancio, EUROCRYPT 2021). With
//! Gaussian noise on top, what is shown differs from what exact results plus the same noise would show by a Kullback-Leibler divergence
//! of at most `k d t^2 / (2 sigma^2)`. As Li, Micciancio, Schultz and Sorrell (CRYPTO 2022, section 4) have it,
//! `sigma = sqrt(12 k d) 2^(s/2) t` is s bits of statistical security: the divergence is 2^-s / 24, so that by Pinsker's inequality
//! nobody tells the two apart with an advantage above `2^(-s/2) / 6.9`.
//!
//! Only numbers that are shown count in d, and the noise is added after decoding: whatever else the slots hold is never shown.

use super::domain;
use crate::error::{Error, Result};
use crate::math::sample::{Seed, Stream};
use zeroize::Zeroize;

/// Most bits of statistical security: the noise is made of doubles, whose grid shows beyond.
const BITS_MAX: u32 = 64;

/// How much noise hides errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flooding {
    queries: u64,
    bits: u32,
}

impl Flooding {
    /// For results of one key shown at most `queries` times, with `bits` of statistical security.
    ///
    /// # Errors
    /// [`Error::Range`] for no queries, or bits outside 1 to 64.
    pub fn new(queries: u64, bits: u32) -> Result<Self> {
        let range = |what, found, allowed| Err(Error::Range { what, found, allowed });
        if queries == 0 {
            return range("shared results", 0.0, "at least 1");
        }
        if !(1..=BITS_MAX).contains(&bits) {
            return range("bits of statistical security", f64::from(bits), "1 to 64");
        }
        Ok(Self { queries, bits })
    }

    /// Times that results may be shown.
    pub fn queries(&self) -> u64 {
        self.queries
    }

    /// sigma over t: what hiding costs.
    pub fn factor(&self, numbers: usize) -> f64 {
        (12.0 * self.queries as f64 * numbers as f64).sqrt() * f64::from(self.bits).exp2().sqrt()
    }

    /// Adds noise of the operating system's randomness to all numbers of one result, whose errors are at most `error`.
    ///
    /// # Errors
    /// [`Error::Entropy`]; [`Error::Range`] for an error that is no bound.
    pub fn add(&self, values: &mut [f64], error: f64) -> Result<()> {
        let seed = Seed::from_os().map_err(|e| Error::Entropy(e.to_string()))?;
        self.add_from(values, error, &seed)
    }

    fn add_from(&self, values: &mut [f64], error: f64, seed: &Seed) -> Result<()> {
        if !(error.is_finite() && error > 0.0) {
            return Err(Error::Range {
                what: "bound on the error of shared results",
                found: error,
                allowed: "a positive number",
            });
        }
        let sigma = self.factor(values.len()) * error;
        // Multiples of 2^-20 sigma: a cell holds so many doubles that their grid does not show.
        let grid = (sigma.log2().floor() - 20.0).exp2();
        let mut words = vec![0; values.len().next_multiple_of(2)];
        Stream::new(seed, domain::FLOOD, 0).words(0, &mut words);
        for (values, words) in values.chunks_mut(2).zip(words.chunks(2)) {
            for (value, normal) in values.iter_mut().zip(normal_pair([words[0], words[1]])) {
                *value = ((*value + sigma * normal) / grid).round() * grid;
            }
        }
        words.zeroize();
        Ok(())
    }
}

/// Two independent normal numbers from two uniform words (Box and Muller 1958). The radius reaches 9.5, which a normal pair exceeds with
/// probability 2^-65.
fn normal_pair([a, b]: [u64; 2]) -> [f64; 2] {
    let unit = |word: u64| (word as f64 + 0.5) / 2f64.powi(64);
    let radius = (-2.0 * unit(a).ln()).sqrt();
    let (sin, cos) = (core::f64::consts::TAU * unit(b)).sin_cos();
    [radius * cos, radius * sin]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flood_is_normal_and_of_the_deviation_that_hides_the_error() {
        let flooding = Flooding::new(4, 20).unwrap();
        let (n, error) = (1 << 16, 1e-9);
        let sigma = (12.0 * 4.0 * f64::from(n)).sqrt() * 1024.0 * error;
        assert!((flooding.factor(n as usize) * error / sigma - 1.0).abs() < 1e-12);
        let mut noise = vec![0.25; n as usize];
        flooding.add_from(&mut noise, error, &Seed::new([8; 32])).unwrap();
        let z: Vec<f64> = noise.iter().map(|x| (x - 0.25) / sigma).collect();
        let moment = |k: i32| z.iter().map(|z| z.powi(k)).sum::<f64>() / f64::from(n);
        // Standard errors over 2^16 numbers: 1/256 of sqrt(Var z^k), with Var z^k = 1, 2, 15, 96.
        for (k, expected, error) in [(1, 0.0, 1.0), (2, 1.0, 1.42), (3, 0.0, 3.88), (4, 3.0, 9.8)] {
            let found = moment(k);
            assert!(
                (found - expected).abs() < 5.0 * error / 256.0,
                "moment {k}: {found}"
            );
        }
        // The shares below -1, 0 and 1: Phi(-1) = 0.158655. Five standard errors of a half are 0.0098.
        for (at, share) in [(-1.0, 0.158655), (0.0, 0.5), (1.0, 0.841345)] {
            let found = z.iter().filter(|&&z| z < at).count() as f64 / f64::from(n);
            assert!((found - share).abs() < 0.0098, "below {at}: {found}");
        }
        // The two of a pair, and neighbours, have nothing to do with one another.
        for lag in [1, 2] {
            let products = z.iter().zip(&z[lag..]).map(|(a, b)| a * b);
            assert!(
                products.sum::<f64>().abs() / f64::from(n) < 5.0 / 256.0,
                "lag {lag}"
            );
        }
    }

    #[test]
    fn results_stand_on_a_grid_and_no_flood_is_poured_twice() {
        let flooding = Flooding::new(1, 40).unwrap();
        let mut shown = [[0.5, -0.5, 1e3]; 2];
        for values in &mut shown {
            flooding.add(values, 1e-12).unwrap();
        }
        assert_ne!(shown[0], shown[1]);
        let grid = (((36f64).sqrt() * 2f64.powi(20) * 1e-12).log2().floor() - 20.0).exp2();
        for value in shown.as_flattened() {
            assert_eq!(value / grid, (value / grid).round());
        }
    }

    #[test]
    fn extremes_of_the_words_are_finite() {
        for pair in [[0, 0], [u64::MAX, u64::MAX], [0, u64::MAX], [1 << 63, 1 << 62]] {
            let [x, y] = normal_pair(pair);
            assert!(x.hypot(y) < 9.6, "{pair:?}: {x}, {y}");
        }
    }

    #[test]
    fn what_cannot_be_promised_is_refused() {
        assert!(matches!(Flooding::new(0, 40), Err(Error::Range { .. })));
        for bits in [0, 65] {
            assert!(matches!(Flooding::new(1, bits), Err(Error::Range { .. })));
        }
        for error in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            let flooded = Flooding::new(1, 40).unwrap().add(&mut [0.0], error);
            assert!(matches!(flooded, Err(Error::Range { .. })), "{error}");
        }
    }
}
