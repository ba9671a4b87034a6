//! What flipping one bit of a slot number means in a layout.
//!
//! Rotations by powers of two and their sums act on slot numbers bit by bit (with carries), so every packing decision starts
//! from this classification.

use he_core::tile::layout::{Cell, Layout};

/// The slot bits of a layout, least significant first, by what they carry. Bits at or above the period (the batch) are in none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SlotBits {
    /// Both halves hold elements, and different ones.
    pub data: Vec<u32>,
    /// Flipping the bit changes nothing: copies.
    pub copies: Vec<u32>,
    /// Slots with the bit set hold no element.
    pub gaps: Vec<u32>,
}

impl SlotBits {
    /// Classifies the low `log2(period)` bits of `layout`.
    pub fn of(layout: &Layout, period: usize) -> Self {
        let mut bits = SlotBits::default();
        for bit in 0..period.trailing_zeros() {
            let (mut same, mut empty) = (true, true);
            for tile in 0..layout.tiles() {
                for slot in (0..period).filter(|slot| slot >> bit & 1 == 1) {
                    let cell = layout.cell(tile, slot);
                    empty &= !matches!(cell, Cell::Element(_));
                    same &= cell == layout.cell(tile, slot ^ 1 << bit) && cell != Cell::Unknown;
                }
                if !same && !empty {
                    break;
                }
            }
            // An empty upper half of an empty lower half is a gap as well.
            if empty {
                bits.gaps.push(bit);
            } else if same {
                bits.copies.push(bit);
            } else {
                bits.data.push(bit);
            }
        }
        bits
    }
}

/// The number whose bits at the given positions spell `value`, least significant position first.
pub fn spread(value: usize, positions: &[u32]) -> usize {
    positions
        .iter()
        .enumerate()
        .map(|(i, &bit)| (value >> i & 1) << bit)
        .sum()
}

/// The number with exactly these bits set.
pub fn mask(positions: &[u32]) -> usize {
    positions.iter().map(|&bit| 1usize << bit).sum()
}
