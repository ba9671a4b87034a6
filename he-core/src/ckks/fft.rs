//! The special Fourier transform between slots and coefficients.
//!
//! Notation: n slots, N = 2n coefficients, zeta = exp(i pi / N). Slot j of a real polynomial m is m(zeta^(5^j)); the conjugates are its
//! values at the other roots. The complex vector v with v_k = m_k + i m_{k+n} goes to the slots by a transform of n points whose
//! butterflies of length `len` turn by exp(2 pi i (5^j mod 4 len) / (4 len)): a table that depends on `len` only, so that one set of
//! tables serves every smaller power of two.
//!
//! Source: Cheon, Kim, Kim, Song, ASIACRYPT 2017; in this in-place form Cheon, Han, Kim, Kim, Song, SAC 2018, section 3.1.
//! Real and imaginary parts stand in separate vectors, which the compiler turns into vector instructions. No fused multiply-add is
//! used: results are the same on every machine.

/// Twiddle tables for all transforms of at most `slots` points.
pub(crate) struct SpecialFft {
    /// `stages[b]` turns butterflies of length `2^(b + 1)`: cosines, then sines.
    stages: Vec<(Vec<f64>, Vec<f64>)>,
}

impl SpecialFft {
    /// Tables for up to `slots` (a power of two) points.
    pub(crate) fn new(slots: usize) -> Self {
        let stages = (1..=slots.ilog2())
            .map(|log_len| {
                let len_q = 4u64 << log_len;
                let mut exponent = 1u64;
                let mut table = (vec![], vec![]);
                for _ in 0..1 << (log_len - 1) {
                    let (sin, cos) = turn(exponent, len_q);
                    table.0.push(cos);
                    table.1.push(sin);
                    exponent = exponent * 5 % len_q;
                }
                table
            })
            .collect();
        Self { stages }
    }

    /// Factor `k` of the butterflies of `2^(log_half + 1)` points.
    #[cfg(feature = "program")]
    pub(crate) fn twiddle(&self, log_half: usize, k: usize) -> crate::complex::Complex {
        let (cos, sin) = &self.stages[log_half];
        crate::complex::Complex::new(cos[k], sin[k])
    }

    /// Slots to coefficients, in place: `v_k = m_k + i m_{k+n}` with n the length of the vectors.
    pub(crate) fn slots_to_coefficients(&self, re: &mut [f64], im: &mut [f64]) {
        let n = re.len();
        for (log_half, (cos, sin)) in self.stages.iter().enumerate().take(n.ilog2() as usize).rev() {
            let half = 1 << log_half;
            for (re, im) in re.chunks_exact_mut(2 * half).zip(im.chunks_exact_mut(2 * half)) {
                let (re_low, re_high) = re.split_at_mut(half);
                let (im_low, im_high) = im.split_at_mut(half);
                let low = re_low.iter_mut().zip(im_low);
                let high = re_high.iter_mut().zip(im_high);
                for (((ar, ai), (br, bi)), (c, s)) in low.zip(high).zip(cos.iter().zip(sin)) {
                    let (dr, di) = (*ar - *br, *ai - *bi);
                    (*ar, *ai) = (*ar + *br, *ai + *bi);
                    (*br, *bi) = (dr * c + di * s, di * c - dr * s);
                }
            }
        }
        let scale = 1.0 / n as f64;
        bit_reverse(re, im);
        re.iter_mut().chain(im).for_each(|x| *x *= scale);
    }

    /// Coefficients to slots, in place: the inverse of [`slots_to_coefficients`](Self::slots_to_coefficients).
    pub(crate) fn coefficients_to_slots(&self, re: &mut [f64], im: &mut [f64]) {
        let n = re.len();
        bit_reverse(re, im);
        for (log_half, (cos, sin)) in self.stages.iter().enumerate().take(n.ilog2() as usize) {
            let half = 1 << log_half;
            for (re, im) in re.chunks_exact_mut(2 * half).zip(im.chunks_exact_mut(2 * half)) {
                let (re_low, re_high) = re.split_at_mut(half);
                let (im_low, im_high) = im.split_at_mut(half);
                let low = re_low.iter_mut().zip(im_low);
                let high = re_high.iter_mut().zip(im_high);
                for (((ar, ai), (br, bi)), (c, s)) in low.zip(high).zip(cos.iter().zip(sin)) {
                    let (tr, ti) = (*br * c - *bi * s, *br * s + *bi * c);
                    (*br, *bi) = (*ar - tr, *ai - ti);
                    (*ar, *ai) = (*ar + tr, *ai + ti);
                }
            }
        }
    }
}

