//! Where the elements of an input stand, and which rotation is the best to bring one to where it is needed.

use std::sync::Arc;

use he_core::tile::layout::{Cell, Layout};

use super::owners::Target;

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

/// A way to serve one nonzero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Service {
    /// The input tile.
    pub input: u32,
    /// The slot that accumulates it.
    pub to: u32,
    /// The slot that holds the element.
    pub from: u32,
}

/// Slots of every element, for one layout and period.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Places {
    layout: Arc<Layout>,
    period: usize,
    start: Vec<u32>,
    at: Vec<(u32, u32)>,
}

impl Places {
    /// Lists the copies of each of `elements` elements within one period.
    pub fn of(layout: &Arc<Layout>, period: usize, elements: usize) -> Self {
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
            layout: layout.clone(),
            period,
            start,
            at,
        }
    }

    /// The (tile, slot) copies of an element.
    pub fn of_element(&self, element: u32) -> &[(u32, u32)] {
        &self.at[self.start[element as usize] as usize..self.start[element as usize + 1] as usize]
    }

    /// Slots of a tile.
    pub fn slots(&self) -> usize {
        self.layout.slots()
    }

    /// Whether rotations carry the end of a tile to its start: where the period is the whole tile. Otherwise they never leave the
    /// sample.
    fn wraps(&self) -> bool {
        self.period == self.layout.slots()
    }

    /// The rotation that brings slot `from` to slot `to`: any, or the plain difference.
    pub fn rotation(&self, from: u32, to: u32) -> i32 {
        let difference = from as i32 - to as i32;
        if !self.wraps() {
            return difference;
        }
        let slots = self.slots() as i32;
        let half = slots / 2;
        ((difference + half) & (slots - 1)) - half
    }

    /// The slot and the element that a rotation of a tile brings to slot `to`.
    pub fn behind(&self, input: u32, rotation: i32, to: u32) -> Option<(u32, u32)> {
        let from = to as i32 + rotation;
        let from = if self.wraps() {
            from & (self.slots() as i32 - 1)
        } else if (0..self.period as i32).contains(&from) {
            from
        } else {
            return None;
        };
        match self.layout.cell(input as usize, from as usize) {
            Cell::Element(element) if (element as usize) < self.start.len() - 1 => {
                Some((from as u32, element))
            }
            _ => None,
        }
    }

    /// Order of preference of a rotation: by what it is modulo the grain, counted from `-bias`, then by distance upwards, wrapping
    /// round the tile where rotations do.
    fn rank(&self, rotation: i32, window: Window) -> u32 {
        let shifted = rotation + window.bias;
        let (slots, grain) = (self.slots() as i32, window.grain);
        let distance = if self.wraps() || shifted >= 0 {
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

    /// The slot of a target that slot `from` reaches with the best rotation.
    fn nearest(&self, from: u32, target: Target, window: Window) -> u32 {
        let Target { base, free, .. } = target;
        if free == 0 {
            return base;
        }
        let reach = from as i32 + window.bias;
        if !self.wraps() {
            if window.grain > 1 {
                let slots = target.slots();
                let ranked = slots.map(|to| (self.rank(self.rotation(from, to), window), to));
                return ranked.min().map_or(base, |(_, to)| to);
            }
            // Below them all, the first is the nearest.
            return highest_below(reach as u32, base, free).unwrap_or(base);
        }
        // The highest slot at or below `from + bias` is at the smallest distance; below it all, rotations that wrap reach the last
        // one first. With a grain that goes for the remainders, and then for the quotients.
        let reach = (reach & (self.slots() as i32 - 1)) as u32;
        let nearest =
            |reach: u32, base: u32, free: u32| highest_below(reach, base, free).unwrap_or(base | free);
        let (log, low) = (window.grain.trailing_zeros(), window.grain as u32 - 1);
        let remainder = nearest(reach & low, base & low, free & low);
        let borrow = u32::from(remainder > reach & low);
        let quotients = self.slots() as u32 >> log;
        let quotient = (reach >> log).wrapping_sub(borrow) & (quotients - 1);
        nearest(quotient, base >> log, free >> log) << log | remainder
    }

    /// The best way to bring an element to a target; of several the one from the first tile.
    pub fn best(&self, element: u32, target: Target, window: Window) -> Option<Service> {
        let mut best: Option<(u32, Service)> = None;
        for &(input, from) in self.of_element(element) {
            let to = self.nearest(from, target, window);
            let rank = self.rank(self.rotation(from, to), window);
            // In one tile no two ranks agree.
            if best.is_none_or(|(least, _)| rank < least) {
                best = Some((rank, Service { input, to, from }));
            }
        }
        best.map(|(_, service)| service)
    }
}

/// The highest number at or below `reach` that agrees with `base` outside of the free bits.
fn highest_below(reach: u32, base: u32, free: u32) -> Option<u32> {
    let differ = (reach ^ base) & !free;
    if differ == 0 {
        return Some(reach);
    }
    // The highest fixed bit that differs: if it is `reach` that has it, all free bits below may be set; if not, a free bit above
    // must go for that.
    let top = differ.ilog2();
    let bit = if reach >> top & 1 == 1 {
        top
    } else {
        let given = reach & free & (!0 << top);
        if given == 0 {
            return None;
        }
        given.trailing_zeros()
    };
    let (below, above) = ((1 << bit) - 1, !1 << bit);
    Some(base | reach & free & above | free & below)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_below_is_found_without_a_search() {
        for free in 0..32u32 {
            for base in (0..32u32).filter(|base| base & free == 0) {
                let target = Target {
                    tile: 0,
                    row: 0,
                    base,
                    free,
                };
                let slots: Vec<u32> = target.slots().collect();
                assert_eq!(slots.len(), 1 << free.count_ones());
                assert!(slots.is_sorted());
                for reach in 0..40 {
                    let expected = slots.iter().copied().rfind(|&slot| slot <= reach);
                    assert_eq!(
                        highest_below(reach, base, free),
                        expected,
                        "{reach} {base} {free}"
                    );
                }
            }
        }
    }

    #[test]
    fn the_nearest_slot_has_the_smallest_rank() {
        let layout = Arc::new(Layout::from_fn(1, 32, |_, slot| Cell::Element(slot as u32)));
        for (period, bias, grain) in [
            (32, 0, 1),
            (32, 3, 1),
            (32, 5, 8),
            (32, 0, 4),
            (16, 0, 1),
            (16, 3, 1),
            (16, 2, 4),
        ] {
            let window = Window { bias, grain };
            let places = Places::of(&layout, period, period);
            for free in 0..period as u32 {
                for base in (0..period as u32).filter(|base| base & free == 0) {
                    let target = Target {
                        tile: 0,
                        row: 0,
                        base,
                        free,
                    };
                    for from in 0..period as u32 {
                        let rank = |to: u32| places.rank(places.rotation(from, to), window);
                        let found = places.nearest(from, target, window);
                        let best = target.slots().min_by_key(|&to| rank(to)).unwrap();
                        assert_eq!(rank(found), rank(best), "{from} to {target:?}, {window:?}");
                    }
                }
            }
        }
    }
}
