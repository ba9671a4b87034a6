//! Symmetries of a function that its best polynomial shares.

use super::double::Double;
use super::extrema::grid;
use super::interval::Interval;

/// Points at which a symmetry is looked for.
const GRID: usize = 64;

/// What a function is up to its constant and linear terms.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Symmetry {
    None,
    /// `f(0)` plus an odd function.
    Odd,
    /// An even function plus `slope x`.
    Even {
        slope: f64,
    },
}

impl Symmetry {
    /// Of `f` on an interval, up to rounding.
    pub fn of(f: impl Fn(f64) -> Double, interval: Interval) -> Self {
        if !interval.is_symmetric() {
            return Symmetry::None;
        }
        let range = interval.hi();
        let slope = ((f(range) - f(-range)) / Double::from(2.0 * range)).to_f64();
        let (mut odd, mut even, mut size) = (0.0f64, 0.0f64, 0.0f64);
        for x in grid(interval, GRID).filter(|&x| x >= 0.0) {
            let (above, below) = (f(x), f(-x));
            size = size.max(above.abs().to_f64()).max(below.abs().to_f64());
            odd = odd.max((above + below - f(0.0) - f(0.0)).abs().to_f64());
            even = even.max(
                (above - below - Double::from(2.0 * slope) * Double::from(x))
                    .abs()
                    .to_f64(),
            );
        }
        let rounding = 8.0 * f64::EPSILON * size;
        if odd <= rounding {
            Symmetry::Odd
        } else if even <= rounding {
            Symmetry::Even { slope }
        } else {
            Symmetry::None
        }
    }

    /// Whether the best polynomial has no `T_k`.
    pub fn excludes(self, k: usize) -> bool {
        match self {
            Symmetry::None => false,
            Symmetry::Odd => k >= 2 && k.is_multiple_of(2),
            Symmetry::Even { .. } => k >= 2 && !k.is_multiple_of(2),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constants_and_lines_do_not_count() {
        let of = |f: fn(f64) -> f64, interval| Symmetry::of(|x| Double::from(f(x)), interval);
        let symmetric = Interval::symmetric(2.0).unwrap();
        assert_eq!(of(|x| 3.0 + x * x * x, symmetric), Symmetry::Odd);
        assert_eq!(of(|x| x * x - 0.5 * x, symmetric), Symmetry::Even { slope: -0.5 });
        assert_eq!(of(f64::exp, symmetric), Symmetry::None);
        assert_eq!(of(|x| x * x, Interval::new(-2.0, 1.0).unwrap()), Symmetry::None);
        let odd: Vec<usize> = (0..8).filter(|&k| Symmetry::Odd.excludes(k)).collect();
        let even: Vec<usize> = (0..8)
            .filter(|&k| Symmetry::Even { slope: 0.0 }.excludes(k))
            .collect();
        assert_eq!((odd, even), (vec![2, 4, 6], vec![3, 5, 7]));
    }
}
