//! What stands in each slot after tiles were rotated and added.
//!
//! A fold `y = x + rot_r(x) + ..` is followed symbolically: every partial sum gets a 64-bit name, folding adds names, and a
//! slot holds output row `k` exactly when its sum of names equals the sum of the names of all parts of `k`. Known zeros are the
//! name 0; unknown slots get names that belong to nobody, so they spoil every sum they enter. A false match needs a collision
//! of 64-bit sums. This tracks replication that appears by itself (`*/t`), results valid in one slot of a block (`1?/t`) and
//! carries between neighbouring blocks with one rule.

use std::collections::HashMap;

use he_core::tile::layout::{Cell, Layout};

use super::owners::{NONE, Owners};

/// The name of a part: a fixed mixing of its coordinates (splitmix64's finaliser, Steele et al., OOPSLA 2014).
pub(super) fn name(kind: u64, index: u64) -> u64 {
    let mut z = (index ^ kind << 56)
        .wrapping_mul(0x9e37_79b9_7f4a_7c15)
        .wrapping_add(0x6a09_e667_f3bc_c909);
    z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ z >> 31
}

const ELEMENT: u64 = 1;
const PARTIAL: u64 = 2;
const UNKNOWN: u64 = 3;
pub(super) const WEIGHT: u64 = 4;

/// Names standing in the slots of a list of tiles.
#[derive(Clone, Debug)]
pub struct Names {
    slots: usize,
    names: Vec<u64>,
}

impl Names {
    /// One name an element, the same for all its copies.
    pub fn of_layout(layout: &Layout) -> Self {
        let slots = layout.slots();
        let names = (0..layout.tiles() * slots)
            .map(|place| match layout.cell(place / slots, place % slots) {
                Cell::Element(element) => name(ELEMENT, u64::from(element)),
                Cell::Zero => 0,
                Cell::Unknown => name(UNKNOWN, place as u64),
            })
            .collect();
        Names { slots, names }
    }

    /// `rot`-and-add over the stages, tile by tile.
    pub fn fold(&mut self, stages: &[Vec<i32>]) {
        let slots = self.slots;
        for tile in self.names.chunks_mut(slots) {
            for stage in stages {
                let before = tile.to_vec();
                for (slot, value) in tile.iter_mut().enumerate() {
                    *value = stage.iter().fold(0u64, |sum, &r| {
                        sum.wrapping_add(
                            before[(slot as i64 + i64::from(r)).rem_euclid(slots as i64) as usize],
                        )
                    });
                }
            }
        }
    }

    /// Adds the rotated names of tile `input` of `other` to tile `output`.
    pub fn accumulate(&mut self, output: usize, other: &Names, input: usize, rotation: i32) {
        let slots = self.slots as i64;
        for slot in 0..self.slots {
            let from = (slot as i64 + i64::from(rotation)).rem_euclid(slots) as usize;
            let value = &mut self.names[output * self.slots + slot];
            *value = value.wrapping_add(other.names[input * self.slots + from]);
        }
    }

    /// Tiles of zeros.
    pub fn zero(slots: usize, tiles: usize) -> Self {
        Names {
            slots,
            names: vec![0; slots * tiles],
        }
    }

    /// Reads the names back: a slot whose name is that of a row holds it. Samples of a batch, `rows` elements each, stand in
    /// consecutive periods; what folds carry into another sample's period counts for nothing, because plaintexts are the same in
    /// every period.
    pub fn layout(&self, row_of: &HashMap<u64, u32>, rows: usize, period: usize) -> Layout {
        Layout::from_fn(
            self.names.len() / self.slots,
            self.slots,
            |tile, slot| match self.names[tile * self.slots + slot] {
                0 => Cell::Zero,
                name => match row_of.get(&name) {
                    Some(&row) if row as usize / rows == slot / period => Cell::Element(row),
                    _ => Cell::Unknown,
                },
            },
        )
    }
}

/// The sum of the names of a set of elements: what a pooled output is called.
pub fn sum_of_elements(elements: impl Iterator<Item = u32>) -> u64 {
    elements.fold(0, |sum, element| {
        sum.wrapping_add(name(ELEMENT, u64::from(element)))
    })
}

/// The layout after a linear transform and the folds that follow it. `gathers` tells which slots of the owners' tiles gather a product.
/// Samples of a batch, `rows` elements each, stand in consecutive periods.
pub fn folded_layout(
    slots: usize,
    rows: usize,
    owners: &Owners,
    gathers: &[bool],
    stages: &[Vec<i32>],
) -> Layout {
    let (period, tiles) = (owners.period, owners.tiles());
    let mut names = Names::zero(slots, tiles);
    let mut empty = vec![true; owners.targets.len()];
    for (&instance, _) in owners
        .instance
        .iter()
        .zip(gathers)
        .filter(|(_, gathers)| **gathers)
    {
        if let Some(empty) = empty.get_mut(instance as usize) {
            *empty = false;
        }
    }
    for (place, &instance) in owners.instance.iter().enumerate() {
        // A row without any nonzero stands in its slots as a sum of nothing: it still has a bias.
        if gathers[place] || instance != NONE && empty[instance as usize] {
            for start in (0..slots).step_by(period) {
                let place = place / period * slots + start + place % period;
                names.names[place] = name(PARTIAL, place as u64);
            }
        }
    }
    let mut sums: HashMap<(u32, usize), u64> = HashMap::new();
    for (place, &value) in names.names.iter().enumerate().filter(|(_, value)| **value != 0) {
        let (tile, slot) = (place / slots, place % slots);
        let instance = owners.instance[tile * period + slot % period];
        if instance != NONE {
            let sum = sums.entry((instance, slot / period)).or_insert(0);
            *sum = sum.wrapping_add(value);
        }
    }
    let row_of = sums
        .into_iter()
        .map(|((instance, sample), sum)| {
            (
                sum,
                owners.targets[instance as usize].row + (sample * rows) as u32,
            )
        })
        .collect();
    names.fold(stages);
    names.layout(&row_of, rows, period)
}
