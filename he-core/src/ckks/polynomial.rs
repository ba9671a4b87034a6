//! Polynomials of the slots, in the Chebyshev basis.
//!
//! Notation: p = sum of c_i T_i(x), x in [-1, 1]; L level of the operand; T_i is computed by T_{a+b} = 2 T_a T_b - T_{|a-b|} and stands
//! at level L - ceil(log2 i).
//!
//! Method: Paterson and Stockmeyer, on exact scales. With n the largest power of two not above the degree, p = q T_n + r. A *value* of p
//! at level t is one rescaled combination at level t + 1: the product of T_n with a value of q at level t + 1, and the summands of r,
//! which are products of the same kind or, below the splitting degree m, plain multiples of the T_i with integer constants that bring
//! each to the scale of the sum. So every addition is between equal scales by construction, all products of one combination are
//! relinearised together, and a polynomial of degree d takes ceil(log2(d + 1)) levels: along the leading branch q shrinks to degree one.
//!
//! Where levels are not nested, an operand of a higher level may lack primes of a step's: a copy at that level is made first, a multiple
//! that is divided by the quotient of the two moduli.
//!
//! The steps are planned with levels and scales only; m is the one that costs the least. Evaluation then has no decision left.
//!
//! Source: Paterson and Stockmeyer, SIAM J. Comput. 2, 1973; scale-exact recursion: Bossuat, Mouchet, Troncoso-Pastoriza, Hubaux,
//! EUROCRYPT 2021, section 5; division in the Chebyshev basis: Han and Ki, CT-RSA 2020.

mod noise;
mod planner;

use super::ciphertext::{Ciphertext, check_level, check_scale};
use super::combine::Combination;
use super::context::Context;
use super::keys::EvaluationKeys;
use crate::error::{Error, Result};
use crate::params::Chain;
pub use planner::divide_chebyshev;
use planner::{Planner, integer};

/// Steps that evaluate a polynomial of one degree pattern at one level.
#[derive(Clone, Debug, PartialEq)]
pub struct PolynomialPlan {
    level: usize,
    /// Scale of the operand.
    scale: f64,
    result_level: usize,
    steps: Vec<Step>,
}

/// One combination: register 0 is the operand, step i makes register i + 1.
#[derive(Clone, Debug, PartialEq)]
struct Step {
    level: usize,
    /// Level of the result: the next one, but for copies.
    to: usize,
    products: Vec<[usize; 2]>,
    factor: u64,
    multiples: Vec<(usize, i128)>,
    constant: i128,
    /// Scale after rescaling.
    scale: f64,
}

/// Levels that a polynomial of `degree` takes: `ceil(log2(degree + 1))`.
pub const fn polynomial_levels(degree: usize) -> usize {
    (usize::BITS - degree.leading_zeros()) as usize
}

impl PolynomialPlan {
    /// Plans `sum of coefficients[i] T_i` on an operand that is canonical at `level`. The result is canonical
    /// `polynomial_levels(coefficients.len() - 1)` levels lower, even if leading coefficients vanish.
    pub fn new(chain: &Chain, coefficients: &[f64], level: usize) -> Result<Self> {
        let levels = polynomial_levels(coefficients.len().max(1) - 1);
        let result = level
            .checked_sub(levels)
            .ok_or(Error::LevelsExhausted { op: "polynomial" })?;
        let scales = [level, result].map(|level| chain.scale(level));
        Self::between(chain, coefficients, level, scales)
    }

    /// [`new`](Self::new) on an operand and to a result of the scales given.
    pub fn between(
        chain: &Chain,
        coefficients: &[f64],
        level: usize,
        [scale, result_scale]: [f64; 2],
    ) -> Result<Self> {
        if coefficients.len() < 2 {
            return Err(Error::Count {
                what: "coefficients of a polynomial",
                found: coefficients.len(),
                expected: 2,
            });
        }
        if let Some(&value) = coefficients.iter().find(|c| !c.is_finite()) {
            return Err(Error::Encode {
                value,
                log2_scale: 0.0,
                reason: "the coefficient is not finite",
            });
        }
        let levels = polynomial_levels(coefficients.len() - 1);
        let result_level = level
            .checked_sub(levels)
            .ok_or(Error::LevelsExhausted { op: "polynomial" })?;
        let plan = |log_split| {
            let mut planner = Planner::new(chain, level, scale, 1usize << log_split);
            planner.value(coefficients, result_level, result_scale)?;
            Ok(Self {
                level,
                scale,
                result_level,
                steps: planner.steps,
            })
        };
        // A split may need constants for which there is no room, where another does not.
        let mut best: Result<Self> = plan(1);
        for log_split in 2..=levels {
            let other = plan(log_split);
            let is_better = match (&best, &other) {
                (Ok(best), Ok(other)) => other.cost(chain) < best.cost(chain),
                (best, other) => best.is_err() && other.is_ok(),
            };
            if is_better {
                best = other;
            }
        }
        best
    }

