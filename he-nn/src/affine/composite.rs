//! Composites: a sign as polynomials one after the other, each a stage of its own, so that values can be refreshed in between.
//!
//! Notation: `R` the range of the operand `x`; `p_1 .. p_k` the members, `h_i` the upper end of the interval of `p_i`. The stages hold
//! `u_1 = x / (ROOM R h_1)` and `u_{i+1} = p_i(u_i) / h_{i+1}`, all within `[-1, 1]`; the last one `s = p_k(u_k)`, or for the
//! rectified linear unit the share `(1 + s) / 2` of `x` that is left.
//!
//! Errors: members are made for operands that are off by up to [`NOISE`], so what encryption adds before one of them is lost in it, and the
//! result is as far from the exact function as that of exact arithmetic, plus, for the unit, what `x` itself was off by.

use crate::approx::{Member, Relu, Sign};
use crate::error::Result;
use crate::layer::Function;
use std::sync::Arc;

/// Width of the interval of a composite over that of its operand's range: room for the errors that the operand has.
const ROOM: f64 = 17.0 / 16.0;

/// What encryption may add to the operand of a member, next to the sign. It costs less than a hundredth of a bit of precision.
pub const NOISE: f64 = 1.0 / 8192.0;

/// What the steps of a member add at most, as a multiple of the deviation that one rounding has. The derivatives of the planned steps say
/// so for each: 2 to 30 for degrees up to 31 but for the first of {31, 31}, 107, and 468 for the first of {63, 63}.
pub const GAIN: f64 = 512.0;

/// A composite sign, and what becomes of it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Composite {
    sign: Sign,
    /// Whether the last member delivers the share that a rectified linear unit leaves of its operand.
    gate: bool,
}

impl Composite {
    /// Members of these degrees for a function that follows from the sign.
    pub(super) fn new(function: Function, degrees: &[usize]) -> Result<Self> {
        let gate = matches!(function, Function::Relu);
        let sign = if gate {
            Relu::new(degrees, 1.0, NOISE)?.sign().clone()
        } else {
            Sign::balanced(degrees, NOISE)?
        };
        Ok(Self { sign, gate })
    }

    pub(super) fn is_gate(&self) -> bool {
        self.gate
    }

    /// The interval of the first member is `[-limit, limit]` for operands within `range`.
    pub(super) fn limit(&self, range: f64) -> f64 {
        ROOM * range * self.sign.members().first().map_or(1.0, Member::hi)
    }
}

/// One member of a composite.
#[derive(Clone, Debug, PartialEq)]
pub struct Piece {
    pub(super) composite: Arc<Composite>,
    pub(super) index: usize,
}

impl Piece {
    fn member(&self) -> &Member {
        &self.composite.sign.members()[self.index]
    }

    /// Whether it is applied first: its operand comes from outside.
    #[must_use]
    pub fn is_first(&self) -> bool {
        self.index == 0
    }

    fn is_last(&self) -> bool {
        self.index + 1 == self.composite.sign.members().len()
    }

    pub(super) fn degree(&self) -> usize {
        self.member().polynomial().degree()
    }

    /// What its values are divided by, so that those of the next lie within `[-1, 1]`.
    pub(super) fn divisor(&self) -> f64 {
        let next = self.composite.sign.members().get(self.index + 1);
        next.map_or(1.0, Member::hi)
    }

    /// Chebyshev coefficients, before the division.
    pub(super) fn coefficients(&self) -> Vec<f64> {
        let mut row = self.member().polynomial().coefficients().to_vec();
        if self.is_last() && self.composite.gate {
            row.iter_mut().for_each(|c| *c *= 0.5);
            row[0] += 0.5;
        }
        row
    }

    /// Largest absolute value, before the division.
    pub(super) fn bound(&self) -> f64 {
        let bound = self.member().bound();
        if self.is_last() && self.composite.gate {
            0.5 + 0.5 * bound
        } else {
            bound
        }
    }

    /// The largest error that its operand may have, which stands within `[-1, 1]`.
    #[must_use]
    pub fn room(&self) -> f64 {
        if self.is_first() {
            1.0 - 1.0 / ROOM
        } else {
            NOISE / self.member().hi()
        }
    }

