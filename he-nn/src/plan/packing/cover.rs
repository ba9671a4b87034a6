//! Which rotation of which input tile serves each nonzero of an affine map.
//!
//! Slot `s` of output tile `o` accumulates a partial sum of one *instance* of an output row (an instance is one copy of the
//! row). A product `P[s] * rot_r(x_i)[s]` reads the input element in slot `s + r` of tile `i`. Each nonzero of each instance
//! must be served exactly once by some slot of the instance and some copy of its input element; the slots of an instance are
//! added up afterwards by folds (see [`super::fold`]). Among the possibilities the one with the smallest rotation, counted from
//! `-bias`, is taken: rotations then come from few small windows, which is what makes the diagonal method, the interleaved
//! convolution and plain tile contraction fall out of the same rule.

use std::collections::HashMap;

use he_core::tile::layout::{Cell, Layout};

use super::sparse::SparseMap;

/// No row.
pub const NONE: u32 = u32::MAX;

/// Which instance each slot of each output tile accumulates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owners {
    /// Slots considered in a tile: all of them, or those of one sample of a batch.
    pub period: usize,
    /// Instance of `tile * period + slot`, or [`NONE`].
    pub instance: Vec<u32>,
    /// Output row of each instance.
    pub row: Vec<u32>,
}

impl Owners {
    /// The slots of one sample in which a layout has one of `rows` elements, each an instance of its own.
    pub fn of_layout(layout: &Layout, period: usize, rows: usize) -> Self {
        let mut owners = Owners {
            period,
            instance: Vec::with_capacity(layout.tiles() * period),
            row: Vec::new(),
        };
        for place in 0..layout.tiles() * period {
            owners
                .instance
                .push(match layout.cell(place / period, place % period) {
                    Cell::Element(element) if (element as usize) < rows => {
                        owners.row.push(element);
                        owners.row.len() as u32 - 1
                    }
                    _ => NONE,
                });
        }
        owners
    }

    /// Number of output tiles.
    pub fn tiles(&self) -> usize {
        self.instance.len() / self.period
    }
}

/// Which rotations are preferred.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Window {
    /// How far back a rotation may reach and still count as near.
    pub bias: i32,
    /// A power of two: rotations that move by little besides a multiple of it come first.
    pub grain: i32,
}

impl Window {
    /// The smallest rotations upwards.
    pub const UPWARDS: Window = Window { bias: 0, grain: 1 };
}

/// The rotations whose products make up one output tile from one input tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Diagonal {
    /// Output tile.
    pub output: u32,
    /// Input tile.
    pub input: u32,
    /// Rotation, in `-slots/2..slots/2`.
    pub rotation: i32,
}

/// A nonzero slot of a diagonal's plaintext: (slot in the period, tap).
pub type Nonzero = (u32, u32);

/// Slots of every element, for one layout and period.
#[derive(Clone, Debug)]
pub struct Places {
    slots: usize,
    period: usize,
    start: Vec<u32>,
    at: Vec<(u32, u32)>,
}

impl Places {
    /// Lists the copies of each of `elements` elements within one period.
    pub fn of(layout: &Layout, period: usize, elements: usize) -> Self {
        let mut start = vec![0u32; elements + 1];
        let each = |visit: &mut dyn FnMut(u32, u32, u32)| {
            for tile in 0..layout.tiles() {
                for slot in 0..period {
                    if let Cell::Element(element) = layout.cell(tile, slot)
                        && (element as usize) < elements
                    {
                        visit(element, tile as u32, slot as u32);
                    }
                }
            }
        };
        each(&mut |element, _, _| start[element as usize + 1] += 1);
        for element in 0..elements {
            start[element + 1] += start[element];
        }
        let mut next = start.clone();
        let mut at = vec![(0, 0); start[elements] as usize];
        each(&mut |element, tile, slot| {
            let place = &mut next[element as usize];
            at[*place as usize] = (tile, slot);
            *place += 1;
        });
        Places {
            slots: layout.slots(),
            period,
            start,
            at,
        }
    }

    /// The (tile, slot) copies of an element.
    pub fn of_element(&self, element: u32) -> &[(u32, u32)] {
        &self.at[self.start[element as usize] as usize..self.start[element as usize + 1] as usize]
    }

    /// The rotation that brings slot `from` to slot `to`: any rotation when the period is the whole tile, otherwise the plain
    /// difference, which never leaves the sample.
    fn rotation(&self, from: u32, to: u32) -> i32 {
        let difference = from as i32 - to as i32;
        if self.period < self.slots {
            return difference;
        }
        let (slots, half) = (self.slots as i32, self.slots as i32 / 2);
        ((difference + half) & (slots - 1)) - half
    }

    /// Order of preference of a rotation: by what it is modulo the grain, counted from `-bias`, then by distance upwards, wrapping
    /// round the tile where rotations do.
    fn rank(&self, rotation: i32, window: Window) -> u32 {
        let shifted = rotation + window.bias;
        let (slots, grain) = (self.slots as i32, window.grain);
        let distance = if self.period == self.slots || shifted >= 0 {
            shifted & (slots - 1)
        } else {
            slots - shifted
        };
        if grain == 1 {
            return distance as u32;
        }
        // Distances stay below twice the slots, quotients below that over the grain; all are powers of two.
        let log = grain.trailing_zeros();
        (((distance & (grain - 1)) << (slots.trailing_zeros() + 1 - log)) + (distance >> log)) as u32
    }

