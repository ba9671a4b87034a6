//! The best polynomial in the maximum norm on a union of intervals, by Remez' exchange of references.
//!
//! Notation: a *reference* is as many ascending points as there are coefficients, and one more; the polynomial levelled on it has
//! errors of one size `h` and alternating sign there. No polynomial of this degree does better than `|h|` (de la Vallée Poussin), so
//! the exchange is done once the largest error anywhere is close to it. Odd and even polynomials are sought on positive intervals,
//! where they, too, have no more zeros than coefficients less one.
//!
//! Everything but the points is double-double: errors down to 1e-20 of the function's size still alternate.
//!
//! Source: L. Veidinger, *On the numerical determination of the best approximations in the Chebyshev sense*, Numer. Math. 2, 1960;
//! on unions of intervals J.-W. Lee, E. Lee, Y. Lee, Y.-S. Kim, J.-S. No, EUROCRYPT 2021, section 3.

use super::basis::clenshaw;
use super::double::Double;
use super::extrema::{Extremum, extrema, runs};
use super::interval::Interval;
use std::f64::consts::PI;

/// Exchanges before giving up: convergence is quadratic, so that more only means rounding.
const MAX_EXCHANGES: usize = 40;
/// Excess over the lower bound at which the exchange ends.
const EXCESS: f64 = 1e-7;
/// Excess that is accepted where rounding, of a function known in f64 only, ends it.
const ACCEPTED: f64 = 1e-3;
/// Points scanned for each point of the reference.
const SCAN: usize = 32;

/// Which of the `T_k` a polynomial has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Parity {
    All,
    Odd,
    Even,
}

/// What is to be approximated.
pub(super) struct Problem<'a> {
    /// The function.
    pub target: &'a dyn Fn(f64) -> Double,
    /// A positive function: the error is that of the polynomial times this weight.
    pub weight: &'a dyn Fn(f64) -> Double,
    /// Ascending and disjoint.
    pub intervals: &'a [Interval],
    /// The interval of the Chebyshev basis.
    pub basis: Interval,
    pub degree: usize,
    pub parity: Parity,
}

impl Problem<'_> {
    /// Coefficients of `T_k` of a polynomial whose largest error is within [`ACCEPTED`] of the least possible, mostly within
    /// [`EXCESS`]; `None` if rounding hides the alternation.
    pub fn minimax(&self) -> Option<Vec<Double>> {
        let indices: Vec<usize> = (0..=self.degree)
            .filter(|k| match self.parity {
                Parity::All => true,
                Parity::Odd => k % 2 == 1,
                Parity::Even => k % 2 == 0,
            })
            .collect();
        let count = indices.len() + 1;
        let mut reference = start(self.intervals, count);
        let mut best: Option<(f64, Vec<Double>)> = None;
        for _ in 0..MAX_EXCHANGES {
            let (coefficients, level) = self.levelled(&reference, &indices)?;
            let error = |x: f64| self.error(&coefficients, x);
            let found = runs(extrema(error, self.intervals, SCAN * count));
            let largest = found.iter().fold(0.0, |m: f64, (_, e)| m.max(e.abs().to_f64()));
            let excess = largest / level - 1.0;
            let better = best.as_ref().is_none_or(|(least, _)| excess < *least);
            if better {
                best = Some((excess, coefficients));
            }
            // Once close, an exchange that does not gain is rounding.
            if excess <= EXCESS || !better && excess < ACCEPTED {
                break;
            }
            let Some(next) = exchanged(found, count) else {
                break;
            };
            reference = next;
        }
        best.filter(|(excess, _)| *excess <= ACCEPTED).map(|(_, c)| c)
    }

    fn error(&self, coefficients: &[Double], x: f64) -> Double {
        let value = clenshaw(coefficients, self.basis.to_unit(Double::from(x)));
        ((self.target)(x) - value) * (self.weight)(x)
    }

    /// The polynomial levelled on a reference, and the size of its error there.
    fn levelled(&self, reference: &[f64], indices: &[usize]) -> Option<(Vec<Double>, f64)> {
        let row = |(i, &x): (usize, &f64)| {
            let (u, weight) = (self.basis.to_unit(Double::from(x)), (self.weight)(x));
            let mut powers = vec![Double::from(1.0), u];
            for k in 2..=self.degree {
                powers.push((u + u) * powers[k - 1] - powers[k - 2]);
            }
            let mut row: Vec<Double> = indices.iter().map(|&k| powers[k] * weight).collect();
            row.push(Double::from(if i % 2 == 0 { 1.0 } else { -1.0 }));
            row.push((self.target)(x) * weight);
            row
        };
        let mut solution = solve(reference.iter().enumerate().map(row).collect())?;
        let level = solution.pop()?.abs().to_f64();
        let mut coefficients = vec![Double::ZERO; self.degree + 1];
        indices
            .iter()
            .zip(solution)
            .for_each(|(&k, c)| coefficients[k] = c);
        Some((coefficients, level))
    }
}

