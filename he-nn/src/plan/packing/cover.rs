//! Which rotation of which input tile serves each nonzero of an affine map.
//!
//! Slot `s` of output tile `o` accumulates a partial sum of one *instance* of an output row (an instance is one copy of the
//! row). A product `P[s] * rot_r(x_i)[s]` reads the input element in slot `s + r` of tile `i`. Each nonzero of each instance
//! must be served exactly once by some slot of the instance and some copy of its input element; the slots of an instance are
//! added up afterwards by folds (see [`super::fold`]). Among the possibilities the one with the smallest rotation, counted from
//! `-bias`, is taken: rotations then come from few small windows, which is what makes the diagonal method, the interleaved
//! convolution and plain tile contraction fall out of the same rule.
//!
//! Nothing is listed: a large layer has more nonzeros than a machine has memory. The rule is followed for all of them to find the
//! diagonals, and again for the slots of one diagonal when its plaintext is made.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::ops::Range;
use std::sync::Arc;

use super::amounts::Amounts;
use super::fold::{WEIGHT, name};
use super::owners::{Owners, Targets};
use super::place::{Places, Window};
use super::sparse::SparseMap;

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

/// An element that stands in no valid slot of the input layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Uncovered(pub u32);

/// A set of diagonals.
struct DiagonalSet {
    slots: usize,
    /// Where the rotations of each pair of tiles are.
    index: HashMap<(u32, u32), usize, BuildHasherDefault<Mixer>>,
    rotations: Vec<Amounts>,
    /// The pair added to last: neighbouring nonzeros tend to share it.
    last: Option<((u32, u32), usize)>,
}

impl DiagonalSet {
    fn new(slots: usize) -> Self {
        DiagonalSet {
            slots,
            index: HashMap::default(),
            rotations: vec![],
            last: None,
        }
    }

    fn insert(&mut self, diagonal: Diagonal) {
        let pair = (diagonal.output, diagonal.input);
        let at = match self.last {
            Some((last, at)) if last == pair => at,
            _ => {
                let next = self.rotations.len();
                let at = *self.index.entry(pair).or_insert(next);
                if at == next {
                    self.rotations.push(Amounts::none(self.slots));
                }
                self.last = Some((pair, at));
                at
            }
        };
        self.rotations[at].insert((diagonal.rotation + self.slots as i32 / 2) as usize);
    }

    fn sorted(self) -> Vec<Diagonal> {
        let mut pairs: Vec<((u32, u32), usize)> = self.index.into_iter().collect();
        pairs.sort_unstable();
        let mut list = Vec::new();
        for ((output, input), at) in pairs {
            let rotations = self.rotations[at].iter();
            list.extend(rotations.map(|rotation| Diagonal {
                output,
                input,
                rotation: rotation as i32 - self.slots as i32 / 2,
            }));
        }
        list
    }
}

/// Serves the nonzeros of some instances, reporting (diagonal, slot, tap) for each.
fn serve(
    (map, places, window): (&SparseMap, &Places, Window),
    targets: &impl Targets,
    instances: impl Iterator<Item = u32>,
    mut visit: impl FnMut(Diagonal, u32, u32),
) -> Result<(), Uncovered> {
    for instance in instances {
        let target = targets.of_instance(instance);
        for entry in map.row(target.row as usize) {
            let best = places.best(entry.input, target, window);
            let best = best.ok_or(Uncovered(entry.input))?;
            let diagonal = Diagonal {
                output: target.tile,
                input: best.input,
                rotation: places.rotation(best.from, best.to),
            };
            visit(diagonal, best.to, entry.tap);
        }
    }
    Ok(())
}

/// The diagonals that serve some instances, ascending.
pub fn sampled(
    map: &SparseMap,
    places: &Places,
    window: Window,
    targets: &impl Targets,
    instances: impl Iterator<Item = u32>,
) -> Result<Vec<Diagonal>, Uncovered> {
    let mut found = DiagonalSet::new(places.slots());
    serve((map, places, window), targets, instances, |diagonal, _, _| {
        found.insert(diagonal);
    })?;
    Ok(found.sorted())
}

/// An affine map between an input's places and the owners of its results.
#[derive(Clone, Debug, PartialEq)]
pub struct Cover {
    /// The nonzeros.
    pub map: Arc<SparseMap>,
    /// Where the inputs stand.
    pub places: Arc<Places>,
    /// Preferred rotations.
    pub window: Window,
    /// Where rows are accumulated.
    pub owners: Owners,
}

/// The diagonals of a map.
pub struct Diagonals {
    /// All that have a nonzero, ascending.
    pub list: Vec<Diagonal>,
    /// Whether each slot of each output tile gathers a product: that of `tile * period + slot`.
    pub gathers: Vec<bool>,
}

impl Cover {
    fn serve(&self, instances: Range<usize>, visit: impl FnMut(Diagonal, u32, u32)) -> Result<(), Uncovered> {
        let instances = instances.start as u32..instances.end as u32;
        serve(
            (&self.map, &self.places, self.window),
            &self.owners,
            instances,
            visit,
        )
    }

