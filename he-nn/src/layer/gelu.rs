//! [`gelu()`]: its rule, what it means on floats.

use crate::graph::Tensor;

use super::activation::activate;
use super::{Approx, Function};

/// Gaussian error linear unit: `x Φ(x)`, the exact form of PyTorch's `GELU`.
///
/// * **Shape** unchanged.
/// * **Depth** that of its polynomial, see [`Approx`].
/// * **Packing** As for every [`Approx`].
/// * **Errors** As for every [`Approx`].
/// * **Source** Hendrycks and Gimpel, arXiv 1606.08415, section 2.
#[track_caller]
pub const fn gelu<'t>(x: Tensor<'t>, approx: Approx) -> Tensor<'t> {
    activate(x, Function::Gelu, approx)
}

/// On floats.
pub(crate) fn clear(x: f64) -> f64 {
    x * normal_distribution(x)
}

/// `Φ(x)`, to 1e-15: the Taylor series of the error function about 0 for small arguments, the continued fraction of its complement
/// beyond. Source: Abramowitz and Stegun 1964, 26.2.10 and 26.2.14.
fn normal_distribution(x: f64) -> f64 {
    let density = (-0.5 * x * x).exp() / core::f64::consts::TAU.sqrt();
    if x.abs() < 3.0 {
        // 1/2 + density (x + x³/3 + x⁵/15 + ...)
        let (mut term, mut sum, mut odd) = (x, x, 1.0);
        while term.abs() > 1e-18 {
            odd += 2.0;
            term *= x * x / odd;
            sum += term;
        }
        return 0.5 + density * sum;
    }
    let magnitude = x.abs();
    let fraction = (1..=80u32)
        .rev()
        .fold(magnitude, |tail, k| magnitude + f64::from(k) / tail);
    let upper = density / fraction;
    if x > 0.0 { 1.0 - upper } else { upper }
}

#[cfg(test)]
mod tests {
    use super::normal_distribution;

    #[test]
    fn the_normal_distribution_matches_tables() {
        for (x, expected) in [
            (0.0, 0.5),
            (1.0, 0.841_344_746_068_542_9),
            (-1.0, 0.158_655_253_931_457_05),
            (2.5, 0.9937903346742238),
            (3.0, 0.9986501019683699),
            (-5.0, 2.866515718791946e-07),
        ] {
            let found = normal_distribution(x);
            assert!((found - expected).abs() <= 2e-12 * expected, "{x}: {found}");
        }
        // The two expansions meet.
        let (below, above) = (normal_distribution(3.0 - 1e-12), normal_distribution(3.0));
        assert!((below - above).abs() < 1e-13);
    }
}
