//! Interpolation at Chebyshev points: within a factor `2 + (2/π) ln(degree + 1)` of the best polynomial.
//!
//! Source: J. Mason and D. Handscomb, *Chebyshev Polynomials*, 2002, section 6.3.

use std::f64::consts::PI;

/// Coefficients of `T_k` of the polynomial that meets `f` at the zeros of `T_{degree + 1}`; `f` takes `u` in `[-1, 1]`.
pub(super) fn interpolate(f: impl Fn(f64) -> f64, degree: usize) -> Vec<f64> {
    let count = degree + 1;
    // cos(k angle(i)) depends on k (2 i + 1) modulo 4 count only: one table, and no large arguments.
    let cosines: Vec<f64> = (0..4 * count)
        .map(|j| (PI * j as f64 / (2 * count) as f64).cos())
        .collect();
    let values: Vec<f64> = (0..count).map(|i| f(cosines[2 * i + 1])).collect();
    let coefficient = |k: usize| {
        let terms = values
            .iter()
            .enumerate()
            .map(|(i, v)| v * cosines[k * (2 * i + 1) % (4 * count)]);
        terms.sum::<f64>() * if k == 0 { 1.0 } else { 2.0 } / count as f64
    };
    (0..count).map(coefficient).collect()
}

#[cfg(test)]
mod tests {
    use super::interpolate;

    #[test]
    fn polynomials_are_met_exactly() {
        // 4 u³ - 3 u + 2 u² - 1 = T_3 + T_2
        let c = interpolate(|u| 4.0 * u.powi(3) - 3.0 * u + 2.0 * u * u - 1.0, 5);
        for (c, expected) in c.iter().zip([0.0, 0.0, 1.0, 1.0, 0.0, 0.0]) {
            assert!((c - expected).abs() < 1e-15, "{c}");
        }
    }

    #[test]
    fn the_exponential_has_bessel_coefficients() {
        // exp(u) = I_0(1) + 2 sum I_k(1) T_k(u); I_0(1) and I_1(1) from Abramowitz and Stegun 1964, table 9.8.
        let c = interpolate(f64::exp, 20);
        assert!((c[0] - 1.266_065_877_752_008_3).abs() < 1e-14);
        assert!((c[1] - 2.0 * 0.565_159_103_992_485_1).abs() < 1e-14);
    }
}
