//! Powers and Chebyshev polynomials: evaluation and change of basis.
//!
//! Source: J. Mason and D. Handscomb, *Chebyshev Polynomials*, 2002, sections 2.3 and 2.4.

use super::double::Real;

/// `sum c_k T_k(u)` by Clenshaw's recurrence, in the precision of `u`.
#[must_use]
pub fn clenshaw<C: Copy + Into<T>, T: Real>(coefficients: &[C], u: T) -> T {
    let zero = T::from(0.0);
    let Some((&first, rest)) = coefficients.split_first() else {
        return zero;
    };
    let twice = u + u;
    let step = |(b1, b2): (T, T), &c: &C| (twice * b1 - b2 + c.into(), b1);
    let (b1, b2) = rest.iter().rev().fold((zero, zero), step);
    u * b1 - b2 + first.into()
}

/// `sum c_k x^k` in the basis `T_k(x / range)`.
#[must_use]
pub fn power_to_chebyshev(coefficients: &[f64], range: f64) -> Vec<f64> {
    // Horner's rule on polynomials: multiply by x = range u, add the next coefficient.
    let mut result: Vec<f64> = Vec::new();
    for &c in coefficients.iter().rev() {
        let mut next = vec![0.0; result.len() + usize::from(!coefficients.is_empty())];
        for (k, &a) in result.iter().enumerate() {
            // u T_0 = T_1, u T_k = (T_{k-1} + T_{k+1}) / 2
            if k == 0 {
                next[1] += range * a;
            } else {
                next[k - 1] += 0.5 * range * a;
                next[k + 1] += 0.5 * range * a;
            }
        }
        next[0] += c;
        result = next;
    }
    result
}

/// `sum c_k T_k(x / range)` in powers of `x`. Coefficients grow like `2^degree`: use it up to degree 20 or so.
#[must_use]
pub fn chebyshev_to_power(coefficients: &[f64], range: f64) -> Vec<f64> {
    let count = coefficients.len();
    let mut result = vec![0.0; count];
    let (mut before, mut current) = (vec![0.0; count], vec![0.0; count]);
    for (k, &c) in coefficients.iter().enumerate() {
        // T_0 = 1, T_1 = u, T_k = 2 u T_{k-1} - T_{k-2}
        let factor = if k == 1 { 1.0 } else { 2.0 };
        let mut next: Vec<f64> = before.iter().map(|b| -b).collect();
        for i in 1..count {
            next[i] += factor * current[i - 1];
        }
        if k == 0 {
            next[0] = 1.0;
        }
        before = std::mem::replace(&mut current, next);
        result.iter_mut().zip(&current).for_each(|(r, t)| *r += c * t);
    }
    let mut scale = 1.0;
    for r in &mut result {
        *r *= scale;
        scale /= range;
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn horner(c: &[f64], x: f64) -> f64 {
        c.iter().rev().fold(0.0, |y, c| y * x + c)
    }

    #[test]
    fn small_changes_of_basis_by_hand() {
        // x² = (T_2 + 1) / 2 on [-1, 1]; on [-2, 2], x² = 4 u² = 2 T_2 + 2.
        assert_eq!(power_to_chebyshev(&[0.0, 0.0, 1.0], 2.0), [2.0, 0.0, 2.0]);
        assert_eq!(chebyshev_to_power(&[2.0, 0.0, 2.0], 2.0), [0.0, 0.0, 1.0]);
        // T_3 = 4 u³ - 3 u
        assert_eq!(
            chebyshev_to_power(&[0.0, 0.0, 0.0, 1.0], 1.0),
            [0.0, -3.0, 0.0, 4.0]
        );
        assert_eq!(power_to_chebyshev(&[], 1.0), [0.0; 0]);
        assert_eq!(clenshaw::<f64, f64>(&[], 0.5), 0.0);
        assert_eq!(clenshaw(&[3.0], 0.5), 3.0);
    }

    proptest! {
        /// The bases agree to the rounding of the largest term.
        #[test]
        fn the_bases_agree(
            c in prop::collection::vec(-1.0f64..1.0, 1..12),
            range in 0.1f64..10.0,
            u in -1.0f64..1.0,
        ) {
            let chebyshev = power_to_chebyshev(&c, range);
            let largest = c.iter().enumerate().map(|(k, c)| c.abs() * range.powi(k as i32)).sum::<f64>();
            prop_assert!((clenshaw(&chebyshev, u) - horner(&c, range * u)).abs() <= 1e-13 * largest);
            let back = chebyshev_to_power(&chebyshev, range);
            for (k, (a, b)) in c.iter().zip(&back).enumerate() {
                prop_assert!((a - b).abs() * range.powi(k as i32) <= 1e-10 * largest, "{} {}", a, b);
            }
        }
    }
}
