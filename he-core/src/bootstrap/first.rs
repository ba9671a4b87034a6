//! The first factor of CoeffsToSlots, which meets the ciphertext right after its modulus was raised.

use super::diagonals::Diagonals;
use super::factor::{encoded, turned_back};
use crate::ckks::linear::{LinearPlan, Raised, Term, Turned};
use crate::ckks::{Ciphertext, Context, EncapsulationKeys};
use crate::error::Result;

/// A sparse matrix at the top level whose shifts are turns.
pub(super) struct FirstFactor {
    turned: Turned,
    result_scale: f64,
    level: usize,
}

impl FirstFactor {
    /// A matrix on vectors that repeat after its slots, whose shifts are turns: all turns that such vectors cannot tell apart share a
    /// diagonal, and are summed. Scales of operand and result as given.
    pub(super) fn new(
        context: &Context,
        matrix: &Diagonals,
        [scale, result_scale]: [f64; 2],
    ) -> Result<Self> {
        let (n, level) = (context.slots(), context.top_level());
        let turns = EncapsulationKeys::turns(n);
        let weight_scale = result_scale * context.chain().divisor(level) / scale;
        let mut terms = vec![];
        for shift in (0..matrix.slots()).step_by((n / turns).min(matrix.slots())) {
            let diagonal = matrix.diagonal(shift);
            if diagonal.is_empty() {
                continue;
            }
            let alike = |turn: &usize| turn * (n / turns) % matrix.slots() == shift;
            // Multiplied, then turned: to the plan that is a rotated operand, which stands on special primes.
            let term = Term {
                output: 0,
                giant: 0,
                input: 0,
                baby: 1,
                plain: 0,
            };
            let plan = LinearPlan::new(1, vec![term], true)?;
            let values = turned_back(diagonal, shift as i32);
            let weights = encoded(context, &plan, [level, 1], weight_scale, |_| values.clone())?;
            terms.push(((0..turns).filter(alike).collect(), weights));
        }
        Ok(Self {
            turned: Turned::new(context, [level, level - 1], terms),
            result_scale,
            level,
        })
    }

    /// Bytes of its plaintexts.
    pub(super) fn bytes(&self) -> usize {
        self.turned.bytes()
    }

    /// The matrix times the slots of each, which are read at the operand's scale.
    pub(super) fn apply(&self, context: &Context, keys: &EncapsulationKeys, x: &[Raised]) -> Vec<Ciphertext> {
        let parts = self.turned.apply(context, keys, x).into_iter();
        let result = |parts| Ciphertext::from_parts(parts, self.level - 1, self.result_scale);
        parts.map(result).collect()
    }
}
