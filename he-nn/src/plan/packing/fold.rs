//! What stands in each slot after tiles were rotated and added.
//!
//! A fold `y = x + rot_r(x) + ..` is followed symbolically: every partial sum gets a 64-bit name, folding adds names, and a
//! slot holds output row `k` exactly when its sum of names equals the sum of the names of all parts of `k`. Known zeros are the
//! name 0; unknown slots get names that belong to nobody, so they spoil every sum they enter. A false match needs a collision
//! of 64-bit sums. This tracks replication that appears by itself (`*/t`), results valid in one slot of a block (`1?/t`) and
//! carries between neighbouring blocks with one rule.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

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

/// Rows by their names.
pub type RowOf = HashMap<u64, u32, BuildHasherDefault<AsItIs>>;

/// Takes a name, which is mixed already, for its own hash.
#[derive(Default)]
pub struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes
            .iter()
            .for_each(|&byte| self.0 = self.0.rotate_left(8) ^ u64::from(byte));
    }

    fn write_u64(&mut self, name: u64) {
        self.0 = name;
    }
}

/// Adds the rotated names of one tile to another.
fn add_rotated(tile: &mut [u64], names: &[u64], rotation: i32) {
    let (end, start) = names.split_at(rotation.rem_euclid(names.len() as i32) as usize);
    let (first, last) = tile.split_at_mut(start.len());
    for (values, names) in [(first, start), (last, end)] {
        let pairs = values.iter_mut().zip(names);
        pairs.for_each(|(value, name)| *value = value.wrapping_add(*name));
    }
}

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
                tile.fill(0);
                stage
                    .iter()
                    .for_each(|&rotation| add_rotated(tile, &before, rotation));
            }
        }
    }

    /// Adds the rotated names of tile `input` of `other` to tile `output`.
    pub fn accumulate(&mut self, output: usize, other: &Names, input: usize, rotation: i32) {
        let tile = |number: usize| number * self.slots..(number + 1) * self.slots;
        let (to, from) = (tile(output), tile(input));
        add_rotated(&mut self.names[to], &other.names[from], rotation);
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
    pub fn layout(&self, row_of: &RowOf, rows: usize, period: usize) -> Layout {
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
    // Of each instance, sample by sample.
    let samples = slots / period;
    let mut sums = vec![0u64; owners.targets.len() * samples];
    for (place, &value) in names.names.iter().enumerate().filter(|(_, value)| **value != 0) {
        let (tile, slot) = (place / slots, place % slots);
        let instance = owners.instance[tile * period + slot % period];
        if instance != NONE {
            let sum = &mut sums[instance as usize * samples + slot / period];
            *sum = sum.wrapping_add(value);
        }
    }
    let row_of = sums
        .into_iter()
        .enumerate()
        .filter(|(_, sum)| *sum != 0)
        .map(|(at, sum)| {
            let (instance, sample) = (at / samples, at % samples);
            (sum, owners.targets[instance].row + (sample * rows) as u32)
        })
        .collect();
    names.fold(stages);
    names.layout(&row_of, rows, period)
}
