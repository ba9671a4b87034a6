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
    all: Copies,
    /// Where rotations wrap round the tile: a power of two, slots after which elements repeat.
    turn: usize,
    /// Copies in the first turn.
    first: Copies,
}

/// Where the copies of each element stand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Copies {
    start: Vec<u32>,
    /// (tile, slot), ascending for each element.
    at: Vec<(u32, u32)>,
}

impl Copies {
    /// Those of `elements` elements in the first `slots` slots of every tile.
    fn of(layout: &Layout, slots: usize, elements: usize) -> Self {
        let mut start = vec![0u32; elements + 1];
        let each = |visit: &mut dyn FnMut(u32, u32, u32)| {
            for tile in 0..layout.tiles() {
                for slot in 0..slots {
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
        Copies { start, at }
    }

    fn of_element(&self, element: u32) -> &[(u32, u32)] {
        &self.at[self.start[element as usize] as usize..self.start[element as usize + 1] as usize]
    }
}

/// The least power of two of slots after which every tile repeats.
fn turn(layout: &Layout) -> usize {
    let mut turn = layout.slots();
    let repeats = |half: usize| {
        let same =
            |tile: usize| (0..half).all(|slot| layout.cell(tile, slot) == layout.cell(tile, slot + half));
        (0..layout.tiles()).all(same)
    };
    while turn > 1 && repeats(turn / 2) {
        turn /= 2;
    }
    turn
}

impl Places {
    /// Lists the copies of each of `elements` elements within one period.
    pub fn of(layout: &Arc<Layout>, period: usize, elements: usize) -> Self {
        let slots = layout.slots();
        let turn = if period == slots { turn(layout) } else { slots };
        let first = if turn < slots {
            Copies::of(layout, turn, elements)
        } else {
            Copies::default()
        };
        Places {
            all: Copies::of(layout, period, elements),
            layout: layout.clone(),
            period,
            turn,
            first,
        }
    }

    /// The (tile, slot) copies of an element.
    pub fn of_element(&self, element: u32) -> &[(u32, u32)] {
        self.all.of_element(element)
    }

    /// The layout.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Slots of a sample.
    pub fn period(&self) -> usize {
        self.period
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
            Cell::Element(element) if (element as usize) < self.all.start.len() - 1 => {
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

    /// The slot of a target that slot `from`, or one any number of turns away, reaches with the best rotation.
    fn nearest(&self, from: u32, target: Target, window: Window, turn: usize) -> u32 {
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
        let within = turn as u32 - 1;
        let (reach, above, base) = (reach as u32 & within, base & !within, base & within);
        let nearest =
            |reach: u32, base: u32, free: u32| highest_below(reach, base, free).unwrap_or(base | free);
        let (log, low) = (window.grain.trailing_zeros(), window.grain as u32 - 1);
        let remainder = nearest(reach & low, base & low, free & low);
        let borrow = u32::from(remainder > reach & low);
        let quotient = (reach >> log).wrapping_sub(borrow) & within >> log;
        above | nearest(quotient, base >> log, free >> log) << log | remainder
    }

    /// The best way to bring an element to a target; of several the one from the first tile, and there from the first slot.
    pub fn best(&self, element: u32, target: Target, window: Window) -> Option<Service> {
        // Copies that stand turns apart are as many rotations that differ by turns, of which the smallest is the best: one copy tells
        // them all. They serve different slots unless a target has slots that are turns apart, too.
        let repeats = self.turn < self.slots();
        if !repeats || target.free as usize >= self.turn || window.grain as usize > self.turn {
            let services = self.of_element(element).iter().map(|&(input, from)| {
                let to = self.nearest(from, target, window, self.slots());
                (self.rank(self.rotation(from, to), window), input, from, to)
            });
            let best = services.min();
            return best.map(|(_, input, from, to)| Service { input, to, from });
        }
        let services = self.first.of_element(element).iter().map(|&(input, from)| {
            let to = self.nearest(from, target, window, self.turn);
            let distance = (from as i32 + window.bias - to as i32) & (self.turn as i32 - 1);
            let from = (to as i32 + distance - window.bias) & (self.slots() as i32 - 1);
            let rank = self.rank(self.rotation(from as u32, to), window);
            (rank, input, from as u32, to)
        });
        let best = services.min();
        best.map(|(_, input, from, to)| Service { input, to, from })
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
                        let found = places.nearest(from, target, window, places.slots());
                        let best = target.slots().min_by_key(|&to| rank(to)).unwrap();
                        assert_eq!(rank(found), rank(best), "{from} to {target:?}, {window:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn the_best_service_is_the_best_of_all_copies_and_slots() {
        // Copies in every second, fourth or eighth slot of two tiles, in some of them none; some repeat after a few slots.
        for (every, period, turn) in [
            (2, 64, 64),
            (4, 64, 64),
            (8, 64, 64),
            (2, 32, 32),
            (4, 32, 32),
            (8, 64, 32),
            (4, 64, 16),
            (2, 64, 8),
            (4, 32, 8),
        ] {
            let layout = Arc::new(Layout::from_fn(2, 64, |tile, slot| {
                let slot = slot % turn;
                match (slot % every, slot * 7 % 11 + tile) {
                    (0, 0..6) => Cell::Element(0),
                    (1, _) if tile == 1 => Cell::Element(1),
                    _ => Cell::Zero,
                }
            }));
            let places = Places::of(&layout, period, 2);
            assert_eq!(places.turn < 64, period == 64 && turn < 64);
            for (bias, grain) in [(0, 1), (3, 1), (9, 1), (2, 4)] {
                let window = Window { bias, grain };
                for free in [0u32, 1, 6, 16, 20] {
                    for base in (0..period as u32).filter(|base| base & free == 0) {
                        let target = Target {
                            tile: 0,
                            row: 0,
                            base,
                            free,
                        };
                        for element in 0..2 {
                            let all = places
                                .of_element(element)
                                .iter()
                                .flat_map(|&(input, from)| target.slots().map(move |to| (input, from, to)));
                            let expected = all.min_by_key(|&(input, from, to)| {
                                (places.rank(places.rotation(from, to), window), input, from)
                            });
                            let found = places.best(element, target, window);
                            assert_eq!(
                                found.map(|found| (found.input, found.from, found.to)),
                                expected,
                                "{element} to {target:?}, {window:?}, every {every} of {period}, turn {turn}"
                            );
                        }
                    }
                }
            }
        }
    }
}