/// A first reference: points as dense towards the ends of each interval as extrema are, shared out by length, but one
/// for each interval, as a function that is constant on each needs. Not symmetric: on a symmetric reference an even or odd function may have `h = 0`, and errors that do not alternate.
fn start(intervals: &[Interval], count: usize) -> Vec<f64> {
    let length: f64 = intervals.iter().map(|i| i.hi() - i.lo()).sum();
    let spare = count.saturating_sub(intervals.len());
    let (mut reference, mut covered) = (Vec::with_capacity(count), 0.0);
    for (before, interval) in intervals.iter().enumerate() {
        covered += (interval.hi() - interval.lo()) / length;
        let until = (covered * spare as f64).round() as usize + before + 1;
        let share = until.min(count) - reference.len();
        let at = |i: usize| interval.from_unit((PI * (i as f64 + 0.25) / share as f64).cos());
        reference.extend((0..share).rev().map(at));
    }
    reference
}

/// Solves a square system given with its right-hand side, by elimination with row pivots.
pub(super) fn solve(mut rows: Vec<Vec<Double>>) -> Option<Vec<Double>> {
    let count = rows.len();
    for step in 0..count {
        let size = |i: usize| rows[i][step].abs().to_f64();
        let pivot = (step..count).max_by(|&a, &b| size(a).total_cmp(&size(b)))?;
        rows.swap(step, pivot);
        let (done, open) = rows.split_at_mut(step + 1);
        let pivot = &done[step];
        if pivot[step] == Double::ZERO {
            return None;
        }
        for row in open {
            let factor = row[step] / pivot[step];
            row.iter_mut()
                .zip(pivot)
                .skip(step)
                .for_each(|(r, p)| *r = *r - factor * *p);
        }
    }
    let mut solution = vec![Double::ZERO; count];
    for step in (0..count).rev() {
        let known = (step + 1..count).fold(Double::ZERO, |sum, k| sum + rows[step][k] * solution[k]);
        solution[step] = (rows[step][count] - known) / rows[step][step];
    }
    solution.iter().all(|x| x.is_finite()).then_some(solution)
}

