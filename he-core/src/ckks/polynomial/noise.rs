//! How noisy the result of a planned polynomial is.
//!
//! Every step rounds, and those with products switch keys: independent errors e_i of variance v_i, that the later steps carry on. To
//! first order the result is off by the sum of d_i e_i, where d_i is its derivative in the register of step i, and its variance is the sum
//! of d_i^2 v_i. Derivatives are taken through the steps as they are planned, from the last to the first, so whatever the planner copies,
//! splits or sums at a higher level counts where it stands.

use super::{PolynomialPlan, Step};
use crate::ckks::noise;
use crate::params::Chain;

impl PolynomialPlan {
    /// Variance of a slot of the result where the operand is `x`, in units of the values: what the steps add, not what the operand's
    /// error becomes.
    pub fn noise(&self, chain: &Chain, x: f64) -> f64 {
        let slopes = self.slopes(chain, &self.values(chain, x));
        let slots = |v: f64, scale: f64| noise::slot_variance(v, chain.degree(), scale);
        let steps = self.steps.iter().zip(&slopes[1..]);
        steps
            .map(|(step, slope)| {
                let switched = if step.products.is_empty() {
                    0.0
                } else {
                    let v = noise::key_switch_unrounded(chain, step.level);
                    slots(v, step.summing_scale(chain)) * (step.factor as f64).powi(2)
                };
                slope * slope * (slots(noise::rounding(chain.degree()), step.scale) + switched)
            })
            .sum()
    }

    /// What the registers hold where the operand is `x`.
    fn values(&self, chain: &Chain, x: f64) -> Vec<f64> {
        let mut values = vec![x];
        for step in &self.steps {
            let products: f64 = step.products.iter().map(|&[a, b]| values[a] * values[b]).sum();
            let multiples = step.multiples.iter();
            let multiples: f64 = multiples
                .map(|&(r, w)| self.worth(chain, step, r, w) * values[r])
                .sum();
            let constant = step.constant as f64 / step.summing_scale(chain);
            values.push(step.factor as f64 * products + multiples + constant);
        }
        values
    }

    /// The derivatives of the result in every register, the operand's first.
    fn slopes(&self, chain: &Chain, values: &[f64]) -> Vec<f64> {
        let mut slopes = vec![0.0; values.len()];
        slopes[values.len() - 1] = 1.0;
        for (i, step) in self.steps.iter().enumerate().rev() {
            let slope = slopes[i + 1];
            for &[a, b] in &step.products {
                let factor = step.factor as f64 * slope;
                slopes[a] += factor * values[b];
                slopes[b] += factor * values[a];
            }
            for &(r, w) in &step.multiples {
                slopes[r] += slope * self.worth(chain, step, r, w);
            }
        }
        slopes
    }

    /// What a step's integer multiple of a register multiplies its content by.
    fn worth(&self, chain: &Chain, step: &Step, register: usize, multiple: i128) -> f64 {
        let scale = match register {
            0 => self.scale,
            r => self.steps[r - 1].scale,
        };
        multiple as f64 * scale / step.summing_scale(chain)
    }
}

impl Step {
    /// Scale of the sum before it is rescaled.
    fn summing_scale(&self, chain: &Chain) -> f64 {
        self.scale * chain.ratio(self.level, self.to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ckks::fixture::{Fixture, slots};
    use crate::complex::Complex;

    const TOP: usize = 4;

    fn series(degree: usize) -> Vec<f64> {
        (0..=degree).map(|k| 1.0 / (1.0 + k as f64)).collect()
    }

    /// `sum of c_k cos(k t)` at `x = cos t`, and its derivative in x.
    fn clear(c: &[f64], x: f64) -> [f64; 2] {
        let t = x.acos();
        let term = |(k, c): (usize, &f64)| {
            let k = k as f64;
            [c * (k * t).cos(), c * k * (k * t).sin() / t.sin()]
        };
        let terms = c.iter().enumerate().map(term);
        terms.fold([0.0; 2], |[p, d], [q, e]| [p + q, d + e])
    }

    #[test]
    fn steps_compute_the_series_and_its_slope() {
        let f = Fixture::new(5, &[]);
        let chain = f.context.chain();
        for degree in 1..16 {
            let c = series(degree);
            let plan = PolynomialPlan::new(chain, &c, TOP).unwrap();
            for x in [-0.9, -0.3, 0.1, 0.7] {
                let values = plan.values(chain, x);
                let found = [*values.last().unwrap(), plan.slopes(chain, &values)[0]];
                for (found, expected) in found.into_iter().zip(clear(&c, x)) {
                    assert!(
                        (found - expected).abs() < 1e-6,
                        "degree {degree} at {x}: {found} {expected}"
                    );
                }
            }
        }
    }

    /// The errors of 16 slots of polynomials of every degree, on levels that are not nested, have the deviation that is predicted.
    #[test]
    fn measured_noise_is_the_predicted_one() {
        let f = Fixture::new(5, &[]);
        let chain = f.context.chain();
        for range in [1..4, 4..8, 8..12, 12..16] {
            let (mut measured, mut predicted) = (0.0, 0.0);
            for degree in range.clone() {
                let c = series(degree);
                let plan = PolynomialPlan::new(chain, &c, TOP).unwrap();
                for seed in 1..5 {
                    let x: Vec<f64> = slots(16, seed).iter().map(|z| z.re).collect();
                    let operand = f.encrypt(&x.iter().map(|&x| Complex::from(x)).collect::<Vec<_>>(), TOP);
                    let found = f.decrypt(&plan.evaluate(&f.context, &f.keys, &operand).unwrap());
                    let v = noise::fresh_secret() + noise::encoding();
                    let fresh = noise::slot_variance(v, chain.degree(), chain.scale(TOP));
                    // Relative to what is predicted, so that every slot weighs the same.
                    for (&x, found) in x.iter().zip(found) {
                        let [value, slope] = clear(&c, x);
                        let variance = plan.noise(chain, x) + slope * slope * fresh;
                        measured += (found - Complex::from(value)).abs().powi(2) / variance;
                        predicted += 1.0;
                    }
                }
            }
            let ratio = measured / predicted;
            assert!((0.5..2.0).contains(&ratio), "degrees {range:?}: {ratio}");
        }
    }
}
