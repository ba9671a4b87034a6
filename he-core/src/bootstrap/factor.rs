//! One factor of SlotsToCoeffs or CoeffsToSlots, ready to be applied.

use std::collections::BTreeSet;

use super::diagonals::{Diagonals, parts, raised_parts};
use crate::ckks::linear::{self, LinearPlan, ROWS_AT_ONCE, Term, Weights};
use crate::ckks::{Ciphertext, Context, EvaluationKeys};
use crate::complex::Complex;
use crate::error::{Error, Result};

/// A sparse matrix at a level, in baby and giant steps.
pub(super) struct Factor {
    plan: LinearPlan,
    weights: Weights,
}

/// The side to which babies rotate. Transforms that turn to different sides share few rotations, so that the one at low levels has
/// small keys of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// From 0 on.
    Forth,
    /// Up to 0.
    Back,
}

/// The diagonals of a matrix in steps: shift = giant + baby.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Steps {
    /// (giant, baby, shift), sorted; the shift from 0 to the slots, the steps around zero.
    pub(crate) all: Vec<(i32, i32, usize)>,
    /// Giant steps are multiples of this.
    pub(crate) stride: i32,
    /// Slots after which every diagonal repeats.
    pub(crate) period: usize,
}

impl Steps {
    /// Those of the transform's factors, which follow from the number of slots alone; coefficients to slots, first applied first.
    pub(super) fn of_factors(slots: usize, factors: usize, side: Side) -> Vec<Self> {
        let of = |stages: std::ops::Range<usize>| {
            // Butterflies of stage k shift by 2^k either way, and repeat after 2^(k + 1) slots.
            let (unit, reach) = (1 << stages.start, (1 << stages.end) - (1 << stages.start));
            let shifts = (0..=2 * reach / unit).map(|i| (i * unit + slots - reach) % slots);
            let mut shifts: Vec<usize> = shifts.collect();
            shifts.sort_unstable();
            shifts.dedup();
            let period = if stages.is_empty() { 1 } else { 1 << stages.end };
            Self::new(&shifts, slots, period, side)
        };
        let parts = match side {
            Side::Forth => raised_parts(slots, factors),
            Side::Back => parts(slots.ilog2() as usize, factors).collect(),
        };
        parts.into_iter().map(of).collect()
    }

    /// `count` steps of `unit` to one side, with the stride of others: for matrices on vectors that repeat after `period`.
    pub(super) fn one_sided(unit: usize, count: usize, stride: i32, period: usize, side: Side) -> Self {
        let sign = match side {
            Side::Forth => 1,
            Side::Back => -1,
        };
        let step = |i: usize| {
            let turned = (i * unit) as i32;
            let baby = turned % stride;
            let shift = (sign * turned).rem_euclid(period as i32);
            (sign * (turned - baby), sign * baby, shift as usize)
        };
        let mut all: Vec<_> = (0..count).map(step).collect();
        all.sort_unstable();
        Self { all, stride, period }
    }

    /// The rotation by which a giant step is walked to.
    pub(crate) fn walked(&self, giant: i32) -> i32 {
        self.stride * (giant / self.stride).signum()
    }

    /// Rotations for which keys are needed.
    pub(super) fn rotations(&self) -> BTreeSet<i32> {
        let rotations = self
            .all
            .iter()
            .flat_map(|&(giant, baby, _)| [self.walked(giant), baby]);
        rotations.filter(|&r| r != 0).collect()
    }

    /// The shifts of merged butterflies, ascending, are consecutive multiples of one unit, on both sides of zero.
    fn new(shifts: &[usize], slots: usize, period: usize, side: Side) -> Self {
        let unit = shifts.iter().fold(slots, |unit, shift| {
            1 << unit.trailing_zeros().min(shift.trailing_zeros())
        });
        // Half a turn counts from the side on which it is a giant step itself.
        let negative = |shift: usize| 2 * shift > slots || 2 * shift == slots && side == Side::Forth;
        let signed = |shift: usize| shift as i32 - if negative(shift) { slots as i32 } else { 0 };
        // Babies cost an inner product and a key, giants a key switch: somewhat more babies.
        let babies = 1 << ((shifts.len().next_power_of_two().ilog2() + 2) / 2);
        let stride = babies * unit as i32;
        let mut all: Vec<_> = shifts
            .iter()
            .map(|&shift| {
                // One of the giant steps is none.
                let baby = match side {
                    Side::Forth => signed(shift).rem_euclid(stride),
                    Side::Back => -(-signed(shift)).rem_euclid(stride),
                };
                // So is a full turn.
                ((signed(shift) - baby) % slots as i32, baby, shift)
            })
            .collect();
        all.sort_unstable();
        Self { all, stride, period }
    }
}

impl Factor {
    /// A matrix for ciphertexts of a level, by its steps; scales of operand and result as given.
    pub(super) fn new(
        context: &Context,
        (matrix, steps): &(Diagonals, Steps),
        level: usize,
        [scale, result_scale]: [f64; 2],
    ) -> Result<Self> {
        let terms = steps.all.iter().enumerate().map(|(i, &(giant, baby, _))| Term {
            output: 0,
            giant,
            input: 0,
            baby,
            plain: i as u32,
        });
        let plan = LinearPlan::new(1, terms.collect(), true)?.in_strides(steps.stride)?;
        let weight_scale = result_scale * context.chain().divisor(level) / scale;
        // The plaintext of a term, rotated back by its giant step, as short as it repeats.
        let values = |id: u32| {
            let (giant, _, shift) = steps.all[id as usize];
            turned_back(matrix.diagonal(shift), giant)
        };
        let special = context.special().len();
        let weights = encoded(context, &plan, [level, special], weight_scale, values)?;
        Ok(Self { plan, weights })
    }

