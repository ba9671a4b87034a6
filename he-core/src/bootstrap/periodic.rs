//! The transforms of slots that repeat.
//!
//! Notation: n slots, p = 2^c of them after which all repeat; factors of stages s..e.
//!
//! Such slots are those of a polynomial in X^(n/p), and their transforms those of p points: the first c stages. ModRaise adds multiples of
//! q0 to all coefficients, of which those of powers of X^(n/p) are wanted: the mean over all rotations by multiples of p keeps them. A
//! factor of CoeffsToSlots that reaches beyond stage c takes its part of that mean, over 2^(e - c) rotations: with its stages, all steps by
//! 2^s to one side up to 2^e. So the mean costs no rotation of its own, and all rotations are ones of the transforms of n points.

use super::diagonals::{Diagonals, parts, raised_parts};
use super::factor::{Side, Steps};
use crate::ckks::SpecialFft;

/// The factors of SlotsToCoeffs with their steps, first applied first.
pub(super) fn slots_to_coefficients(
    fft: &SpecialFft,
    [n, period]: [usize; 2],
    factors: usize,
) -> Vec<(Diagonals, Steps)> {
    let last = period.ilog2() as usize;
    let stages = parts(n.ilog2() as usize, factors);
    let all = Steps::of_factors(n, factors, Side::Back);
    let factor = |(stages, steps): (std::ops::Range<usize>, Steps)| {
        if period == n || stages.end < last {
            return (Diagonals::of_stages(fft, n, stages, false), steps);
        }
        let (unit, own) = (1 << stages.start, stages.start..last.max(stages.start));
        let steps = Steps::one_sided(unit, 1 << own.len(), steps.stride, period, Side::Back);
        (Diagonals::of_stages(fft, period, own, false), steps)
    };
    stages.zip(all).map(factor).collect()
}

/// The factors of CoeffsToSlots with their steps, first applied first; the first one's steps are turns.
pub(super) fn coefficients_to_slots(
    fft: &SpecialFft,
    [n, period]: [usize; 2],
    factors: usize,
) -> Vec<(Diagonals, Steps)> {
    let last = period.ilog2() as usize;
    let all = Steps::of_factors(n, factors, Side::Forth);
    let factor = |(stages, steps): (std::ops::Range<usize>, Steps)| {
        if period == n || stages.end < last {
            return (Diagonals::of_stages(fft, n, stages, true), steps);
        }
        let (unit, count) = (1 << stages.start, 1 << stages.len());
        let own = stages.start..last.max(stages.start);
        let mean = (own.len() as f64 - stages.len() as f64).exp2();
        let steps = Steps::one_sided(unit, count, steps.stride, period, Side::Forth);
        (Diagonals::of_stages(fft, period, own, true).times(mean), steps)
    };
    let factors = raised_parts(n, factors).into_iter().zip(all);
    factors.rev().map(factor).collect()
}
