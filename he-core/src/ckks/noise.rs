//! How noise grows: the formulas by which errors are predicted and tests bounded.
//!
//! Notation: N ring degree, sigma^2 = 21/2 variance of the error (centred binomial of 42 coins), h = 2N/3 expected weight of the
//! ternary secret, V variance of the noise in one *coefficient*, tau^2 its variance in one *slot* relative to the scale S:
//! `tau^2 = N V / S^2` (complex, half of it in the real part). Independent variances add.
//!
//! Source: Cheon, Kim, Kim, Song 2017 and Costache, Curtis, Hales, Murphy, Ogilvie, Player 2022 for the average case; the key-switch
//! term with exactly centred digits is derived there from Var(digit) = D^2 / 12.

use crate::params::{Chain, log2};

/// Variance of one coefficient of the error distribution.
pub const ERROR_VARIANCE: f64 = 10.5;

/// Expected weight of a uniform ternary secret.
pub fn secret_weight(degree: usize) -> f64 {
    2.0 * degree as f64 / 3.0
}

/// V of a fresh encryption under the secret key.
pub fn fresh_secret() -> f64 {
    ERROR_VARIANCE
}

/// V of a fresh encryption under the public key: `e v + e0 + e1 s` with ternary v and s, divided by P and rounded.
pub fn fresh_public(degree: usize, log_p: f64) -> f64 {
    ERROR_VARIANCE * (2.0 * secret_weight(degree) + 1.0) * (-2.0 * log_p).exp2() + rounding(degree)
}

/// V of a sum or difference.
pub fn add(v1: f64, v2: f64) -> f64 {
    v1 + v2
}

/// V that rounding to integers leaves in an encoded plaintext.
pub fn encoding() -> f64 {
    1.0 / 12.0
}

/// V after the product with a plaintext of scale `plain_scale` and mean square slot `plain_mean_square`, before rescaling. The
/// message, of scale `scale` and mean square `mean_square`, meets the plaintext's rounding error.
pub fn plain_product(v: f64, plain_scale: f64, plain_mean_square: f64, scale: f64, mean_square: f64) -> f64 {
    v * plain_scale * plain_scale * plain_mean_square + encoding() * scale * scale * mean_square
}

/// tau^2 of the slot-wise product of two ciphertexts, before rescaling, from tau^2 and the mean square slot of both.
pub fn product(tau_sq1: f64, mean_square1: f64, tau_sq2: f64, mean_square2: f64) -> f64 {
    mean_square2 * tau_sq1 + mean_square1 * tau_sq2 + tau_sq1 * tau_sq2
}

/// V that rounding a ciphertext (rescaling, or dividing by P) adds: of both parts, the second met by the secret.
pub fn rounding(degree: usize) -> f64 {
    (secret_weight(degree) + 1.0) / 12.0
}

/// V after a rescale that divides by `divisor`.
pub fn rescale(v: f64, divisor: f64, degree: usize) -> f64 {
    v / (divisor * divisor) + rounding(degree)
}

/// V that one key switch adds at `level`, before the division by P is rounded.
pub fn key_switch_unrounded(chain: &Chain, level: usize) -> f64 {
    let n = chain.degree() as f64;
    let digits = chain.digits(level);
    let relative: f64 = digits
        .into_iter()
        .map(|digit| {
            let primes = chain.primes_of(level).iter().map(|&p| usize::from(p));
            let own = primes.filter(|p| digit.contains(p));
            let log2_digit: f64 = own.map(|p| log2(chain.primes()[p])).sum();
            (2.0 * (log2_digit - chain.log_p())).exp2()
        })
        .sum();
    relative / 12.0 * n * ERROR_VARIANCE
}

/// V that one key switch adds, its division by P rounded.
pub fn key_switch(chain: &Chain, level: usize) -> f64 {
    key_switch_unrounded(chain, level) + rounding(chain.degree())
}

/// tau^2 of coefficient variance `v` at `scale`.
pub fn slot_variance(v: f64, degree: usize, scale: f64) -> f64 {
    degree as f64 * v / (scale * scale)
}

/// A bound that the error of any slot exceeds with probability below 2^-57: ten deviations.
pub fn slot_bound(v: f64, degree: usize, scale: f64) -> f64 {
    10.0 * slot_variance(v, degree, scale).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::params::presets;

    #[test]
    fn digits_within_the_margin_cost_less_than_rounding() {
        let chain = presets::set_c().build().unwrap();
        let top = chain.top_level();
        assert!(key_switch_unrounded(&chain, top) < rounding(chain.degree()));
        // Lower levels use fewer and shorter digits.
        assert!(key_switch_unrounded(&chain, 3) < key_switch_unrounded(&chain, top));
    }

    #[test]
    fn rescaling_keeps_the_relative_noise_until_rounding_dominates() {
        let (n, scale) = (1 << 14, 2f64.powi(40));
        let tau = slot_variance(1e30, n, scale * scale);
        let after = slot_variance(rescale(1e30, scale, n), n, scale);
        assert!(after > tau && after < tau + 1.01 * slot_variance(rounding(n), n, scale));
    }
}