    /// Instances that differ from those before only in the tile and the taps come in groups: the length of one, how many there are,
    /// and their tiles.
    fn groups(&self) -> (usize, usize, usize) {
        let Owners { targets, group, .. } = &self.owners;
        let row = |instance: usize| targets.get(instance).map(|target| target.row as usize);
        match (row(0), row(*group)) {
            (Some(first), Some(next)) if self.map.repeats_after(next - first) => {
                let tiles = (targets[*group].tile - targets[0].tile) as usize;
                (*group, targets.len() / group, tiles)
            }
            _ => (targets.len(), 1, self.owners.tiles()),
        }
    }

    /// Follows the rule for every nonzero.
    pub fn diagonals(&self) -> Result<Diagonals, Uncovered> {
        let (length, groups, tiles) = self.groups();
        let period = self.owners.period;
        let mut found = DiagonalSet::new(self.places.slots());
        let mut gathers = vec![false; self.owners.instance.len()];
        let mut visit = |diagonal: Diagonal, slot: u32, _| {
            found.insert(diagonal);
            gathers[diagonal.output as usize * period + slot as usize] = true;
        };
        self.serve(0..length, &mut visit)?;
        self.serve(length * groups..self.owners.targets.len(), &mut visit)?;
        let is_first = |diagonal: &&Diagonal| (diagonal.output as usize) < tiles;
        let found = found.sorted();
        let first: Vec<Diagonal> = found.iter().take_while(is_first).copied().collect();
        let mut list = first.clone();
        for group in 1..groups {
            list.extend(first.iter().map(|diagonal| Diagonal {
                output: diagonal.output + (group * tiles) as u32,
                ..*diagonal
            }));
            gathers.copy_within(..tiles * period, group * tiles * period);
        }
        list.extend(&found[first.len()..]);
        Ok(Diagonals { list, gathers })
    }

    /// The nonzeros that a diagonal serves, by slot.
    pub fn nonzeros(&self, diagonal: Diagonal) -> Vec<Nonzero> {
        let Diagonal {
            output,
            input,
            rotation,
        } = diagonal;
        let (mut found, mut near) = (Vec::new(), 0);
        for slot in 0..self.owners.period as u32 {
            let Some(target) = self.owners.at(output, slot) else {
                continue;
            };
            let Some((from, element)) = self.places.behind(input, rotation, slot) else {
                continue;
            };
            let mut taps = self.map.taps(target.row as usize, element, &mut near).peekable();
            if taps.peek().is_none() {
                continue;
            }
            let best = self.places.best(element, target, self.window);
            if best.is_some_and(|best| (best.input, best.to, best.from) == (input, slot, from)) {
                found.extend(taps.map(|tap| (slot, tap)));
            }
        }
        found
    }

    /// The shortest period, a power of two, of every diagonal's nonzeros.
    pub fn periods(&self) -> Result<HashMap<Diagonal, usize>, Uncovered> {
        let (length, groups, tiles) = self.groups();
        let mut found: HashMap<Diagonal, Halves, BuildHasherDefault<Mixer>> = HashMap::default();
        let log = self.owners.period.ilog2();
        let mut visit = |diagonal: Diagonal, slot: u32, tap: u32| {
            found.entry(diagonal).or_default().add(slot, tap, log);
        };
        self.serve(0..length, &mut visit)?;
        self.serve(length * groups..self.owners.targets.len(), &mut visit)?;
        let mut periods = HashMap::new();
        for (first, halves) in found {
            let period = halves.period(log);
            let last = if (first.output as usize) < tiles {
                groups
            } else {
                1
            };
            periods.extend((0..last).map(|group| {
                let output = first.output + (group * tiles) as u32;
                (Diagonal { output, ..first }, period)
            }));
        }
        Ok(periods)
    }
}

/// Hashes the small numbers that make up a diagonal.
#[derive(Default)]
struct Mixer(u64);

impl Hasher for Mixer {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|&byte| self.write_u32(u32::from(byte)));
    }

    fn write_u32(&mut self, number: u32) {
        let product = u128::from(self.0 ^ u64::from(number) ^ 1 << 40) * 0x9e37_79b9_7f4a_7c15;
        self.0 = product as u64 ^ (product >> 64) as u64;
    }

    fn write_i32(&mut self, number: i32) {
        self.write_u32(number as u32);
    }
}

/// For each power of two, the names of the nonzeros in the lower half of so many slots minus those in the upper half: zero where the
/// halves agree, for what is left of them.
#[derive(Default)]
struct Halves([u64; Halves::MOST]);

impl Halves {
    const MOST: usize = 20;

    fn add(&mut self, slot: u32, tap: u32, log: u32) {
        let least = (u32::BITS - slot.leading_zeros()).max(1);
        for bits in least..=log {
            let half = 1 << (bits - 1);
            let name = name(WEIGHT, u64::from(slot & (half - 1)) << 32 | u64::from(tap));
            let sum = &mut self.0[bits as usize];
            *sum = if slot < half {
                sum.wrapping_add(name)
            } else {
                sum.wrapping_sub(name)
            };
        }
    }

    fn period(&self, log: u32) -> usize {
        let differ = (1..=log).rev().find(|&bits| self.0[bits as usize] != 0);
        1 << differ.unwrap_or(0)
    }
}

#[cfg(test)]
mod tests;