    /// Bytes of its plaintexts.
    pub(super) fn bytes(&self) -> usize {
        self.weights.bytes()
    }

    /// The matrix times the slots of each.
    pub(super) fn apply(
        &self,
        context: &Context,
        keys: &EvaluationKeys,
        all: &[Ciphertext],
    ) -> Result<Vec<Ciphertext>> {
        let inputs: Vec<[&Ciphertext; 1]> = all.iter().map(|x| [x]).collect();
        let inputs: Vec<&[&Ciphertext]> = inputs.iter().map(|x| &x[..]).collect();
        let outputs = linear::apply_all(context, keys, &inputs, &self.plan, &self.weights)?;
        Ok(outputs.into_iter().flatten().collect())
    }
}

/// Encodes the plaintexts of a transform, given by the terms' names, on the first special primes.
pub(super) fn encoded(
    context: &Context,
    plan: &LinearPlan,
    [level, special]: [usize; 2],
    scale: f64,
    values: impl Fn(u32) -> Vec<Complex>,
) -> Result<Weights> {
    let mut fault: Option<Error> = None;
    let mut weights = Weights::layout_on(context, plan, [level, special], scale, |id| {
        let values = values(id);
        if values.len() == context.slots() {
            return None;
        }
        context
            .encode_complex(&values, scale, level, true)
            .map_err(|error| fault = Some(error))
            .ok()
    });
    if let Some(error) = fault {
        return Err(error);
    }
    for rows in weights.unstructured().chunks(ROWS_AT_ONCE) {
        let rounded = rows
            .iter()
            .map(|&id| {
                let (re, im) = values(id).into_iter().map(|z| (z.re, z.im)).unzip();
                Ok((id, context.integer_coefficients(re, im, scale, level)?))
            })
            .collect::<Result<Vec<_>>>()?;
        weights.encode(context, &rounded);
    }
    Ok(weights)
}

/// A diagonal, rotated back by a giant step, as short as it repeats; one that vanishes everywhere is empty.
pub(super) fn turned_back(diagonal: &[Complex], by: i32) -> Vec<Complex> {
    if diagonal.is_empty() {
        return vec![Complex::default()];
    }
    let n = diagonal.len();
    let by = by.rem_euclid(n as i32) as usize;
    shortest_period((0..n).map(|j| diagonal[(j + n - by) % n]).collect())
}

fn shortest_period(mut values: Vec<Complex>) -> Vec<Complex> {
    while values.len() > 1 && {
        let (first, second) = values.split_at(values.len() / 2);
        first == second
    } {
        values.truncate(values.len() / 2);
    }
    values
}

#[cfg(test)]
mod tests {
    use super::super::diagonals::tests::{to_coefficients, to_slots};
    use super::*;
    use crate::ckks::SpecialFft;

    #[test]
    fn steps_meet_every_diagonal_and_one_giant_step_is_none() {
        let n = 256;
        let fft = SpecialFft::new(n);
        for (matrices, side) in [
            (to_slots(&fft, n, 2), Side::Back),
            (to_coefficients(&fft, n, 3)[1..].to_vec(), Side::Forth),
        ] {
            for matrix in &matrices {
                let shifts: Vec<usize> = matrix.by_shift().keys().copied().collect();
                let steps = Steps::new(&shifts, n, n, side);
                let mut shifts: Vec<usize> = steps.all.iter().map(|step| step.2).collect();
                shifts.sort_unstable();
                assert!(shifts.iter().eq(matrix.by_shift().keys()));
                for &(giant, baby, shift) in &steps.all {
                    assert_eq!((giant + baby).rem_euclid(n as i32), shift as i32);
                    assert_eq!(giant % steps.stride, 0);
                    assert!(baby.abs() < steps.stride);
                    assert!(baby == 0 || (baby > 0) == (side == Side::Forth));
                }
                let giants: BTreeSet<i32> = steps.all.iter().map(|step| step.0).collect();
                assert!(giants.contains(&0) && giants.len() <= 4, "{giants:?}");
            }
        }
    }

    /// Keys are chosen and costs counted by the shifts and periods that are derived; the matrices must have them.
    #[test]
    fn factors_have_the_shifts_and_periods_that_are_derived() {
        let fft = SpecialFft::new(64);
        for count in 1..=4 {
            let mut back = to_coefficients(&fft, 64, count);
            back.reverse();
            let forth = to_slots(&fft, 64, count);
            for (matrices, side) in [(forth, Side::Back), (back, Side::Forth)] {
                let derived = Steps::of_factors(64, count, side);
                assert_eq!(matrices.len(), derived.len());
                for (matrix, steps) in matrices.iter().zip(derived) {
                    let shifts: Vec<usize> = matrix.by_shift().keys().copied().collect();
                    assert_eq!(Steps::new(&shifts, 64, steps.period, side), steps);
                    let periods = matrix
                        .by_shift()
                        .values()
                        .map(|d| shortest_period(d.clone()).len());
                    assert_eq!(periods.max(), Some(steps.period));
                }
            }
        }
    }
}
