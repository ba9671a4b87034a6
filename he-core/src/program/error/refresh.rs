//! Errors of refreshing: what the parameters say, and what moves between the two tiles of a pair.
//!
//! A pair goes as x + i y: what is imaginary in the error of x is real in that of y, and the other way round with a minus.

use super::BoundError;
use super::draw::inject;
use super::pass::Pass;
use super::tile::{Sample, Tile};
use crate::bootstrap::Precision;
use crate::program::op::ValueId;
use crate::program::slots::Slots;

/// Floats may exceed a bound that they are equal to.
const TOLERANCE: f64 = 1.0 + 1e-9;

impl Pass<'_> {
    pub(super) fn refresh(
        &self,
        index: usize,
        x: ValueId,
        bound: f64,
        name: &(impl Fn(usize, usize, u64) -> u64 + Sync),
    ) -> Result<Vec<Tile>, BoundError> {
        let found = self.largest(x);
        let refused = BoundError::Refresh {
            op: index,
            found,
            bound,
        };
        let Some(spec) = self
            .program
            .bootstrap
            .as_ref()
            .filter(|_| found <= bound * TOLERANCE)
        else {
            return Err(refused);
        };
        let Precision { deviation, cubic } = Precision::new(self.chain, spec);
        let tiles = self.tiles(x);
        let refreshed = self.map(
            x,
            |tile| tile.magnitude.clone(),
            |tile, t, k| {
                // The other of the pair: y of x, x of y.
                let (other, sign) = if t % 2 == 0 { (t + 1, -1.0) } else { (t - 1, 1.0) };
                let other = tiles.get(other).map(|other| &other.samples[k].error);
                let Sample { value, error } = &tile.samples[k];
                let extreme = tile.extreme(k, false);
                let error = (0..error.len()).map(|s| {
                    let crossed = other.map_or(0.0, |other| sign * other.get(s).im);
                    let relative = extreme.get(s).re / bound;
                    error.get(s).re + crossed - cubic * relative.powi(3) * bound
                });
                let mut error = Slots::from(error.collect::<Vec<_>>());
                // Half of what is injected is real.
                inject(
                    &mut error,
                    std::f64::consts::SQRT_2 * deviation * bound,
                    name(t, k, 0),
                );
                Sample {
                    value: value.re.clone().into(),
                    error,
                }
            },
        );
        Ok(refreshed)
    }
}