    /// Adds the step `y -> 2 y^2 - c` on the result: for `c = 1` and `y = cos t` that is `cos 2t`.
    pub fn then_double_angle(mut self, chain: &Chain, c: f64) -> Result<Self> {
        let y = self.steps.len();
        let (level, scale) = (self.result_level, self.result_scale());
        self.result_level = level
            .checked_sub(1)
            .ok_or(Error::LevelsExhausted { op: "double angle" })?;
        self.steps.push(Step {
            level,
            to: self.result_level,
            products: vec![[y, y]],
            factor: 2,
            multiples: vec![],
            constant: integer(-c, scale * scale)?,
            scale: scale * scale / chain.divisor(level),
        });
        Ok(self)
    }

    /// Level of the result.
    pub fn result_level(&self) -> usize {
        self.result_level
    }

    /// Scale of the result.
    pub fn result_scale(&self) -> f64 {
        self.steps.last().map_or(self.scale, |step| step.scale)
    }

    /// Relinearised products.
    pub fn key_switches(&self) -> usize {
        self.steps.iter().filter(|step| !step.products.is_empty()).count()
    }

    /// Tensor products, several of which may share a relinearisation.
    pub fn products(&self) -> usize {
        self.steps.iter().map(|step| step.products.len()).sum()
    }

    /// Multiples of ciphertexts by integers.
    pub fn multiples(&self) -> usize {
        self.steps.iter().map(|step| step.multiples.len()).sum()
    }

    /// Of each combination: its level and that of its result, tensor products, multiples.
    pub fn steps(&self) -> impl Iterator<Item = ([usize; 2], usize, usize)> {
        self.steps.iter().map(|step| {
            let levels = [step.level, step.to];
            (levels, step.products.len(), step.multiples.len())
        })
    }

    /// Transforms, roughly: a key switch is (digits + 2) of all limbs, a rescale two of the level's.
    fn cost(&self, chain: &Chain) -> usize {
        let cost = |step: &Step| {
            let limbs = chain.limbs(step.level);
            if step.products.is_empty() {
                return 2 * (chain.without(step.level, step.to).count() + chain.limbs(step.to));
            }
            (chain.digit_count(step.level) + 2) * (limbs + chain.special_count())
        };
        self.steps.iter().map(cost).sum()
    }

    /// Evaluates the polynomial.
    pub fn evaluate(&self, context: &Context, keys: &EvaluationKeys, x: &Ciphertext) -> Result<Ciphertext> {
        let mut values = self.evaluate_all(context, keys, &[x])?;
        values.pop().ok_or(Error::LevelsExhausted { op: "polynomial" })
    }

    /// Evaluates the polynomial of several ciphertexts, step by step of all: each piece of the relinearisation key is read once a step.
    pub fn evaluate_all(
        &self,
        context: &Context,
        keys: &EvaluationKeys,
        x: &[&Ciphertext],
    ) -> Result<Vec<Ciphertext>> {
        for x in x {
            check_level("polynomial", x.level, self.level)?;
            check_scale("polynomial", x.scale, self.scale)?;
        }
        let last_uses = self.last_uses();
        // Of each step, the values for all operands, until nothing reads them any more.
        let mut made: Vec<Vec<Ciphertext>> = vec![];
        for (s, step) in self.steps.iter().enumerate() {
            let sum = |which: usize| {
                let register = |r: usize| match r.checked_sub(1) {
                    Some(step) => &made[step][which],
                    None => x[which],
                };
                Combination {
                    products: step.products.iter().map(|pair| pair.map(register)).collect(),
                    factor: step.factor,
                    multiples: step.multiples.iter().map(|&(r, w)| (register(r), w)).collect(),
                    constant: step.constant,
                }
            };
            let sums: Vec<Combination<'_>> = (0..x.len()).map(sum).collect();
            let parts = Combination::evaluate_all(context, keys, [step.level, step.to], &sums)?;
            let value = |parts| Ciphertext {
                parts,
                level: step.to,
                scale: step.scale,
            };
            made.push(parts.into_iter().map(value).collect());
            for (r, _) in last_uses.iter().enumerate().filter(|&(_, &last)| last == s) {
                if let Some(done) = r.checked_sub(1) {
                    made[done].clear();
                }
            }
        }
        made.pop().ok_or(Error::LevelsExhausted { op: "polynomial" })
    }

    /// Of each register, the last step that reads it.
    fn last_uses(&self) -> Vec<usize> {
        let mut last = vec![usize::MAX; self.steps.len() + 1];
        for (s, step) in self.steps.iter().enumerate() {
            let multiples = step.multiples.iter().map(|&(r, _)| r);
            step.products
                .iter()
                .flatten()
                .copied()
                .chain(multiples)
                .for_each(|r| last[r] = s);
        }
        last
    }
}

/// Evaluates `sum of coefficients[i] T_i(x)`; see [`PolynomialPlan`].
pub fn evaluate(
    context: &Context,
    keys: &EvaluationKeys,
    x: &Ciphertext,
    coefficients: &[f64],
) -> Result<Ciphertext> {
    PolynomialPlan::new(context.chain(), coefficients, x.level)?.evaluate(context, keys, x)
}

