//! EvalMod: the remainder modulo q0 by a cosine.
//!
//! Notation: t = (m/q0 + I) / K', x = t - 1/(4 K'), r double angles. The cosine c_0 cos(2 pi K' x / 2^r) doubled r times is
//! c_r cos(2 pi (m/q0 + I) - pi/2) = c_r sin(2 pi m/q0), with c_{j+1} = c_j^2 and c_r = 1/(2 pi).
//!
//! The cosine is even: its odd coefficients vanish. Its Chebyshev series converges like Bessel functions J_k(a) at a = 2 pi K' / 2^r:
//! cut after k = 56 for a = 25.5 it is exact to 2^-50, whatever the quotient.

use std::f64::consts::{PI, TAU};

use super::BootstrapSpec;
use crate::ckks::polynomial::PolynomialPlan;
use crate::error::{Error, Result};
use crate::params::Chain;

/// Nodes of the quadrature that finds the series: exact to the last bits of doubles for all degrees in use.
const NODES: usize = 512;

/// The first coefficients of the Chebyshev series of `cos(a x)` on [-1, 1].
pub(super) fn cosine(a: f64, degree: usize) -> Vec<f64> {
    let angle = |j: usize| PI * (j as f64 + 0.5) / NODES as f64;
    let coefficient = |k: usize| {
        if k % 2 == 1 {
            return 0.0;
        }
        let sum: f64 = (0..NODES)
            .map(|j| (a * angle(j).cos()).cos() * (k as f64 * angle(j)).cos())
            .sum();
        sum * if k == 0 { 1.0 } else { 2.0 } / NODES as f64
    };
    (0..=degree).map(coefficient).collect()
}

/// EvalMod for values up to a bound in absolute value.
///
/// They enter divided by the bound; the amplitude of the cosine brings them back, at the canonical scale and for no level.
#[derive(Clone, Debug, PartialEq)]
pub struct EvalMod {
    bound: f64,
    plan: PolynomialPlan,
}

impl EvalMod {
    /// The steps on a chain that the specification describes.
    ///
    /// # Errors
    /// [`Error::Range`] for a bound that is not a positive number; [`Error::Encode`] for one so large or small that the steps have no
    /// scale for it.
    pub fn new(chain: &Chain, spec: &BootstrapSpec, bound: f64) -> Result<Self> {
        if !(bound > 0.0 && bound.is_finite()) {
            return Err(Error::Range {
                what: "bound of refreshed values",
                found: bound,
                allowed: "positive numbers",
            });
        }
        let scale = spec.eval_scale(chain);
        let result_scale = chain.scale(spec.refreshed_level()) * spec.message_ratio() * bound;
        let plan = plan(chain, spec, [scale, result_scale])?;
        Ok(Self { bound, plan })
    }

    /// The largest absolute value it is made for.
    pub fn bound(&self) -> f64 {
        self.bound
    }

    pub(crate) fn plan(&self) -> &PolynomialPlan {
        &self.plan
    }
}

/// The steps on an operand of the scale given, to a result of the scale given.
fn plan(chain: &Chain, spec: &BootstrapSpec, [scale, result_scale]: [f64; 2]) -> Result<PolynomialPlan> {
    let level = spec.eval_level();
    let doublings = spec.double_angles as i32;
    let mut amplitude = TAU.recip().powf(0.5f64.powi(doublings));
    let coefficients: Vec<f64> = cosine(TAU * spec.bound() * 0.5f64.powi(doublings), spec.degree)
        .into_iter()
        .map(|c| amplitude * c)
        .collect();
    // Backwards: a double angle takes scale s to s^2 / D.
    let lowest = spec.refreshed_level();
    let before = (lowest + 1..=lowest + spec.double_angles)
        .fold(result_scale, |scale, level| (scale * chain.divisor(level)).sqrt());
    let mut plan = PolynomialPlan::between(chain, &coefficients, level, [scale, before])?;
    for _ in 0..spec.double_angles {
        amplitude *= amplitude;
        plan = plan.then_double_angle(chain, amplitude)?;
    }
    Ok(plan)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_series_is_exact_to_doubles() {
        let a = TAU * BootstrapSpec::b16_lite().bound() / 4.0;
        // The first term of the series that sets leave out, and the last they keep.
        assert!(cosine(a, 58)[58].abs() < 2f64.powi(-50) && cosine(a, 56)[56].abs() > 2f64.powi(-50));
        let c = cosine(a, 62);
        for x in (-1000..=1000).map(|i| f64::from(i) / 1000.0) {
            let theta = x.acos();
            let sum: f64 = c
                .iter()
                .enumerate()
                .map(|(k, c)| c * (k as f64 * theta).cos())
                .sum();
            assert!((sum - (a * x).cos()).abs() < 1e-14, "{x}: {sum}");
        }
    }
}