    /// How far the result is from that of the exact sign at most, before the division: nothing counts but the last member.
    #[must_use]
    pub fn distance(&self) -> f64 {
        match (self.is_last(), self.composite.gate) {
            (false, _) => 0.0,
            (true, false) => self.member().error(),
            (true, true) => 0.5 * self.member().error(),
        }
    }
}

#[cfg(test)]
mod tests {
    use he_core::ckks::noise;
    use he_core::ckks::polynomial::PolynomialPlan;
    use he_core::params::ChainSpec;

    use super::*;
    use crate::approx;

    fn stages(composite: &Arc<Composite>) -> Vec<Piece> {
        let count = composite.sign.members().len();
        let piece = |index| Piece {
            composite: composite.clone(),
            index,
        };
        (0..count).map(piece).collect()
    }

    /// Operands as far off as there is room for, at every member.
    #[test]
    fn errors_within_the_room_are_lost() {
        let range = 3.0;
        for (function, degrees, precision) in [
            (Function::Relu, &[7, 7][..], 2f64.powi(-7)),
            (Function::Relu, &[15, 15, 27], 2f64.powi(-13)),
            (Function::Sign, &[7, 7, 13], 2f64.powi(-6)),
        ] {
            let composite = Arc::new(Composite::new(function, degrees).unwrap());
            let (pieces, limit) = (stages(&composite), composite.limit(range));
            for i in 0..=8000 {
                let x = range * f64::from(i - 4000) / 4000.0;
                let mut u = x / limit;
                // What the operand is off by is not lost: the unit of another number.
                let mut moved = x;
                for (k, piece) in pieces.iter().enumerate() {
                    let off = piece.room() * [1.0, -1.0, 0.3][(i as usize + k) % 3];
                    let off = if k == 0 { 0.1 * off } else { off };
                    u += off;
                    moved += if k == 0 { off * limit } else { 0.0 };
                    assert!(u.abs() <= 1.0, "{u}");
                    u = approx::clenshaw(&piece.coefficients(), u);
                    assert!(u.abs() <= piece.bound() + 1e-12);
                    u /= piece.divisor();
                }
                let (found, exact, size) = match function {
                    Function::Relu => (moved * u, moved.max(0.0), limit),
                    _ if moved.abs() < 0.05 * range => continue,
                    _ => (u, moved.signum(), 1.0),
                };
                let error = (found - exact).abs();
                assert!(error <= 1.01 * precision * size, "{degrees:?} at {x}: {error}");
            }
        }
    }

    /// What the steps of a member add, relative to the rounding of one step: the largest over its interval.
    fn gain(piece: &Piece) -> f64 {
        let spec = ChainSpec {
            log_n: 12,
            base_bits: 50,
            level_bits: vec![40; 6],
            special_bits: vec![45; 2],
            terminal_bits: vec![],
            log2_scale: 40.0,
        };
        let chain = spec.build_insecure().unwrap();
        let chain = chain.chain();
        let row: Vec<f64> = piece.coefficients().iter().map(|c| c / piece.divisor()).collect();
        let plan = PolynomialPlan::new(chain, &row, chain.top_level()).unwrap();
        let unit = noise::slot_variance(
            noise::rounding(chain.degree()),
            chain.degree(),
            plan.result_scale(),
        );
        let variances = (0..=1000).map(|i| plan.noise(chain, f64::from(i) / 1000.0));
        (variances.fold(0.0, f64::max) / unit).sqrt()
    }

    #[test]
    fn steps_of_members_add_up_to_the_gain_at_most() {
        let mut largest = 0.0f64;
        for function in [Function::Relu, Function::Sign] {
            for degrees in [
                &[7, 7][..],
                &[7, 7, 13],
                &[15, 15, 27],
                &[7, 15, 31],
                &[31, 31],
                &[63],
                &[63, 63],
                &[15, 15, 15, 15],
            ] {
                let composite = Arc::new(Composite::new(function, degrees).unwrap());
                for piece in stages(&composite) {
                    largest = largest.max(gain(&piece));
                }
            }
        }
        assert!(largest <= GAIN, "{largest}");
        assert!(largest >= 0.5 * GAIN, "{largest}");
    }
}
