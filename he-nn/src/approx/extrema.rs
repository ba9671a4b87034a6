//! The extrema of an error on a union of intervals.

use super::double::Double;
use super::interval::Interval;
use std::f64::consts::PI;

/// Distances of the neighbours, in steps of the grid.
const STEPS: [f64; 3] = [1.0, 1.0 / 16.0, 1.0 / 256.0];
/// With 16 points and more for each extremum the last parabola misses less than this share of it.
const MISSED: f64 = 1e-12;

/// A point and the error there.
pub(super) type Extremum = (f64, Double);

/// `steps + 1` points of an interval, ascending, as dense towards its ends as a polynomial's extrema may lie.
pub(super) fn grid(interval: Interval, steps: usize) -> impl Iterator<Item = f64> {
    (0..=steps).map(move |i| point(interval, i as f64 / steps as f64))
}

/// The point of the grid at this share of it.
fn point(interval: Interval, share: f64) -> f64 {
    interval.from_unit(-(PI * share).cos())
}

/// All local extrema of the error's absolute value: found on a [`grid`] of each interval, then moved to the top of the
/// parabola through the neighbours, and through ever closer ones.
pub(super) fn extrema(error: impl Fn(f64) -> Double, intervals: &[Interval], steps: usize) -> Vec<Extremum> {
    let mut found = Vec::new();
    for interval in intervals {
        let at = |i: f64| point(*interval, i / steps as f64);
        let errors: Vec<Double> = grid(*interval, steps).map(&error).collect();
        for (i, &e) in errors.iter().enumerate() {
            let size = |i: usize| errors[i].abs();
            let top = (i == 0 || size(i - 1) <= e.abs() || errors[i - 1] * e < Double::ZERO)
                && (i == steps || size(i + 1) < e.abs() || errors[i + 1] * e < Double::ZERO);
            if !top {
                continue;
            }
            if i == 0 || i == steps {
                found.push((at(i as f64), e));
                continue;
            }
            let mut best = (i as f64, e);
            for step in STEPS {
                let [before, behind] = [best.0 - step, best.0 + step].map(|i| error(at(i)).to_f64());
                let middle = best.1.to_f64();
                let shift = 0.5 * (before - behind) / (before - 2.0 * middle + behind);
                if shift.abs() <= 1.0 {
                    let moved = best.0 + shift * step;
                    let value = error(at(moved));
                    if value.abs() > best.1.abs() {
                        best = (moved, value);
                    }
                }
            }
            found.push((at(best.0), best.1));
        }
    }
    found
}

/// The largest absolute value of the error, rounded up by what the search for extrema may miss.
pub(super) fn largest(error: impl Fn(f64) -> Double, intervals: &[Interval], steps: usize) -> f64 {
    let found = extrema(error, intervals, steps);
    found.iter().map(|(_, e)| e.abs().to_f64()).fold(0.0, f64::max) * (1.0 + MISSED)
}

/// The largest error of each run of one sign.
pub(super) fn runs(extrema: Vec<Extremum>) -> Vec<Extremum> {
    let mut runs: Vec<Extremum> = Vec::new();
    for (x, e) in extrema {
        match runs.last_mut() {
            _ if e == Double::ZERO => {}
            Some(last) if last.1 * e > Double::ZERO => {
                if e.abs() > last.1.abs() {
                    *last = (x, e);
                }
            }
            _ => runs.push((x, e)),
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_extrema_of_a_chebyshev_polynomial_are_known() {
        // T_5 on [-1, 1]: +-1 at cos(k π / 5).
        let t5 = |x: f64| Double::from(x * (16.0 * x.powi(4) - 20.0 * x * x + 5.0));
        let whole = Interval::symmetric(1.0).unwrap();
        let found = runs(extrema(t5, &[whole], 160));
        assert_eq!(found.len(), 6);
        for (k, (x, e)) in found.iter().enumerate() {
            let expected = -(PI * k as f64 / 5.0).cos();
            assert!((x - expected).abs() < 1e-7, "{x}");
            assert!((e.to_f64().abs() - 1.0).abs() < 1e-13, "{}", e.to_f64());
        }
        let size = largest(t5, &[whole], 160);
        assert!((1.0..1.0 + 2e-12).contains(&size), "{size}");
    }

    #[test]
    fn both_intervals_of_a_union_are_searched() {
        let halves = [
            Interval::new(-2.0, -1.0).unwrap(),
            Interval::new(1.0, 3.0).unwrap(),
        ];
        let found = extrema(Double::from, &halves, 8);
        assert_eq!(found.iter().map(|e| e.0).collect::<Vec<_>>(), [-2.0, 3.0]);
        assert_eq!(runs(found).len(), 2);
    }
}
