//! Polynomials: the slope carries the operand's error, every doubling of the degree adds its own.

use super::draw::inject;
use super::propagate::Pass;
use super::tile::{Sample, Tile};
use super::{BoundError, Contract, DEVIATIONS};
use crate::complex::Complex;
use crate::program::clear::{self, product};
use crate::program::infer::polynomial_levels;
use crate::program::op::{PlainId, ValueId};
use crate::program::slots::Slots;

impl Pass<'_> {
    /// `|p'|` is taken at its largest over the range; inside, T_{a+b} = 2 T_a T_b - T_{a-b} with |T| <= 1 quadruples the error of T
    /// with every doubling of its degree and adds one rounding.
    pub(super) fn polynomial(
        &self,
        index: usize,
        x: ValueId,
        coefficients: &[PlainId],
        name: &(impl Fn(usize, usize, u64) -> u64 + Sync),
    ) -> Result<Vec<Tile>, BoundError> {
        let found = self.largest(x);
        if found > 1.0 + DOMAIN_SLACK {
            return Err(BoundError::Domain { op: index, found });
        }
        let c = clear::constants(self.plains, coefficients, self.slots())?;
        let levels = polynomial_levels(c.len() as u32 - 1);
        let from = self.state(x).level;
        let visited = (from - levels)..=from;
        let unit = visited
            .clone()
            .map(|l| self.deviation(self.rounding(), self.chain.scale(l as usize)))
            .fold(0.0, f64::max);
        let inner = |k: usize| {
            if k < 2 {
                0.0
            } else {
                (4f64.powi(usize::BITS as i32 - (k - 1).leading_zeros() as i32) - 1.0) / 3.0
            }
        };
        // Where levels are not nested, an operand may be a copy, which was rounded once more. T_2k is made where T_k stands, without one;
        // of T_{a+b} the lower index is copied, and what is subtracted: 2 e_b + 2 (e_a + 1) + 1 + 1 in place of 4 e + 1, twice as much
        // at most.
        let nested = visited
            .clone()
            .skip(1)
            .all(|l| (from - levels..l).all(|below| self.chain.contains(l as usize, below as usize)));
        let (read, copied) = if nested { (1.0, 1.0) } else { (2.0, 2.0) };
        let sigma = unit
            * (1.0
                + c.iter()
                    .enumerate()
                    .map(|(k, c)| c.abs() * (read + copied * inner(k)))
                    .sum::<f64>());
        let slope = derivative(&c);
        let grid: Vec<f64> = (0..=GRID)
            .map(|i| (i as f64 / GRID as f64 * 2.0 - 1.0) * found)
            .collect();
        let contract = self.assumptions.contracts.iter();
        let contract = contract
            .copied()
            .find(|contract| contract.value.0 as usize == index);
        if let Some(Contract { room, .. }) = contract {
            let deviation = self.tiles(x).iter().map(Tile::sigma).fold(0.0, f64::max);
            let found = DEVIATIONS * deviation;
            if found > room {
                return Err(BoundError::Room {
                    op: index,
                    found,
                    room,
                });
            }
        }
        let steepest = clear::chebyshev(&grid.clone().into(), &slope).max_abs() * GRID_MARGIN;
        let largest = clear::chebyshev(&grid.into(), &c).max_abs() * GRID_MARGIN;
        Ok(self.map(
            x,
            |tile| vec![largest; tile.magnitude.len()].into(),
            |tile, t, k| {
                let Sample { value, error } = &tile.samples[k];
                let mut error = match contract {
                    // Half of what is injected is real.
                    Some(Contract { distance, .. }) => {
                        let mut off = Slots::zeros(value.len());
                        inject(&mut off, std::f64::consts::SQRT_2 * distance, name(t, k, 1));
                        off
                    }
                    None => {
                        let steep = clear::chebyshev(&value.re.clone().into(), &slope).re.into_iter();
                        product(
                            error,
                            &steep.map(|d| d.signum() * steepest).collect::<Vec<_>>().into(),
                        )
                    }
                };
                inject(&mut error, sigma, name(t, k, 0));
                Sample {
                    value: clear::chebyshev(value, &c),
                    error,
                }
            },
        ))
    }
}

/// How far outside [-1, 1] a polynomial may be asked: errors push values over the edge.
const DOMAIN_SLACK: f64 = 1.0 / 1024.0;
/// Points at which a polynomial and its slope are sampled, and what the maximum may lie above the largest sample for the degrees in
/// use (between neighbouring points of 4096 a polynomial of degree 60 turns by less than 60^2 / 4096 of its largest value).
const GRID: usize = 4096;
const GRID_MARGIN: f64 = 1.05;

/// Chebyshev coefficients of the derivative: `d_{k-1} = d_{k+1} + 2 k c_k`, `d_0` halved.
fn derivative(c: &[Complex]) -> Vec<Complex> {
    let mut d = vec![Complex::default(); c.len() + 1];
    for k in (1..c.len()).rev() {
        d[k - 1] = d.get(k + 1).copied().unwrap_or_default() + c[k] * (2.0 * k as f64);
    }
    d[0] = d[0] * 0.5;
    d.truncate(c.len().max(2) - 1);
    d
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_derivative_of_a_chebyshev_series() {
        // T_3 = 4 x^3 - 3 x, T_3' = 12 x^2 - 3 = 3 T_0 + 6 T_2.
        let c: Vec<Complex> = [0.0, 0.0, 0.0, 1.0].map(Complex::from).to_vec();
        assert_eq!(
            derivative(&c).iter().map(|z| z.re).collect::<Vec<_>>(),
            [3.0, 0.0, 6.0]
        );
        assert_eq!(
            derivative(&[Complex::from(5.0), Complex::from(2.0)]),
            [Complex::from(2.0)]
        );
    }
}
