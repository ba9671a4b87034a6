//! The best polynomial in the maximum norm, by Remez' exchange of references.
//!
//! Notation: a *reference* is `degree + 2` ascending points; the polynomial levelled on it has errors of one size `h` and
//! alternating sign there. No polynomial of this degree does better than `|h|` (de la Vallée Poussin), so the exchange is done once
//! the largest error anywhere is close to it.
//!
//! Source: L. Veidinger, *On the numerical determination of the best approximations in the Chebyshev sense*, Numer. Math. 2, 1960.

use super::basis::clenshaw;
use std::f64::consts::PI;

/// Exchanges before giving up: convergence is quadratic, so that more only means rounding.
const MAX_EXCHANGES: usize = 30;
/// Accepted excess over the lower bound.
const EXCESS: f64 = 1e-4;
/// Points scanned for each point of the reference.
const SCAN: usize = 32;

/// Coefficients of `T_k` of a polynomial whose largest error on `[-1, 1]` is within [`EXCESS`] of the least possible; `None` if
/// rounding hides the alternation.
pub(super) fn minimax(f: impl Fn(f64) -> f64, degree: usize) -> Option<Vec<f64>> {
    let count = degree + 2;
    // Not symmetric: on a symmetric reference an even or odd function may have `h = 0`, and errors that do not alternate.
    let start = |i: usize| (PI * (i as f64 + 0.25) / count as f64).cos();
    let mut reference: Vec<f64> = (0..count).rev().map(start).collect();
    for _ in 0..MAX_EXCHANGES {
        let (coefficients, level) = levelled(&f, &reference, degree)?;
        let error = |u: f64| f(u) - clenshaw(&coefficients, u);
        let extrema = extrema(&error, count);
        let largest = extrema.iter().fold(0.0, |m: f64, &(_, e)| m.max(e.abs()));
        if largest <= (1.0 + EXCESS) * level.abs() {
            return Some(coefficients);
        }
        reference = exchanged(extrema, count)?;
    }
    None
}

/// The polynomial levelled on a reference, and its error there.
fn levelled(f: impl Fn(f64) -> f64, reference: &[f64], degree: usize) -> Option<(Vec<f64>, f64)> {
    let row = |(i, &u): (usize, &f64)| {
        let mut row = vec![1.0, u];
        for k in 2..=degree {
            row.push(2.0 * u * row[k - 1] - row[k - 2]);
        }
        row.truncate(degree + 1);
        row.extend([if i % 2 == 0 { 1.0 } else { -1.0 }, f(u)]);
        row
    };
    let mut solution = solve(reference.iter().enumerate().map(row).collect())?;
    let level = solution.pop()?;
    Some((solution, level))
}

/// Solves a square system given with its right-hand side, by elimination with row pivots.
fn solve(mut rows: Vec<Vec<f64>>) -> Option<Vec<f64>> {
    let count = rows.len();
    for step in 0..count {
        let pivot = (step..count).max_by(|&a, &b| rows[a][step].abs().total_cmp(&rows[b][step].abs()))?;
        rows.swap(step, pivot);
        let (done, open) = rows.split_at_mut(step + 1);
        let pivot = &done[step];
        if pivot[step].abs() < f64::EPSILON {
            return None;
        }
        for row in open {
            let factor = row[step] / pivot[step];
            row.iter_mut()
                .zip(pivot)
                .skip(step)
                .for_each(|(r, p)| *r -= factor * p);
        }
    }
    let mut solution = vec![0.0; count];
    for step in (0..count).rev() {
        let known: f64 = (step + 1..count).map(|k| rows[step][k] * solution[k]).sum();
        solution[step] = (rows[step][count] - known) / rows[step][step];
    }
    solution.iter().all(|x| x.is_finite()).then_some(solution)
}

/// The largest error of each run of one sign, as (point, error) in ascending order.
fn extrema(error: &impl Fn(f64) -> f64, count: usize) -> Vec<(f64, f64)> {
    let steps = SCAN * count;
    let at = |i: f64| -(PI * i / steps as f64).cos();
    let mut extrema: Vec<(usize, f64)> = Vec::new();
    for i in 0..=steps {
        let e = error(at(i as f64));
        match extrema.last_mut() {
            Some(last) if last.1 * e > 0.0 && e.abs() <= last.1.abs() => {}
            Some(last) if last.1 * e > 0.0 => *last = (i, e),
            _ if e != 0.0 => extrema.push((i, e)),
            _ => {}
        }
    }
    let refined = |(i, e): (usize, f64)| {
        if i == 0 || i == steps {
            return (at(i as f64), e);
        }
        // The parabola through the neighbours, in the angle.
        let (before, behind) = (error(at(i as f64 - 1.0)), error(at(i as f64 + 1.0)));
        let shift = 0.5 * (before - behind) / (before - 2.0 * e + behind);
        let u = at(i as f64 + if shift.abs() <= 1.0 { shift } else { 0.0 });
        let better = error(u);
        if better.abs() > e.abs() {
            (u, better)
        } else {
            (at(i as f64), e)
        }
    };
    extrema.into_iter().map(refined).collect()
}

/// `count` alternating points that keep the largest error; `None` if there are too few.
fn exchanged(mut extrema: Vec<(f64, f64)>, count: usize) -> Option<Vec<f64>> {
    while extrema.len() > count {
        let size = |i: usize| extrema[i].1.abs();
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
    (extrema.len() == count).then(|| extrema.into_iter().map(|(u, _)| u).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_line_for_the_exponential_is_known() {
        // Slope sinh 1; error (cosh 1 - sinh 1 + sinh 1 ln sinh 1) / 2 by the equal errors at -1, ln sinh 1 and 1.
        let (a, c) = (1f64.sinh(), 1f64.cosh());
        let error = (c - a + a * a.ln()) / 2.0;
        let found = minimax(f64::exp, 1).unwrap();
        assert!(
            (found[1] - a).abs() < 1e-4 && (found[0] - (c - error)).abs() < 1e-4,
            "{found:?}"
        );
    }

    #[test]
    fn the_best_approximation_of_a_power_is_a_chebyshev_polynomial() {
        // u^5 minus T_5 / 16 has degree 3 and error 1/16.
        let found = minimax(|u| u.powi(5), 4).unwrap();
        let largest = (0..=1000)
            .map(|i| f64::from(i) / 500.0 - 1.0)
            .map(|u| (u.powi(5) - clenshaw(&found, u)).abs());
        let largest = largest.fold(0.0, f64::max);
        assert!((largest - 1.0 / 16.0).abs() < 1e-5, "{largest}");
    }

    #[test]
    fn a_polynomial_of_lower_degree_hides_the_alternation() {
        assert!(minimax(|u| u * u, 6).is_none_or(|c| (c[2] - 0.5).abs() < 1e-14));
    }
}
