//! One factor of SlotsToCoeffs or CoeffsToSlots, ready to be applied.

use std::collections::BTreeSet;

use super::diagonals::Diagonals;
use crate::ckks::linear::{self, LinearPlan, ROWS_AT_ONCE, Term, Weights};
use crate::ckks::{Ciphertext, Context, EvaluationKeys};
use crate::complex::Complex;
use crate::error::{Error, Result};

/// A sparse matrix at a level, in baby and giant steps.
pub(super) struct Factor {
    plan: LinearPlan,
    rotations: BTreeSet<i32>,
    weights: Weights,
    scale: f64,
}

/// The diagonals of a matrix in steps: shift = giant + baby.
struct Steps {
    /// (giant, baby, shift), sorted.
    all: Vec<(usize, usize, usize)>,
}

impl Steps {
    /// The shifts of merged butterflies are consecutive multiples of one stride, on both sides of zero.
    fn new(matrix: &Diagonals, slots: usize) -> Self {
        let shifts: Vec<usize> = matrix.by_shift().keys().copied().collect();
        let stride = shifts.iter().fold(slots, |stride, shift| {
            1 << stride.trailing_zeros().min(shift.trailing_zeros())
        });
        // Counted from behind the widest gap.
        let gap = |i: usize| (shifts[i] + slots - shifts[(i + shifts.len() - 1) % shifts.len()]) % slots;
        let first = (0..shifts.len()).max_by_key(|&i| gap(i)).map_or(0, |i| shifts[i]);
        // Babies cost an inner product, giants a key switch: somewhat more babies.
        let babies = 1 << ((shifts.len().next_power_of_two().ilog2() + 2) / 2);
        let mut all: Vec<_> = shifts
            .iter()
            .map(|&shift| {
                let step = (shift + slots - first) % slots / stride;
                let baby = step % babies * stride;
                ((shift + slots - baby) % slots, baby, shift)
            })
            .collect();
        all.sort_unstable();
        Self { all }
    }
}

impl Factor {
    /// A matrix for ciphertexts of a level; scales of operand and result as given.
    pub(super) fn new(
        context: &Context,
        matrix: &Diagonals,
        level: usize,
        [scale, result_scale]: [f64; 2],
    ) -> Result<Self> {
        let n = context.slots();
        let steps = Steps::new(matrix, n);
        let terms = steps.all.iter().enumerate().map(|(i, &(giant, baby, _))| Term {
            output: 0,
            giant: giant as i32,
            input: 0,
            baby: baby as i32,
            plain: i as u32,
        });
        let plan = LinearPlan::new(1, terms.collect(), true)?;
        let weight_scale = result_scale * context.chain().dropped_product(level) / scale;
        // The plaintext of a term, rotated back by its giant step, as short as it repeats.
        let values = |id: u32| {
            let (giant, _, shift) = steps.all[id as usize];
            let diagonal = &matrix.by_shift()[&shift];
            let turned: Vec<Complex> = (0..n).map(|j| diagonal[(j + n - giant) % n]).collect();
            shortest_period(turned)
        };
        let mut fault: Option<Error> = None;
        let mut weights = Weights::layout(context, &plan, level, weight_scale, |id| {
            let values = values(id);
            if values.len() == n {
                return None;
            }
            context
                .encode_complex(&values, weight_scale, level, true)
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
                    Ok((id, context.integer_coefficients(re, im, weight_scale, level)?))
                })
                .collect::<Result<Vec<_>>>()?;
            weights.encode(context, &rounded);
        }
        let rotations = steps.all.iter().flat_map(|&(giant, baby, _)| [giant, baby]);
        Ok(Self {
            plan,
            rotations: rotations.filter(|&r| r != 0).map(|r| r as i32).collect(),
            weights,
            scale,
        })
    }

    /// Level of its operand.
    pub(super) fn level(&self) -> usize {
        self.weights.level()
    }

    /// Scale of its operand.
    pub(super) fn scale(&self) -> f64 {
        self.scale
    }

    /// Rotations for which it needs keys.
    pub(super) fn rotations(&self) -> impl Iterator<Item = i32> {
        self.rotations.iter().copied()
    }

    /// Bytes of its plaintexts.
    pub(super) fn bytes(&self) -> usize {
        self.weights.bytes()
    }

    /// The matrix times the slots of `x`.
    pub(super) fn apply(
        &self,
        context: &Context,
        keys: &EvaluationKeys,
        x: &Ciphertext,
    ) -> Result<Ciphertext> {
        let mut out = linear::apply(context, keys, &[x], &self.plan, &self.weights)?;
        out.pop().ok_or(Error::Count {
            what: "results of a factor",
            found: 0,
            expected: 1,
        })
    }
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
