//! The functions of activations in double-double, against which approximations are measured.
//!
//! Absolute errors below 1e-28 for arguments up to 700, relative ones of the exponential.

use super::double::Double;

/// Beyond it the normal distribution differs from 0 or 1 by less than 1e-33.
const TAIL: f64 = 12.0;

/// Exponential.
#[must_use]
pub fn exp(x: f64) -> Double {
    Double::from(x).exp()
}

/// Logistic function.
#[must_use]
pub fn sigmoid(x: f64) -> Double {
    let one = Double::from(1.0);
    let e = exp(-x.abs());
    if x < 0.0 { e / (one + e) } else { one / (one + e) }
}

/// `x sigmoid(x)`.
#[must_use]
pub fn silu(x: f64) -> Double {
    Double::from(x) * sigmoid(x)
}

/// Hyperbolic tangent.
#[must_use]
pub fn tanh(x: f64) -> Double {
    let s = sigmoid(2.0 * x);
    s + s - Double::from(1.0)
}

/// `x Φ(x)` with the normal distribution function.
#[must_use]
pub fn gelu(x: f64) -> Double {
    Double::from(x) * normal_distribution(x)
}

/// `Φ(x)`. Source: Abramowitz and Stegun 1964, 26.2.11.
fn normal_distribution(x: f64) -> Double {
    let magnitude = Double::from(x.abs());
    let upper = if x.abs() > TAIL {
        Double::from(1.0)
    } else {
        // 1/2 + density (x + x³/3 + x⁵/15 + ...): terms of one sign, so that nothing cancels.
        let square = magnitude * magnitude;
        let density = (square / Double::from(-2.0)).exp() / (Double::PI + Double::PI).sqrt();
        let (mut term, mut sum, mut odd) = (magnitude, magnitude, 1.0);
        while term.to_f64() > 1e-34 * sum.to_f64() {
            odd += 2.0;
            term = term * square / Double::from(odd);
            sum = sum + term;
        }
        Double::from(0.5) + density * sum
    };
    if x < 0.0 { Double::from(1.0) - upper } else { upper }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layer::Function;
    use proptest::prelude::*;

    #[test]
    fn the_normal_distribution_has_its_digits_beyond_f64() {
        // Φ(1) = 0.84134 47460 68542 94858 52325 45632 ..., fifteen decimals a group.
        let unit = Double::from(1e15);
        let digits =
            (Double::from(841_344_746_068_542.0) + Double::from(948_585_232_545_632.0) / unit) / unit;
        assert!((normal_distribution(1.0) - digits).abs().to_f64() < 1e-29);
    }

    proptest! {
        /// The clear model's functions are the same, in f64.
        #[test]
        fn f64_agrees(x in -30.0f64..30.0) {
            let pairs = [
                (Function::Exp, exp(x)),
                (Function::Sigmoid, sigmoid(x)),
                (Function::Silu, silu(x)),
                (Function::Tanh, tanh(x)),
                (Function::Gelu, gelu(x)),
            ];
            for (function, value) in pairs {
                let expected = function.call(x);
                prop_assert!((value.to_f64() - expected).abs() <= 1e-14 * expected.abs().max(1.0), "{} {}", function.name(), x);
            }
        }

        /// Identities that f64 would miss by 1e-16.
        #[test]
        fn identities_hold_beyond_f64(x in 0.0f64..20.0) {
            let one = Double::from(1.0);
            let small = |d: Double| d.abs().to_f64() < 1e-29;
            prop_assert!(small(sigmoid(x) + sigmoid(-x) - one));
            prop_assert!(small(normal_distribution(x) + normal_distribution(-x) - one));
            let (t, e) = (tanh(x), exp(2.0 * x));
            prop_assert!(small(t - (e - one) / (e + one)));
        }
    }
}
