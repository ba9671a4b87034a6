//! Sums and products of two operands, whose elements must stand in the same slots.
//!
//! Where they do not, the operand on the shorter path has a level that it does not need: an identity map, ones accumulated in the slots
//! of the other operand, brings it over. It is priced like any affine map.

use std::sync::Arc;

use he_core::tile::layout::Layout;

use super::expand::Expansion;
use super::{Choice, Found, State};
use crate::plan::network::StepId;
use crate::plan::packing::candidate::Candidate;
use crate::plan::packing::sparse::SparseMap;

impl Expansion<'_> {
    /// The states that a slot-wise operation on two operands leads to; `products` on ciphertexts of the result.
    pub(super) fn meeting(
        &self,
        state: &State,
        operands: [StepId; 2],
        products: usize,
        found: &mut Found,
    ) -> Vec<State> {
        let [first, second] = operands.map(|operand| &state.layouts[operand]);
        let apart = if first.tiles() == second.tiles() {
            let (layout, is_held) = self.memo.common(first, second, self.elements());
            if is_held {
                return vec![self.slotwise(state, Choice::Pointwise, layout, products)];
            }
            "the operands stand in different slots"
        } else {
            "the operands stand in different numbers of tiles"
        };
        let can_move = |moved: &usize| self.depths[operands[*moved]] < self.spent();
        let mut movable: Vec<usize> = (0..2).filter(can_move).collect();
        let mut state = state.clone();
        if movable.is_empty() {
            self.reject(found, &format!("{apart}, and neither path has a level to spare"));
            state.lacking.push(self.id);
            movable = vec![0, 1];
        }
        self.in_parallel(&movable, found, |&moved, found| {
            self.brought(&state, operands, moved, products, found)
        })
    }

    /// The state behind an identity that brings one of two operands to the other's slots, and the operation there.
    fn brought(
        &self,
        state: &State,
        operands: [StepId; 2],
        moved: usize,
        products: usize,
        found: &mut Found,
    ) -> Option<State> {
        let (x, target) = (operands[moved], &state.layouts[operands[1 - moved]]);
        let elements = self.network.steps[self.id].elements;
        let identity = SparseMap::collect(elements, elements, |visit| {
            (0..elements as u32).for_each(|element| visit(element, element, 0));
        });
        let identity = self.memo.map(Arc::new(identity));
        found.tried += 1;
        match self.memo.onto(&self.read(state, x, &identity), target) {
            Ok(transform) => {
                let mut after = state.clone();
                let map = self
                    .earlier()
                    .carried_out(&mut after, &transform, &Candidate::default())?;
                let (layout, _) = self.memo.common(&transform.layout, target, self.elements());
                Some(self.slotwise(&after, Choice::Brought { moved, map }, layout, products))
            }
            Err(reason) => {
                self.reject(found, reason);
                None
            }
        }
    }

    /// The state behind an operation on single slots.
    pub(super) fn slotwise(
        &self,
        state: &State,
        choice: Choice,
        layout: Arc<Layout>,
        products: usize,
    ) -> State {
        let tiles = layout.tiles() * products;
        let cost = if tiles == 0 {
            0.0
        } else {
            self.shape.multiply(tiles, &self.settings.prices)
        };
        state.with(choice, layout, cost)
    }
}