/// `count` alternating points that keep the largest error; `None` if there are too few.
fn exchanged(mut extrema: Vec<Extremum>, count: usize) -> Option<Vec<f64>> {
    while extrema.len() > count {
        let size = |i: usize| extrema[i].1.abs().to_f64();
        let last = extrema.len() - 1;
        let smallest = (0..=last).min_by(|&a, &b| size(a).total_cmp(&size(b)))?;
        if smallest == 0 || smallest == last {
            extrema.remove(smallest);
        } else if extrema.len() == count + 1 {
            extrema.remove(if size(0) < size(last) { 0 } else { last });
        } else {
            // Dropping a neighbour too keeps the signs alternating.
            let left = if size(smallest - 1) < size(smallest + 1) {
                smallest - 1
            } else {
                smallest
            };
            extrema.drain(left..=left + 1);
        }
    }
    (extrema.len() == count).then(|| extrema.into_iter().map(|(x, _)| x).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn one(_: f64) -> Double {
        Double::from(1.0)
    }

    fn interval(lo: f64, hi: f64) -> Interval {
        Interval::new(lo, hi).unwrap()
    }

    fn minimax(target: impl Fn(f64) -> Double, degree: usize) -> Option<Vec<f64>> {
        let unit = interval(-1.0, 1.0);
        let problem = Problem {
            target: &target,
            weight: &one,
            intervals: &[unit],
            basis: unit,
            degree,
            parity: Parity::All,
        };
        Some(problem.minimax()?.into_iter().map(Double::to_f64).collect())
    }

    #[test]
    fn the_best_line_for_the_exponential_is_known() {
        // Slope sinh 1; error (cosh 1 - sinh 1 + sinh 1 ln sinh 1) / 2 by the equal errors at -1, ln sinh 1 and 1.
        let (a, c) = (1f64.sinh(), 1f64.cosh());
        let error = (c - a + a * a.ln()) / 2.0;
        let found = minimax(|u| Double::from(u).exp(), 1).unwrap();
        assert!(
            (found[1] - a).abs() < 1e-7 && (found[0] - (c - error)).abs() < 1e-7,
            "{found:?}"
        );
    }

    #[test]
    fn the_best_approximation_of_a_power_is_a_chebyshev_polynomial() {
        // u^5 minus T_5 / 16 has degree 3: u^5 = (10 T_1 + 5 T_3 + T_5) / 16.
        let found = minimax(|u| Double::from(u.powi(5)), 4).unwrap();
        for (c, expected) in found.iter().zip([0.0, 0.625, 0.0, 0.3125, 0.0]) {
            assert!((c - expected).abs() < 1e-7, "{found:?}");
        }
    }

    #[test]
    fn errors_far_below_those_of_f64_alternate() {
        // The first dropped coefficient of exp is 2 I_18(1) ≈ 2 / (2^18 18!), about the least error: 1.2e-21.
        let found = minimax(|u| Double::from(u).exp(), 17).unwrap();
        assert!((found[1] - 2.0 * 0.565_159_103_992_485).abs() < 1e-15);
    }

    #[test]
    fn a_polynomial_of_lower_degree_hides_the_alternation() {
        assert!(minimax(|u| Double::from(u * u), 6).is_none_or(|c| (c[2] - 0.5).abs() < 1e-14));
    }

    #[test]
    fn the_weight_is_met() {
        // |1 - x p(x)| on [1, 3] for p of degree 2 is least with T_3(x - 2) / T_3(-2), T_3(2) = 26.
        let domain = [interval(1.0, 3.0)];
        let inverse = |x: f64| Double::from(1.0) / Double::from(x);
        let problem = Problem {
            target: &inverse,
            weight: &Double::from,
            intervals: &domain,
            basis: domain[0],
            degree: 2,
            parity: Parity::All,
        };
        let c = problem.minimax().unwrap();
        for i in 0..=20 {
            let x = 1.0 + f64::from(i) / 10.0;
            let residual = 1.0 - x * clenshaw(&c, Double::from(x - 2.0)).to_f64();
            let u = x - 2.0;
            assert!(
                (residual + (4.0 * u.powi(3) - 3.0 * u) / 26.0).abs() < 1e-7,
                "{x}"
            );
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        /// On two random intervals the error alternates at least as often as there are coefficients, at one size.
        #[test]
        fn unions_of_intervals_equioscillate(
            lo in -3.0f64..-0.5,
            gap in 0.05f64..1.0,
            at in 0.1f64..0.9,
            degree in 2usize..14,
        ) {
            let (left, right) = (lo + at * (2.0 - lo) * 0.9, lo + at * (2.0 - lo) * 0.9 + gap * 0.1 * (2.0 - lo));
            let domain = [interval(lo, left), interval(right, 2.0)];
            // One jump in the gap: no polynomial comes near on a whole interval.
            let jump = |x: f64| Double::from(if x <= left { 0.0 } else { 1.0 });
            let problem = Problem {
                target: &jump,
                weight: &one,
                intervals: &domain,
                basis: interval(lo, 2.0),
                degree,
                parity: Parity::All,
            };
            let c = problem.minimax().unwrap();
            let found = runs(extrema(|x| problem.error(&c, x), &domain, 2000));
            let largest = found.iter().fold(0.0f64, |m, e| m.max(e.1.abs().to_f64()));
            let equal = found.iter().filter(|e| e.1.abs().to_f64() > (1.0 - 1e-5) * largest).count();
            prop_assert!(equal >= degree + 2, "{} of {}", equal, degree + 2);
        }

        #[test]
        fn odd_polynomials_on_half_the_domain_are_the_best_of_all(gap in 0.02f64..0.9, half in 1usize..8) {
            let degree = 2 * half - 1;
            let sign = |x: f64| Double::from(x.signum());
            let (whole, upper) = ([interval(-1.0, -gap), interval(gap, 1.0)], [interval(gap, 1.0)]);
            let basis = interval(-1.0, 1.0);
            let solved = |intervals: &[Interval], parity| {
                Problem { target: &sign, weight: &one, intervals, basis, degree, parity }.minimax().unwrap()
            };
            let (all, odd) = (solved(&whole, Parity::All), solved(&upper, Parity::Odd));
            for (a, o) in all.iter().zip(&odd) {
                prop_assert!((*a - *o).abs().to_f64() < 1e-3 * odd[1].abs().to_f64(), "{:?} {:?}", all, odd);
            }
        }
    }
}