    /// The target (of an ascending list) that slot `from` reaches with the best rotation, and its rank.
    fn nearest(&self, from: u32, targets: &[u32], window: Window) -> Option<(u32, u32)> {
        let ranked = |to: u32| (self.rank(self.rotation(from, to), window), to);
        if let [only] = targets {
            return Some(ranked(*only));
        }
        if window.grain > 1 {
            return targets.iter().map(|&to| ranked(to)).min();
        }
        // The last target at or below `from + bias` is at the smallest distance. Below it all, rotations that wrap reach the last
        // target first, others the first.
        let reach = from as i32 + window.bias;
        let wraps = self.period == self.slots;
        let reach = if wraps {
            reach & (self.slots as i32 - 1)
        } else {
            reach
        };
        let below = targets.partition_point(|&to| to as i32 <= reach);
        let pick = match below {
            0 if wraps => targets.last(),
            0 => targets.first(),
            _ => targets.get(below - 1),
        };
        pick.map(|&to| ranked(to))
    }
}

/// An element that stands in no valid slot of the input layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Uncovered(pub u32);

/// Where partial sums of an instance are accumulated.
pub trait Targets {
    /// Lists the slots of an instance, ascending, all in one output tile; returns that tile and the instance's row.
    fn of_instance(&self, instance: u32, slots: &mut Vec<u32>) -> (u32, u32);
}

/// Serves the nonzeros of the given instances, reporting (diagonal, slot, tap) for each.
pub fn cover(
    map: &SparseMap,
    places: &Places,
    targets: &impl Targets,
    window: Window,
    instances: impl Iterator<Item = u32>,
    mut serve: impl FnMut(Diagonal, u32, u32),
) -> Result<(), Uncovered> {
    let mut slots = Vec::new();
    for instance in instances {
        let (output, row) = targets.of_instance(instance, &mut slots);
        for entry in map.row(row as usize) {
            let mut best: Option<(u32, u32, u32, u32)> = None;
            for &(input, from) in places.of_element(entry.input) {
                if let Some((rank, to)) = places.nearest(from, &slots, window) {
                    let key = (rank, input, to, from);
                    best = Some(best.map_or(key, |best| best.min(key)));
                }
            }
            let (_, input, slot, from) = best.ok_or(Uncovered(entry.input))?;
            let rotation = places.rotation(from, slot);
            serve(
                Diagonal {
                    output,
                    input,
                    rotation,
                },
                slot,
                entry.tap,
            );
        }
    }
    Ok(())
}

/// The slots of every instance, listed.
struct InstanceSlots<'a> {
    row: &'a [u32],
    start: Vec<u32>,
    tile: Vec<u32>,
    at: Vec<u32>,
}

impl<'a> InstanceSlots<'a> {
    fn of(owners: &'a Owners) -> Self {
        let mut start = vec![0u32; owners.row.len() + 1];
        for &instance in owners.instance.iter().filter(|&&instance| instance != NONE) {
            start[instance as usize + 1] += 1;
        }
        for instance in 0..owners.row.len() {
            start[instance + 1] += start[instance];
        }
        let mut next = start.clone();
        let mut at = vec![0; start[owners.row.len()] as usize];
        let mut tile = vec![0; owners.row.len()];
        for (place, &instance) in owners.instance.iter().enumerate().filter(|(_, i)| **i != NONE) {
            let free = &mut next[instance as usize];
            at[*free as usize] = (place % owners.period) as u32;
            tile[instance as usize] = (place / owners.period) as u32;
            *free += 1;
        }
        InstanceSlots {
            row: &owners.row,
            start,
            tile,
            at,
        }
    }
}

impl Targets for InstanceSlots<'_> {
    fn of_instance(&self, instance: u32, slots: &mut Vec<u32>) -> (u32, u32) {
        let instance = instance as usize;
        let range = self.start[instance] as usize..self.start[instance + 1] as usize;
        slots.clear();
        slots.extend_from_slice(&self.at[range]);
        (self.tile[instance], self.row[instance])
    }
}

/// Every nonzero of a map by diagonal, in a deterministic order.
pub fn diagonals(
    map: &SparseMap,
    places: &Places,
    owners: &Owners,
    window: Window,
) -> Result<Vec<(Diagonal, Vec<Nonzero>)>, Uncovered> {
    let mut index: HashMap<Diagonal, usize> = HashMap::new();
    let mut found: Vec<(Diagonal, Vec<Nonzero>)> = Vec::new();
    // Neighbouring nonzeros tend to share a diagonal with those of the row before.
    let mut last = (
        Diagonal {
            output: NONE,
            input: NONE,
            rotation: 0,
        },
        0,
    );
    cover(
        map,
        places,
        &InstanceSlots::of(owners),
        window,
        0..owners.row.len() as u32,
        |diagonal, slot, tap| {
            if last.0 != diagonal {
                let next = found.len();
                last = (diagonal, *index.entry(diagonal).or_insert(next));
                if last.1 == next {
                    found.push((diagonal, Vec::new()));
                }
            }
            found[last.1].1.push((slot, tap));
        },
    )?;
    found.sort_unstable_by_key(|(diagonal, _)| *diagonal);
    Ok(found)
}
