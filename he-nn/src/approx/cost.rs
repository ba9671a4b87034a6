//! What a polynomial costs on ciphertexts.

use he_core::ckks::polynomial::{divide_chebyshev, polynomial_levels};
use std::collections::BTreeSet;
use std::iter::Sum;
use std::ops::Add;

/// Products of two ciphertexts, and how many of them are relinearised: products of one sum share their key switch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cost {
    /// Key switches of products: what takes the time.
    pub relinearisations: usize,
    /// Products of two ciphertexts.
    pub products: usize,
}

impl Cost {
    /// Each product relinearised by itself.
    pub(super) fn single(products: usize) -> Self {
        Self {
            relinearisations: products,
            products,
        }
    }

    /// Of the engine's evaluation of `sum c_k T_k` by Paterson and Stockmeyer's method at the least depth: the least over its
    /// splitting degrees. Vanishing coefficients spare products.
    pub(super) fn of(coefficients: &[f64]) -> Self {
        let levels = polynomial_levels(coefficients.len().saturating_sub(1));
        let with = |log_split: usize| {
            let mut count = Count {
                top: levels,
                split: 1 << log_split,
                powers: BTreeSet::from([0, 1]),
                cost: Cost::default(),
            };
            count.value(coefficients, 0);
            count.cost
        };
        (1..=levels).map(with).min().unwrap_or_default()
    }
}

impl Add for Cost {
    type Output = Cost;
    fn add(self, other: Cost) -> Cost {
        Cost {
            relinearisations: self.relinearisations + other.relinearisations,
            products: self.products + other.products,
        }
    }
}

impl Sum for Cost {
    fn sum<I: Iterator<Item = Cost>>(costs: I) -> Cost {
        costs.fold(Cost::default(), Add::add)
    }
}

/// The engine's recursion, with levels and products only.
struct Count {
    /// Level of the operand; the result is at 0.
    top: usize,
    /// Polynomials below this degree are sums of multiples where levels allow.
    split: usize,
    /// Indices of the `T_k` that exist.
    powers: BTreeSet<usize>,
    cost: Cost,
}

impl Count {
    /// `p` at this level: one sum, relinearised if it has products.
    fn value(&mut self, p: &[f64], level: usize) {
        let products = self.terms(p, level + 1);
        self.cost.products += products;
        self.cost.relinearisations += usize::from(products > 0);
    }

    /// Products among the summands of `p` in a sum at this level.
    fn terms(&mut self, p: &[f64], level: usize) -> usize {
        let Some(degree) = p.iter().rposition(|&c| c != 0.0) else {
            return 0;
        };
        let p = &p[..=degree];
        let reachable = polynomial_levels(degree.saturating_sub(1)) + level <= self.top;
        if degree < 2 || degree < self.split && reachable {
            let used = p.iter().enumerate().filter(|(_, c)| **c != 0.0);
            used.for_each(|(k, _)| self.power(k));
            return 0;
        }
        let n = 1 << degree.ilog2();
        let (quotient, rest) = divide_chebyshev(p, n);
        self.power(n);
        let product = quotient.iter().skip(1).any(|&c| c != 0.0);
        if product {
            self.value(&quotient, level);
        }
        usize::from(product) + self.terms(&rest, level)
    }

    /// `T_n` from `2 T_a T_b - T_|a-b|`.
    fn power(&mut self, n: usize) {
        if !self.powers.insert(n) {
            return;
        }
        let a = if n.is_power_of_two() {
            n / 2
        } else {
            (1 << (n - 1).ilog2()) - 1
        };
        let b = n - a;
        for k in [a, b, a.abs_diff(b)] {
            self.power(k);
        }
        self.cost = self.cost + Cost::single(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use he_core::ckks::polynomial::PolynomialPlan;
    use he_core::params::ChainSpec;

    #[test]
    fn the_engine_takes_as_many() {
        // Key switches weigh more than rescales on it: where they do not, the engine may take one more.
        let spec = ChainSpec {
            log_n: 16,
            base_bits: 50,
            level_bits: vec![50; 22],
            special_bits: vec![50; 7],
            terminal_bits: vec![],
            log2_scale: 49.97,
        };
        let chain = spec.build().unwrap();
        for degree in 1..=63 {
            for parity in 0..3 {
                let keep = |k: usize| parity == 2 || k == degree || k % 2 == parity;
                let c: Vec<f64> = (0..=degree)
                    .map(|k| if keep(k) { 1.0 / (k + 1) as f64 } else { 0.0 })
                    .collect();
                let plan = PolynomialPlan::new(&chain, &c, 20).unwrap();
                let counted = Cost::of(&c);
                assert_eq!(
                    counted.relinearisations,
                    plan.key_switches(),
                    "degree {degree} {parity}"
                );
                // Among splittings of as many relinearisations the engine takes that of the cheapest rescales.
                let more = plan.products() - counted.products;
                assert!(more <= 2, "degree {degree} {parity}: {more}");
            }
        }
    }

    #[test]
    fn powers_of_two_are_squares() {
        // T_8 by three squares; constants and lines take nothing.
        let mut eighth = [0.0; 9];
        eighth[8] = 1.0;
        assert_eq!(Cost::of(&eighth), Cost::single(3));
        assert_eq!([&[][..], &[1.0], &[1.0, 2.0]].map(Cost::of), [Cost::default(); 3]);
        // x^3 = (3 T_1 + T_3) / 4, with T_3 = 2 T_1 T_2 - T_1.
        assert_eq!(Cost::of(&[0.0, 0.75, 0.0, 0.25]), Cost::single(2));
    }
}
