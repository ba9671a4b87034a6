//! Polynomials: the slope carries the operand's error, the steps of the evaluation add their own.

use super::draw::inject;
use super::pass::Pass;
use super::tile::{Sample, Tile};
use super::{BoundError, Contract, DEVIATIONS};
use crate::ckks::polynomial::PolynomialPlan;
use crate::complex::Complex;
use crate::program::arithmetic::{chebyshev, product};
use crate::program::clear;
use crate::program::op::{PlainId, ValueId};
use crate::program::slots::Slots;

impl Pass<'_> {
    /// `|p'|` is taken at its largest over the range, and so is what the steps of the evaluation add.
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
        let slope = derivative(&c);
        let grid: Vec<f64> = (0..=GRID)
            .map(|i| (i as f64 / GRID as f64 * 2.0 - 1.0) * found)
            .collect();
        let real: Vec<f64> = c.iter().map(|c| c.re).collect();
        let level = self.state(x).level as usize;
        let plan = PolynomialPlan::new(self.chain, &real, level)
            .map_err(|error| BoundError::Polynomial { op: index, error })?;
        let variances = grid
            .iter()
            .step_by(NOISE_STEP)
            .map(|&x| plan.noise(self.chain, x));
        let sigma = variances.fold(0.0, f64::max).sqrt() * GRID_MARGIN;
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
        let steepest = chebyshev(&grid.clone().into(), &slope).max_abs() * GRID_MARGIN;
        let largest = chebyshev(&grid.into(), &c).max_abs() * GRID_MARGIN;
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
                        let steep = chebyshev(&value.re.clone().into(), &slope).re.into_iter();
                        product(
                            error,
                            &steep.map(|d| d.signum() * steepest).collect::<Vec<_>>().into(),
                        )
                    }
                };
                inject(&mut error, sigma, name(t, k, 0));
                Sample {
                    value: chebyshev(value, &c),
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
/// Of how many of these points the noise is computed at one: products of Chebyshev polynomials turn no faster than the polynomial.
const NOISE_STEP: usize = 8;

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
