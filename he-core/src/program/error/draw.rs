//! Reproducible noise: every number is a function of a key and a position, so that it can be drawn again instead of being stored.

use crate::program::slots::Slots;

/// Names one noise vector: mixed from what identifies its source.
pub(super) fn key(parts: &[u64]) -> u64 {
    parts.iter().fold(0x6a09_e667_f3bc_c908, |key, &part| {
        mix(key ^ part.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    })
}

/// SplitMix64's finaliser (Steele, Lea, Flood, OOPSLA 2014).
fn mix(mut z: u64) -> u64 {
    z = z.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A complex number of mean square one: each part a sum of two uniforms, which has the variance of a Gaussian, not its tails. Only
/// variances are estimated from it.
pub(super) fn unit(key: u64, position: usize) -> (f64, f64) {
    let bits = mix(key ^ (position as u64).wrapping_mul(0xd134_2543_de82_ef95));
    let lane = |shift: u32| f64::from((bits >> shift) as u16);
    // Two uniforms on 2^16 points have variance 2^32 / 6; wanted is 1/2.
    let scale = 3f64.sqrt() / 65536.0;
    (
        (lane(0) + lane(16) - 65535.0) * scale,
        (lane(32) + lane(48) - 65535.0) * scale,
    )
}

/// Adds noise of standard deviation `sigma` (complex) to every slot of `e`.
pub(super) fn inject(e: &mut Slots, sigma: f64, key: u64) {
    if e.is_real() {
        e.im = vec![0.0; e.len()];
    }
    for (s, (re, im)) in e.re.iter_mut().zip(&mut e.im).enumerate() {
        let (a, b) = unit(key, s);
        *re += sigma * a;
        *im += sigma * b;
    }
}

/// A number in (-1/2, 1/2): what rounding a constant leaves.
pub(super) fn rounding(key: u64) -> f64 {
    mix(key) as f64 / u64::MAX as f64 - 0.5
}

/// A random sign.
pub(super) fn sign(key: u64, position: usize) -> f64 {
    if mix(key ^ position as u64) & 1 == 0 {
        1.0
    } else {
        -1.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_has_the_variance_asked_for() {
        let mut e = Slots::zeros(1 << 14);
        inject(&mut e, 3.0, key(&[1, 2]));
        inject(&mut e, 4.0, key(&[1, 3]));
        for part in [&e.re, &e.im] {
            let mean = part.iter().sum::<f64>() / part.len() as f64;
            let variance = part.iter().map(|v| v * v).sum::<f64>() / part.len() as f64;
            assert!(mean.abs() < 0.15, "{mean}");
            assert!((variance / 12.5 - 1.0).abs() < 0.05, "{variance}");
        }
    }
}
