//! Sums and products of two operands, whose elements must stand in the same slots.
//!
//! Where they do not, the operand on the shorter path has a level that it does not need: an identity map, ones accumulated in the slots
//! of the other operand, brings it over. It is priced like any affine map.

use std::sync::Arc;

use he_core::tile::layout::{Cell, Layout};

use super::expand::Expansion;
use super::transform::Transform;
use super::{Choice, Found, LinearChoice, State};
use crate::plan::network::StepId;
use crate::plan::packing::candidate::Candidate;
use crate::plan::packing::owners::Owners;
use crate::plan::packing::place::{Places, Window};
use crate::plan::packing::sparse::SparseMap;

/// Where both layouts have the same.
fn common(first: &Layout, second: &Layout) -> Layout {
    Layout::from_fn(first.tiles(), first.slots(), |tile, slot| {
        let (a, b) = (first.cell(tile, slot), second.cell(tile, slot));
        if a == b { a } else { Cell::Unknown }
    })
}

impl Expansion<'_> {
    /// The states that a slot-wise operation on two operands leads to; `products` on ciphertexts of the result.
    pub(super) fn meeting(
        &self,
        state: &State,
        operands: [StepId; 2],
        products: usize,
        found: &mut Found,
    ) -> Vec<State> {
        let [first, second] = operands.map(|operand| &*state.layouts[operand]);
        let apart = if first.tiles() == second.tiles() {
            let layout = common(first, second);
            if self.is_held(&layout) {
                return vec![self.slotwise(state, Choice::Pointwise, Arc::new(layout), products)];
            }
            "the operands stand in different slots"
        } else {
            "the operands stand in different numbers of tiles"
        };
        let can_move = |moved: &usize| self.depths[operands[*moved]] < self.spent();
        let movable: Vec<usize> = (0..2).filter(can_move).collect();
        let brought = self.in_parallel(&movable, found, |&moved, found| {
            let (map, layout) = self.brought(state, operands, moved, found)?;
            let mut after = state.clone();
            self.earlier().charge(&mut after, &map);
            let choice = Choice::Brought { moved, map };
            Some(self.slotwise(&after, choice, Arc::new(layout), products))
        });
        if movable.is_empty() {
            self.reject(found, &format!("{apart}, and neither path has a level to spare"));
        }
        brought
    }

    /// The identity that brings one of two operands to the other's slots, and the layout in which they meet.
    fn brought(
        &self,
        state: &State,
        operands: [StepId; 2],
        moved: usize,
        found: &mut Found,
    ) -> Option<(LinearChoice, Layout)> {
        let (x, target) = (operands[moved], &state.layouts[operands[1 - moved]]);
        let elements = self.network.steps[self.id].elements;
        let identity = SparseMap::collect(elements, elements, |visit| {
            (0..elements as u32).for_each(|element| visit(element, element, 0));
        });
        let transform = Transform {
            expansion: &self.earlier(),
            state,
            x,
            map: &Arc::new(identity),
            places: &Arc::new(Places::of(&state.layouts[x], state.period, elements)),
            window: Window::UPWARDS,
        };
        let owners = Owners::of_layout(target, state.period, elements);
        found.tried += 1;
        match transform.onto(owners, Candidate::default()) {
            Ok((map, layout)) => Some((map, common(&layout, target))),
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
