//! Plans the steps that evaluate a polynomial.

use std::collections::BTreeMap;

use super::{Step, polynomial_levels};
use crate::error::{Error, Result};
use crate::params::Chain;

/// What is planned so far.
pub(super) struct Planner<'a> {
    chain: &'a Chain,
    top: usize,
    /// m: polynomials below this degree are sums of multiples where levels allow.
    split: usize,
    pub(super) steps: Vec<Step>,
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
    pub(super) fn new(chain: &'a Chain, level: usize, scale: f64, split: usize) -> Self {
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
    pub(super) fn value(&mut self, p: &[f64], level: usize, scale: f64) -> Result<usize> {
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
pub(super) fn integer(c: f64, scale: f64) -> Result<i128> {
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
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// `sum of coefficients[i] T_i(x)`.
    pub(in super::super) fn chebyshev(coefficients: &[f64], x: f64) -> f64 {
        let (mut t, mut next, mut sum) = (1.0, x, 0.0);
        for c in coefficients {
            sum += c * t;
            (t, next) = (next, 2.0 * x * next - t);
        }
        sum
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
    }
}
