//! Arithmetic on slots in the clear: what the [`clear`](super::clear) reader computes with, and what carries the magnitudes and sampled
//! errors of the [`error`](super::error) reader.

use std::borrow::Cow;

use super::slots::Slots;
use crate::complex::Complex;

/// `acc += plain ⊙ rot_r(x)`.
pub(super) fn accumulate(acc: &mut Slots, plain: &Slots, x: &Slots, r: usize) {
    if !(plain.is_real() && x.is_real()) && acc.is_real() {
        acc.im = vec![0.0; acc.len()];
    }
    mac(&mut acc.re, &plain.re, &x.re, r, 1.0);
    mac(&mut acc.re, &plain.im, &x.im, r, -1.0);
    mac(&mut acc.im, &plain.re, &x.im, r, 1.0);
    mac(&mut acc.im, &plain.im, &x.re, r, 1.0);
}

/// `acc[s] += sign * p[s mod len p] * x[s + r mod n]`; nothing where a part is absent. Lengths are powers of two.
fn mac(acc: &mut [f64], p: &[f64], x: &[f64], r: usize, sign: f64) {
    if p.is_empty() || x.is_empty() {
        return;
    }
    let n = x.len();
    let (low, high) = acc.split_at_mut(n - r);
    for (acc, x, start) in [(low, &x[r..], 0), (high, &x[..r], n - r)] {
        if let [p] = p {
            acc.iter_mut().zip(x).for_each(|(a, x)| *a += sign * p * x);
        } else if p.len() == n {
            let p = &p[start..start + x.len()];
            acc.iter_mut()
                .zip(p)
                .zip(x)
                .for_each(|((a, p), x)| *a += sign * p * x);
        } else {
            let mask = p.len() - 1;
            acc.iter_mut()
                .zip(x)
                .enumerate()
                .for_each(|(i, (a, x))| *a += sign * p[(start + i) & mask] * x);
        }
    }
}

/// `rot_r(x)[s] = x[(s + r) mod n]`.
pub(super) fn rotate(x: &Slots, r: i32) -> Slots {
    let turn = |v: &[f64]| {
        let mut v = v.to_vec();
        if !v.is_empty() {
            let n = v.len();
            v.rotate_left(r as usize % n);
        }
        v
    };
    Slots {
        re: turn(&x.re),
        im: turn(&x.im),
    }
}

/// Stage after stage, the sum of the rotations of the stage.
pub(super) fn rotate_sum(x: &Slots, stages: &[Vec<i32>]) -> Slots {
    let mut y = Cow::Borrowed(x);
    for stage in stages {
        let mut sum = Slots {
            re: vec![0.0; x.re.len()],
            im: vec![0.0; x.im.len()],
        };
        for &r in stage {
            mac(&mut sum.re, &[1.0], &y.re, r as usize % x.len(), 1.0);
            mac(&mut sum.im, &[1.0], &y.im, r as usize % x.len(), 1.0);
        }
        y = Cow::Owned(sum);
    }
    y.into_owned()
}

/// `a + sign * b`, where `b` may repeat.
pub(super) fn axpy(a: &Slots, b: &Slots, sign: f64) -> Slots {
    let slots = a.len();
    let part = |a: &[f64], b: &[f64]| -> Vec<f64> {
        if b.is_empty() {
            return a.to_vec();
        }
        let mut sum = if a.is_empty() {
            vec![0.0; slots]
        } else {
            a.to_vec()
        };
        for period in sum.chunks_mut(b.len()) {
            period.iter_mut().zip(b).for_each(|(sum, b)| *sum += sign * b);
        }
        sum
    };
    Slots {
        re: part(&a.re, &b.re),
        im: part(&a.im, &b.im),
    }
}

/// `a ⊙ b`, where `b` may repeat.
pub(super) fn product(a: &Slots, b: &Slots) -> Slots {
    let real = a.is_real() && b.is_real();
    let mut y = Slots {
        re: vec![0.0; a.len()],
        im: if real { Vec::new() } else { vec![0.0; a.len()] },
    };
    accumulate(&mut y, b, a, 0);
    y
}

