//! How likely a refresh meets quotients that EvalMod was not made for.
//!
//! Notation: h weight of the sparse secret s', q0 base modulus, K bound on the quotient, F_k distribution function of the sum of k
//! uniform variables on [0, 1] (Irwin and Hall).
//!
//! Before ModRaise a coefficient of c0 + c1 s' is a sum of h + 1 centred residues. As long as ring learning with errors is hard they
//! look uniform, so that divided by q0 it is the sum of h + 1 uniform variables on [-1/2, 1/2], and it exceeds K in absolute value with
//! probability 2 F_{h+1}((h + 1) / 2 - K). The union bound takes that N times for a refresh: a pair has N coefficients, as a single
//! ciphertext has.
//!
//! Source: Bossuat, Troncoso-Pastoriza, Hubaux, ACNS 2022, section 3; the recurrence is that of B-splines (de Boor 1972).

/// log2 of the bound on the probability that any of `degree` coefficients leaves [-`bound`, `bound`] under a secret of this weight.
pub(super) fn failure_log2(degree: usize, weight: usize, bound: f64) -> f64 {
    let terms = weight + 1;
    let tail = irwin_hall(terms, terms as f64 / 2.0 - bound);
    (2.0 * degree as f64 * tail).log2()
}

/// F_k(x), from `j F_j(x) = x F_{j-1}(x) + (j - x) F_{j-1}(x - 1)`: where neither is 0 or 1 all terms are positive, so that tails keep
/// their relative precision.
fn irwin_hall(k: usize, x: f64) -> f64 {
    let known = |j: usize, x: f64| {
        if x <= 0.0 {
            Some(0.0)
        } else if x >= j as f64 {
            Some(1.0)
        } else {
            None
        }
    };
    // Values of F_j at x, x - 1, ...; those below zero are zero.
    let shifts = x.max(0.0) as usize + 2;
    let mut row: Vec<f64> = (0..shifts).map(|i| (x - i as f64).clamp(0.0, 1.0)).collect();
    for j in 2..=k {
        for i in 0..shifts {
            let y = x - i as f64;
            let below = row.get(i + 1).copied().unwrap_or(0.0);
            row[i] = known(j, y).unwrap_or_else(|| (y * row[i] + (j as f64 - y) * below) / j as f64);
        }
    }
    row[0]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bootstrap::BootstrapSpec;

    /// `2^k k! F_k(u / 2)`, an integer, by the alternating sum `sum (-1)^i C(k, i) (u - 2i)^k`.
    fn exact(k: u32, u: i128) -> i128 {
        let (mut sum, mut choose) = (0i128, 1i128);
        for i in 0..=i128::from(k) {
            if u <= 2 * i {
                break;
            }
            let sign = if i % 2 == 0 { 1 } else { -1 };
            let power = (u - 2 * i).checked_pow(k).unwrap();
            sum += sign * choose.checked_mul(power).unwrap();
            choose = choose * (i128::from(k) - i) / (i + 1);
        }
        sum
    }

    /// log2 of `2^k k!`.
    fn log2_unit(k: u32) -> f64 {
        (1..=k).map(|j| f64::from(2 * j).log2()).sum()
    }

    #[test]
    fn tails_are_the_exact_rationals() {
        for (k, arguments) in [(2, 1..4), (9, 1..18), (33, 1..14)] {
            for u in arguments {
                let found = irwin_hall(k, f64::from(u) / 2.0).log2();
                let expected = (exact(k as u32, u.into()) as f64).log2() - log2_unit(k as u32);
                assert!(
                    (found - expected).abs() < 1e-11,
                    "F_{k}({u}/2): {found}, {expected}"
                );
            }
        }
        assert_eq!([irwin_hall(5, -0.5), irwin_hall(5, 5.0)], [0.0, 1.0]);
        // The middle of a symmetric distribution.
        assert!((irwin_hall(33, 16.5) - 0.5).abs() < 1e-14);
    }

    #[test]
    fn refreshes_fail_as_rarely_as_documented() {
        for (spec, log_n, documented) in [
            (BootstrapSpec::b16(), 16, -138.7),
            (BootstrapSpec::b17(), 17, -137.7),
            (BootstrapSpec::b16_lite(), 16, -138.7),
            (BootstrapSpec::b15(), 15, -139.7),
        ] {
            let found = spec.failure_probability_log2();
            // 2 N F_33(1/2) = 2 N / (2^33 33!), exactly.
            let exact = f64::from(1 + log_n) - log2_unit(33);
            assert!((found - exact).abs() < 1e-9, "2^{found}, exactly 2^{exact}");
            assert!(
                (found - documented).abs() < 0.05,
                "2^{found}, documented 2^{documented}"
            );
        }
        // A bound smaller by one costs what the next term of the series tells: F_33(3/2) has numerator 3^33 - 33.
        let ratio = failure_log2(1 << 16, 32, 15.0) - failure_log2(1 << 16, 32, 16.0);
        assert!((ratio - (3f64.powi(33) - 33.0).log2()).abs() < 1e-9);
    }
}
