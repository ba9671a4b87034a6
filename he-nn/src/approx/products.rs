//! Polynomials in products of monic powers, for arguments that no factor brings to `[-1, 1]`.
//!
//! Notation: `t_n(x) = range^n 2^(1-n) T_n(x / range)` for `n` a power of two: the monic polynomial that stays smallest on
//! `[-range, range]`. `t_1 = x` and `t_2n = t_n^2 - offset` need no factor, so that each costs one product. The basis is
//! `e_j = product of t_n over the binary digits n of j`, `e_5 = t_4 t_1`.
//!
//! Source: division in the Chebyshev basis as in Han and Ki, CT-RSA 2020.

use he_core::ckks::polynomial::divide_chebyshev;

/// `t_n^2 - t_2n`.
#[must_use]
pub fn power_offset(n: u32, range: f64) -> f64 {
    power_bound(n, range).powi(2) / 2.0
}

/// Bound of `t_n` on `[-range, range]`.
#[must_use]
pub fn power_bound(n: u32, range: f64) -> f64 {
    2.0 * (range / 2.0).powi(n as i32)
}

/// `sum c_k T_k(x / range)` in the basis `e_j`.
#[must_use]
pub fn chebyshev_to_products(coefficients: &[f64], range: f64) -> Vec<f64> {
    match *coefficients {
        [] => vec![],
        [constant] => vec![constant],
        [constant, linear] => vec![constant, linear / range],
        _ => {
            let n = 1 << (coefficients.len() - 1).ilog2();
            let (quotient, rest) = divide_chebyshev(coefficients, n);
            let mut result = chebyshev_to_products(&rest, range);
            let monic = 1.0 / power_bound(n as u32, range);
            result.extend(chebyshev_to_products(&quotient, range).iter().map(|c| monic * c));
            result
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::approx::clenshaw;
    use proptest::prelude::*;

    /// `e_j` by its definition.
    fn product(j: usize, x: f64, range: f64) -> f64 {
        let (mut t, mut n, mut value) = (x, 1, 1.0);
        while n <= j {
            if j & n != 0 {
                value *= t;
            }
            t = t * t - power_offset(n as u32, range);
            n *= 2;
        }
        value
    }

    #[test]
    fn powers_by_hand() {
        // t_2 = x^2 - 8 and t_4 = t_2^2 - 32 on [-4, 4], of size 8 and 32.
        assert_eq!([power_offset(1, 4.0), power_offset(2, 4.0)], [8.0, 32.0]);
        assert_eq!([1, 2, 4].map(|n| power_bound(n, 4.0)), [4.0, 8.0, 32.0]);
        // T_2(x / 4) = t_2 / 8.
        assert_eq!(chebyshev_to_products(&[0.0, 0.0, 1.0], 4.0), [0.0, 0.0, 0.125]);
    }

    proptest! {
        #[test]
        fn the_bases_agree(
            c in prop::collection::vec(-1.0f64..1.0, 1..32),
            range in 0.5f64..10.0,
            u in -1.0f64..1.0,
        ) {
            let products = chebyshev_to_products(&c, range);
            prop_assert_eq!(products.len(), c.len());
            let terms = products.iter().enumerate().map(|(j, g)| g * product(j, range * u, range));
            let largest: f64 = c.iter().map(|c| c.abs()).sum();
            prop_assert!((terms.sum::<f64>() - clenshaw(&c, u)).abs() <= 1e-10 * largest);
        }
    }
}