/// Sine and cosine of `2 pi k / m` for `k < m`, m a multiple of 8: the angle is brought into an eighth of a turn first, so that
/// both are right to the last bit or two.
fn turn(k: u64, m: u64) -> (f64, f64) {
    let eighth = m / 8;
    let octant = k / eighth;
    let angle = |k: u64| core::f64::consts::TAU * k as f64 / m as f64;
    let rest = k % eighth;
    // Within odd octants measure from the far end.
    let (sin, cos) = if octant.is_multiple_of(2) {
        angle(rest).sin_cos()
    } else {
        angle(eighth - rest).sin_cos()
    };
    match octant {
        0 => (sin, cos),
        1 => (cos, sin),
        2 => (cos, -sin),
        3 => (sin, -cos),
        4 => (-sin, -cos),
        5 => (-cos, -sin),
        6 => (-cos, sin),
        _ => (-sin, cos),
    }
}

fn bit_reverse(re: &mut [f64], im: &mut [f64]) {
    let n = re.len();
    if n < 4 {
        return;
    }
    let shift = usize::BITS - n.ilog2();
    for i in 0..n {
        let j = i.reverse_bits() >> shift;
        if i < j {
            re.swap(i, j);
            im.swap(i, j);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::complex::Complex;

    /// Horner evaluation at zeta^(5^j), straight from the definition.
    fn evaluate(coefficients: &[f64], j: u32) -> Complex {
        let two_n = 2 * coefficients.len() as u64;
        let power = (0..j).fold(1u64, |p, _| p * 5 % two_n);
        let mut sum = Complex::default();
        for (k, m) in coefficients.iter().enumerate() {
            let angle = core::f64::consts::TAU * (power * k as u64 % two_n) as f64 / two_n as f64;
            sum = Complex::new(sum.re + m * angle.cos(), sum.im + m * angle.sin());
        }
        sum
    }

    #[test]
    fn agrees_with_the_definition_at_every_size() {
        let fft = SpecialFft::new(64);
        for log_n in 0..=6 {
            let n = 1usize << log_n;
            let coefficients: Vec<f64> = (0..2 * n)
                .map(|k| ((k * 37 + 11) % 101) as f64 / 50.0 - 1.0)
                .collect();
            let (mut re, mut im) = (coefficients[..n].to_vec(), coefficients[n..].to_vec());
            fft.coefficients_to_slots(&mut re, &mut im);
            for j in 0..n {
                let expected = evaluate(&coefficients, j as u32);
                assert!(
                    (re[j] - expected.re).abs() + (im[j] - expected.im).abs() < 1e-12,
                    "n = {n}, slot {j}"
                );
            }
            fft.slots_to_coefficients(&mut re, &mut im);
            for (found, expected) in re.iter().chain(&im).zip(&coefficients) {
                assert!((found - expected).abs() < 1e-13);
            }
        }
    }

    #[test]
    fn round_trip_is_accurate_at_full_size() {
        let n = 1 << 15;
        let fft = SpecialFft::new(n);
        let start: Vec<f64> = (0..n)
            .map(|k| ((k * 7919) % 10007) as f64 / 5003.5 - 1.0)
            .collect();
        let (mut re, mut im) = (start.clone(), vec![0.0; n]);
        fft.slots_to_coefficients(&mut re, &mut im);
        fft.coefficients_to_slots(&mut re, &mut im);
        let worst = re
            .iter()
            .zip(&start)
            .map(|(a, b)| (a - b).abs())
            .fold(0.0, f64::max);
        // Two transforms of log2 n stages, each of relative error a few 2^-53.
        assert!(worst < 2.0 * 15.0 * 4.0 * f64::EPSILON, "{worst:e}");
    }
}
