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

use std::collections::BTreeMap;

use super::ciphertext::{Ciphertext, check_level, check_scale};
use super::combine::Combination;
use super::context::Context;
use super::keys::EvaluationKeys;
use crate::error::{Error, Result};
use crate::params::Chain;

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
        check_level("polynomial", x.level, self.level)?;
        check_scale("polynomial", x.scale, self.scale)?;
        let mut registers = vec![x.clone()];
        for step in &self.steps {
            let combination = Combination {
                level: step.level,
                to: step.to,
                products: step
                    .products
                    .iter()
                    .map(|pair| pair.map(|r| &registers[r]))
                    .collect(),
                factor: step.factor,
                multiples: step.multiples.iter().map(|&(r, w)| (&registers[r], w)).collect(),
                constant: step.constant,
            };
            let parts = combination.evaluate(context, keys)?;
            registers.push(Ciphertext {
                parts,
                level: step.to,
                scale: step.scale,
            });
        }
        debug_assert_eq!(registers.last().map(|y| y.level), Some(self.result_level));
        registers.pop().ok_or(Error::LevelsExhausted { op: "polynomial" })
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

struct Planner<'a> {
    chain: &'a Chain,
    top: usize,
    /// m: polynomials below this degree are sums of multiples where levels allow.
    split: usize,
    steps: Vec<Step>,
    /// Level and scale of every register.
    registers: Vec<(usize, f64)>,
    /// Register of T_i.
    basis: BTreeMap<usize, usize>,
    /// Registers that hold the same as another at lower levels.
    copies: BTreeMap<usize, Vec<usize>>,
}

/// The scale of a sum before rescaling, and what is summed.
struct Sum {
    level: usize,
    /// Level of the result.
    to: usize,
    scale: f64,
    products: Vec<[usize; 2]>,
    multiples: Vec<(usize, i128)>,
    constant: i128,
}

impl<'a> Planner<'a> {
    fn new(chain: &'a Chain, level: usize, scale: f64, split: usize) -> Self {
        let registers = vec![(level, scale)];
        Self {
            chain,
            top: level,
            split,
            steps: vec![],
            registers,
            basis: BTreeMap::from([(1, 0)]),
            copies: BTreeMap::new(),
        }
    }

    /// Plans a value of p at exactly this level and scale; gives its register.
    fn value(&mut self, p: &[f64], level: usize, scale: f64) -> Result<usize> {
        let from = self.summing_level(p, level + 1, scale)?;
        let mut sum = self.sum(from, scale * self.chain.ratio(from, level));
        sum.to = level;
        self.add_terms(p, &mut sum)?;
        // Multiples of nothing: a sum must have a ciphertext to be one.
        if sum.products.is_empty() && sum.multiples.is_empty() {
            let register = self.readable(0, sum.level)?;
            sum.multiples.push((register, 0));
        }
        Ok(self.push(sum, 1))
    }

    /// Where a value of p is summed, at `level` or above: where all T_i of a leaf can be read without copies, if that is not too far.
    fn summing_level(&mut self, p: &[f64], level: usize, scale: f64) -> Result<usize> {
        let degree = p.iter().rposition(|&c| c != 0.0).unwrap_or(0);
        if !self.is_leaf(degree, level) {
            return Ok(level);
        }
        let used: Vec<usize> = (1..=degree).filter(|&i| p[i] != 0.0).collect();
        let registers = used
            .into_iter()
            .map(|i| self.power(i))
            .collect::<Result<Vec<_>>>()?;
        let held: Vec<usize> = registers.iter().map(|&r| self.registers[r].0).collect();
        let highest = held.iter().copied().min().unwrap_or(level);
        let fits = |&from: &usize| {
            let near = self.chain.ratio(from, level - 1) * scale <= CONSTANT_MAX;
            near && held.iter().all(|&held| self.chain.contains(held, from))
        };
        Ok((level..=highest).find(fits).unwrap_or(level))
    }

    /// Whether a polynomial of this degree is summed at `level` as multiples of the T_i.
    fn is_leaf(&self, degree: usize, level: usize) -> bool {
        let reachable = polynomial_levels(degree.max(1) - 1) + level <= self.top;
        degree < self.split && reachable || degree == 1
    }

    /// Adds the summands of p to a sum. On the leading branch of a value at its last possible level the T_i of a leaf stand one level
    /// too low to be multiplied, so p is split further.
    fn add_terms(&mut self, p: &[f64], sum: &mut Sum) -> Result<()> {
        let Some(degree) = p.iter().rposition(|&c| c != 0.0) else {
            return Ok(());
        };
        let p = &p[..=degree];
        if degree == 0 {
            sum.constant += integer(p[0], sum.scale)?;
            return Ok(());
        }
        if self.is_leaf(degree, sum.level) {
            sum.constant += integer(p[0], sum.scale)?;
            for (i, &c) in p.iter().enumerate().skip(1).filter(|(_, c)| **c != 0.0) {
                self.add_multiple(i, c, sum)?;
            }
            return Ok(());
        }
        let n = 1 << degree.ilog2();
        let (q, r) = divide_chebyshev(p, n);
        if q.iter().skip(1).all(|&c| c == 0.0) {
            self.add_multiple(n, q[0], sum)?;
        } else {
            let giant = self.power(n)?;
            let giant = self.readable(giant, sum.level)?;
            let scale = sum.scale / self.registers[giant].1;
            let quotient = self.value(&q, sum.level, scale)?;
            sum.products.push([quotient, giant]);
        }
        self.add_terms(&r, sum)
    }