#[cfg(test)]
mod tests {
    use super::planner::tests::chebyshev;
    use super::*;
    use crate::ckks::fixture::{Fixture, slots};
    use crate::ckks::{KeyMemory, noise};
    use crate::complex::Complex;
    use crate::params::{ChainSpec, presets};
    use proptest::prelude::*;

    fn fixture(levels: usize) -> Fixture {
        let spec = ChainSpec {
            log_n: 5,
            base_bits: 50,
            level_bits: vec![40; levels],
            special_bits: vec![45; 3],
            terminal_bits: vec![40, 30, 30],
            log2_scale: 40.0,
        };
        Fixture::with_kernels(
            spec.build_insecure().unwrap(),
            &[],
            crate::math::kernels::active(),
            KeyMemory::Expanded,
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(12))]
        #[test]
        fn agrees_with_the_series(coefficients in prop::collection::vec(-1.0f64..1.0, 2..34), parity in 0usize..3) {
            let f = fixture(6);
            let coefficients: Vec<f64> = coefficients
                .iter()
                .enumerate()
                .map(|(i, &c)| if parity == 2 || i % 2 == parity { c } else { 0.0 })
                .collect();
            let x: Vec<f64> = slots(16, 60).iter().map(|z| z.re).collect();
            let encrypted = f.encrypt(&x.iter().map(|&x| Complex::from(x)).collect::<Vec<_>>(), 6);
            let found = evaluate(&f.context, &f.keys, &encrypted, &coefficients).unwrap();
            prop_assert_eq!(found.level(), 6 - polynomial_levels(coefficients.len() - 1));
            let expected: Vec<_> = x.iter().map(|&x| Complex::from(chebyshev(&coefficients, x))).collect();
            // Each T_i amplifies the noise of its operands at most fourfold and adds a rescale's; so does each level of the recursion,
            // whose quotients have coefficients up to twice as large.
            let (chain, n) = (f.context.chain(), f.context.degree());
            let step = noise::rounding(n) + noise::key_switch(chain, 6) + noise::fresh_secret();
            let depth = polynomial_levels(coefficients.len() - 1) as i32;
            let weight: f64 = coefficients.iter().map(|c| c.abs()).sum::<f64>() + 1.0;
            f.assert_slots(&found, &expected, step * 16f64.powi(depth) * weight * weight);
        }
    }

    #[test]
    fn takes_the_least_levels_and_few_products() {
        let chain = presets::set_d().build().unwrap();
        let full = |degree: usize| vec![1.0; degree + 1];
        let odd = |degree: usize| (0..=degree).map(|i| (i % 2) as f64).collect::<Vec<_>>();
        // Levels, relinearisations at most: what Paterson and Stockmeyer's count 2^s + 2^(L-s) + L - s - 3 gives.
        for (degree, levels, switches) in [
            (1, 1, 0),
            (2, 2, 1),
            (3, 2, 2),
            (7, 3, 4),
            (15, 4, 7),
            (31, 5, 11),
            (63, 6, 16),
        ] {
            let plan = PolynomialPlan::new(&chain, &full(degree), 20).unwrap();
            assert_eq!(plan.result_level, 20 - levels);
            assert!(
                plan.key_switches() <= switches,
                "degree {degree}: {} relinearisations",
                plan.key_switches()
            );
            let odd = PolynomialPlan::new(&chain, &odd(degree), 20).unwrap();
            assert!(odd.products() <= plan.products());
        }
    }

    #[test]
    fn refusals() {
        let chain = presets::set_a().build().unwrap();
        assert!(PolynomialPlan::new(&chain, &[1.0], 3).is_err());
        assert!(PolynomialPlan::new(&chain, &[1.0, f64::NAN], 3).is_err());
        assert!(matches!(
            PolynomialPlan::new(&chain, &[1.0; 17], 3),
            Err(Error::LevelsExhausted { .. })
        ));
        assert!(PolynomialPlan::new(&chain, &[1.0; 8], 3).is_ok());
    }

    /// Every degree at every level of a chain whose levels are not nested, with constants as large as they get.
    #[test]
    fn all_degrees_are_planned_on_levels_that_are_not_nested() {
        let spec = ChainSpec {
            log_n: 14,
            base_bits: 50,
            level_bits: vec![45; 6],
            special_bits: vec![50; 3],
            terminal_bits: vec![30, 45],
            log2_scale: 45.0,
        };
        let chain = spec.build_insecure().unwrap();
        let chain = chain.chain();
        assert!((1..=6).any(|level| (0..level).any(|below| !chain.contains(level, below))));
        for level in 1..=6 {
            for degree in 1..1 << level {
                let plan = PolynomialPlan::new(chain, &vec![1.0; degree + 1], level);
                assert!(plan.is_ok(), "degree {degree} at level {level}: {plan:?}");
            }
        }
    }
}
