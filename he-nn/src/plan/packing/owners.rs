//! Which slots accumulate which row of an affine map.

use he_core::tile::layout::{Cell, Layout};

/// No instance.
pub const NONE: u32 = u32::MAX;

/// Where the partial sums of one instance (one copy of an output row) are accumulated: in the slots that agree with `base` in all but
/// the free bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// The output tile.
    pub tile: u32,
    /// The row.
    pub row: u32,
    /// The first slot.
    pub base: u32,
    /// Bits that tell its slots apart; `base` has none of them.
    pub free: u32,
}

impl Target {
    /// Its slots, ascending.
    pub fn slots(self) -> impl Iterator<Item = u32> {
        let Target { base, free, .. } = self;
        // The next number with no other bits than these: carries pass through the bits in between.
        let next = move |&bits: &u32| (bits != free).then(|| (bits | !free).wrapping_add(1) & free);
        std::iter::successors(Some(0), next).map(move |bits| base | bits)
    }
}

/// The targets of some instances, by number.
pub trait Targets {
    /// The target of an instance.
    fn of_instance(&self, instance: u32) -> Target;
}

impl Targets for Owners {
    fn of_instance(&self, instance: u32) -> Target {
        self.targets[instance as usize]
    }
}

/// The targets of all instances, and which instance each slot of each output tile accumulates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owners {
    /// Slots considered in a tile: all of them, or those of one sample of a batch.
    pub period: usize,
    /// Instance of `tile * period + slot`, or [`NONE`].
    pub instance: Vec<u32>,
    /// The target of each instance.
    pub targets: Vec<Target>,
    /// Instances after which the same slots follow, of the tiles behind.
    pub group: usize,
}

impl Owners {
    /// The targets of `count` instances on `tiles` tiles of `period` slots a sample; they repeat after `group`.
    pub fn new(targets: &impl Targets, count: usize, tiles: usize, period: usize, group: usize) -> Self {
        let targets: Vec<Target> = (0..count as u32).map(|i| targets.of_instance(i)).collect();
        let mut instance = vec![NONE; tiles * period];
        for (number, target) in targets.iter().enumerate() {
            for slot in target.slots() {
                instance[target.tile as usize * period + slot as usize] = number as u32;
            }
        }
        Owners {
            period,
            instance,
            targets,
            group,
        }
    }

    /// The slots of one sample in which a layout has one of `rows` elements, each an instance of its own.
    pub fn of_layout(layout: &Layout, period: usize, rows: usize) -> Self {
        let mut instance = vec![NONE; layout.tiles() * period];
        let mut targets = Vec::new();
        for (place, instance) in instance.iter_mut().enumerate() {
            let (tile, slot) = (place / period, place % period);
            if let Cell::Element(row) = layout.cell(tile, slot)
                && (row as usize) < rows
            {
                *instance = targets.len() as u32;
                targets.push(Target {
                    tile: tile as u32,
                    row,
                    base: slot as u32,
                    free: 0,
                });
            }
        }
        Owners {
            period,
            instance,
            group: targets.len(),
            targets,
        }
    }

    /// Number of output tiles.
    pub fn tiles(&self) -> usize {
        self.instance.len() / self.period
    }

    /// The target that accumulates in a slot of a tile.
    pub fn at(&self, tile: u32, slot: u32) -> Option<Target> {
        let instance = self.instance[tile as usize * self.period + slot as usize];
        self.targets.get(instance as usize).copied()
    }
}