    fn add_multiple(&mut self, i: usize, c: f64, sum: &mut Sum) -> Result<()> {
        let register = self.power(i)?;
        let register = self.readable(register, sum.level)?;
        sum.multiples
            .push((register, integer(c, sum.scale / self.registers[register].1)?));
        Ok(())
    }

    /// The register of T_n, planned when first asked for.
    fn power(&mut self, n: usize) -> Result<usize> {
        if let Some(&register) = self.basis.get(&n) {
            return Ok(register);
        }
        // Odd times odd keeps the basis of odd polynomials odd: T_n = 2 T_a T_b - T_{a-b}.
        let (a, b) = if n.is_power_of_two() {
            (n / 2, n / 2)
        } else {
            let a = (1 << (n - 1).ilog2()) - 1;
            (a, n - a)
        };
        let (ra, rb) = (self.power(a)?, self.power(b)?);
        let rest = if a == b {
            None
        } else {
            Some(self.power(a.abs_diff(b))?)
        };
        let level = self.registers[ra].0.min(self.registers[rb].0);
        let (ra, rb) = (self.readable(ra, level)?, self.readable(rb, level)?);
        let rest = rest.map(|r| self.readable(r, level)).transpose()?;
        let mut sum = self.sum(level, self.registers[ra].1 * self.registers[rb].1);
        sum.products.push([ra, rb]);
        match rest {
            None => sum.constant = integer(-1.0, sum.scale)?,
            Some(r) => sum
                .multiples
                .push((r, integer(-1.0, sum.scale / self.registers[r].1)?)),
        }
        let register = self.push(sum, 2);
        self.basis.insert(n, register);
        Ok(register)
    }

    /// A register with the same content as this one that can be read at `level`, a lower one.
    fn readable(&mut self, register: usize, level: usize) -> Result<usize> {
        let chain = self.chain;
        let copies = self.copies.get(&register).into_iter().flatten().copied();
        let known = std::iter::once(register).chain(copies).find(|&r| {
            let (held, _) = self.registers[r];
            held >= level && chain.contains(held, level)
        });
        if let Some(known) = known {
            return Ok(known);
        }
        let (held, scale) = self.registers[register];
        let mut copy = register;
        for [above, to] in chain.way_down(held, level) {
            let multiple = integer(1.0, chain.ratio(above, to))?;
            let mut sum = self.sum(above, scale * multiple as f64);
            sum.to = to;
            sum.multiples.push((copy, multiple));
            copy = self.push(sum, 1);
            self.copies.entry(register).or_default().push(copy);
        }
        Ok(copy)
    }

    /// A sum that is rescaled.
    fn sum(&self, level: usize, scale: f64) -> Sum {
        Sum {
            level,
            to: level - 1,
            scale,
            products: vec![],
            multiples: vec![],
            constant: 0,
        }
    }

    fn push(&mut self, sum: Sum, factor: u64) -> usize {
        let Sum {
            level,
            to,
            scale,
            products,
            multiples,
            constant,
        } = sum;
        let scale = scale / self.chain.ratio(level, to);
        self.steps.push(Step {
            level,
            to,
            products,
            factor,
            multiples,
            constant,
            scale,
        });
        self.registers.push((to, scale));
        self.registers.len() - 1
    }
}

/// Largest scale of a constant of one in a sum that is moved to a higher level: what coefficients are larger than one by must fit too.
const CONSTANT_MAX: f64 = (1u128 << 120) as f64;

/// `c` at a scale, rounded.
fn integer(c: f64, scale: f64) -> Result<i128> {
    let scaled = (c * scale).round_ties_even();
    if scaled.is_nan() || scaled.abs() >= 2f64.powi(125) {
        return Err(Error::Encode {
            value: c,
            log2_scale: scale.log2(),
            reason: "constants have at most 125 bits",
        });
    }
    Ok(scaled as i128)
}

/// `p = q T_n + r` for n at most the degree of p and more than half of it, from `2 T_i T_n = T_{i+n} + T_{|i-n|}`.
pub fn divide_chebyshev(p: &[f64], n: usize) -> (Vec<f64>, Vec<f64>) {
    let mut r = p[..n].to_vec();
    let mut q = vec![0.0; p.len() - n];
    q[0] = p[n];
    for (i, &c) in p.iter().enumerate().skip(n + 1) {
        q[i - n] = 2.0 * c;
        r[2 * n - i] -= c;
    }
    (q, r)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ckks::fixture::{Fixture, slots};
    use crate::ckks::{KeyMemory, noise};
    use crate::complex::Complex;
    use crate::params::{ChainSpec, presets};
    use proptest::prelude::*;

    fn chebyshev(coefficients: &[f64], x: f64) -> f64 {
        let (mut t, mut next, mut sum) = (1.0, x, 0.0);
        for c in coefficients {
            sum += c * t;
            (t, next) = (next, 2.0 * x * next - t);
        }
        sum
    }

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
        fn division_is_exact(p in prop::collection::vec(-1.0f64..1.0, 2..64), x in -1.0f64..1.0) {
            let n = 1 << (p.len() - 1).ilog2();
            let (q, r) = divide_chebyshev(&p, n);
            let mut power = vec![0.0; n + 1];
            power[n] = 1.0;
            let value = chebyshev(&q, x) * chebyshev(&power, x) + chebyshev(&r, x);
            prop_assert!((value - chebyshev(&p, x)).abs() < 1e-11);
        }

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