/// The conjugate of every slot.
pub(super) fn conjugate(x: &Slots) -> Slots {
    Slots {
        re: x.re.clone(),
        im: x.im.iter().map(|v| -v).collect(),
    }
}

/// `i x`.
pub(super) fn mul_i(x: &Slots) -> Slots {
    let re = if x.is_real() {
        vec![0.0; x.len()]
    } else {
        x.im.iter().map(|v| -v).collect()
    };
    Slots { re, im: x.re.clone() }
}

/// `sum of c_k T_k(x)` by Clenshaw's recurrence.
pub(super) fn chebyshev(x: &Slots, coefficients: &[Complex]) -> Slots {
    if x.is_real() && coefficients.iter().all(|c| c.im == 0.0) {
        let c: Vec<f64> = coefficients.iter().map(|c| c.re).collect();
        let blocks = x.re.chunks(BLOCK);
        let values = blocks.flat_map(|block| {
            let mut lanes = [0.0; BLOCK];
            lanes[..block.len()].copy_from_slice(block);
            clenshaw(&lanes, &c).into_iter().take(block.len())
        });
        return values.collect::<Vec<_>>().into();
    }
    let value = |x: Complex| {
        let (mut b1, mut b2) = (Complex::default(), Complex::default());
        for &c in coefficients.iter().skip(1).rev() {
            (b1, b2) = (c + x * b1 * 2.0 - b2, b1);
        }
        coefficients[0] + x * b1 - b2
    };
    (0..x.len()).map(|s| value(x.get(s))).collect::<Vec<_>>().into()
}

/// Numbers that take the steps of a recurrence together: one alone waits for every product.
const BLOCK: usize = 16;

fn clenshaw(x: &[f64; BLOCK], c: &[f64]) -> [f64; BLOCK] {
    let (mut b1, mut b2) = ([0.0; BLOCK], [0.0; BLOCK]);
    for &c in c.iter().skip(1).rev() {
        let next = std::array::from_fn(|i| c + x[i] * b1[i] * 2.0 - b2[i]);
        (b1, b2) = (next, b1);
    }
    std::array::from_fn(|i| c[0] + x[i] * b1[i] - b2[i])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rotation_moves_slot_s_plus_r_to_slot_s() {
        let x = Slots::from(vec![0.0, 1.0, 2.0, 3.0]);
        assert_eq!(rotate(&x, 1).re, [1.0, 2.0, 3.0, 0.0]);
        assert_eq!(rotate_sum(&x, &[vec![0, 1], vec![0, 2]]).re, [6.0; 4]);
    }

    #[test]
    fn products_follow_complex_arithmetic() {
        let a: Slots = vec![Complex::new(1.0, 2.0), Complex::new(0.5, -1.0)].into();
        let b: Slots = vec![Complex::new(3.0, -1.0)].into();
        let y = product(&a, &b);
        assert_eq!(y.get(0), Complex::new(5.0, 5.0));
        assert_eq!(y.get(1), Complex::new(0.5, -3.5));
        assert_eq!(mul_i(&a).get(0), Complex::new(-2.0, 1.0));
    }

    #[test]
    fn clenshaw_agrees_with_the_cosine() {
        let theta = [0.1f64, 1.0, 2.5];
        let x = Slots::from(theta.iter().map(|t| t.cos()).collect::<Vec<_>>());
        let c: Vec<Complex> = [0.5, -1.0, 0.25, 2.0].map(Complex::from).to_vec();
        for (t, y) in theta.iter().zip(chebyshev(&x, &c).re) {
            let expected: f64 = c
                .iter()
                .enumerate()
                .map(|(k, c)| c.re * (k as f64 * t).cos())
                .sum();
            assert!((y - expected).abs() < 1e-14);
        }
    }
}
