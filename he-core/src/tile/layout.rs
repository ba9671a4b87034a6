//! The meaning of a shape: what stands in every slot of every tile.
//!
//! A [`Layout`] maps (tile, slot) to an element of a tensor, to a known zero, or to an unknown value. It is what a planner works on:
//! permutations, reshapes and slices of the tensor only rename elements, so they cost nothing. One element may stand in many slots.

use super::shape::TileShape;

/// Content of one slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cell {
    /// An element of the tensor, row-major.
    Element(u32),
    /// Zero.
    Zero,
    /// Anything.
    Unknown,
}

const ZERO: u32 = u32::MAX;
const UNKNOWN: u32 = u32::MAX - 1;

impl Cell {
    const fn code(self) -> u32 {
        match self {
            Self::Element(e) => {
                assert!(e < UNKNOWN, "element index out of range");
                e
            }
            Self::Zero => ZERO,
            Self::Unknown => UNKNOWN,
        }
    }

    const fn from_code(code: u32) -> Self {
        match code {
            ZERO => Self::Zero,
            UNKNOWN => Self::Unknown,
            e => Self::Element(e),
        }
    }
}

/// What stands where.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Layout {
    slots: usize,
    tiles: usize,
    codes: Vec<u32>,
}

impl Layout {
    /// The layout with content `cell(tile, slot)`.
    pub fn from_fn(tiles: usize, slots: usize, mut cell: impl FnMut(usize, usize) -> Cell) -> Self {
        let codes = (0..tiles * slots)
            .map(|i| cell(i / slots, i % slots).code())
            .collect();
        Self { slots, tiles, codes }
    }

    /// The layout that a shape describes.
    ///
    /// A slot that is unused along several dimensions is unknown if one of them is unknown.
    pub fn of(shape: &TileShape) -> Self {
        let dims = shape.dims();
        // Split mixed-radix numbers from the last dimension up.
        Self::from_fn(shape.tiles(), shape.slots(), |mut tile, mut slot| {
            let (mut element, mut weight) = (0, 1);
            let (mut unused, mut unknown) = (false, false);
            for d in dims.iter().rev() {
                let (a, i) = (tile % d.external(), slot % d.tile);
                (tile, slot) = (tile / d.external(), slot / d.tile);
                match d.element(a, i) {
                    Some(o) => element += o * weight,
                    None => {
                        unused = true;
                        unknown |= d.unknown;
                    }
                }
                weight *= d.size;
            }
            match (unused, unknown) {
                (false, _) => Cell::Element(element as u32),
                (true, false) => Cell::Zero,
                (true, true) => Cell::Unknown,
            }
        })
    }

    /// Slots of a tile.
    pub fn slots(&self) -> usize {
        self.slots
    }

    /// Number of tiles.
    pub fn tiles(&self) -> usize {
        self.tiles
    }

    /// Content of `slot` of `tile`.
    pub fn cell(&self, tile: usize, slot: usize) -> Cell {
        Cell::from_code(self.codes[tile * self.slots + slot])
    }

    /// Contents of one tile.
    pub fn tile(&self, tile: usize) -> impl ExactSizeIterator<Item = Cell> + '_ {
        self.codes[tile * self.slots..(tile + 1) * self.slots]
            .iter()
            .map(|&c| Cell::from_code(c))
    }

    /// All contents as (tile, slot, cell).
    pub fn cells(&self) -> impl Iterator<Item = (usize, usize, Cell)> + '_ {
        self.codes
            .iter()
            .enumerate()
            .map(|(i, &c)| (i / self.slots, i % self.slots, Cell::from_code(c)))
    }

    /// One more than the largest element: the number of elements if none is missing.
    pub fn elements(&self) -> usize {
        self.codes
            .iter()
            .filter(|&&c| c < UNKNOWN)
            .max()
            .map_or(0, |&c| c as usize + 1)
    }

    /// Whether any slot is unknown.
    pub fn has_unknown(&self) -> bool {
        self.codes.contains(&UNKNOWN)
    }

    /// For every element of `0..elements`, where it stands, as (tile, slot) in order.
    pub fn positions(&self, elements: usize) -> Positions {
        let mut starts = vec![0u32; elements + 1];
        let known = |&&c: &&u32| (c as usize) < elements && c < UNKNOWN;
        self.codes
            .iter()
            .filter(known)
            .for_each(|&c| starts[c as usize + 1] += 1);
        for e in 0..elements {
            starts[e + 1] += starts[e];
        }
        let mut next = starts.clone();
        let mut places = vec![(0, 0); starts[elements] as usize];
        for (i, &c) in self.codes.iter().enumerate().filter(|(_, c)| known(c)) {
            places[next[c as usize] as usize] = ((i / self.slots) as u32, (i % self.slots) as u32);
            next[c as usize] += 1;
        }
        Positions { starts, places }
    }

    /// The same slots under new names: element `e` becomes `rename(e)`. What no longer belongs to the tensor is unknown.
    pub fn relabel(&self, mut rename: impl FnMut(u32) -> Option<u32>) -> Self {
        self.map(|cell| match cell {
            Cell::Element(e) => rename(e).map_or(Cell::Unknown, Cell::Element),
            other => other,
        })
    }

    /// Every cell replaced by `f` of it.
    pub fn map(&self, mut f: impl FnMut(Cell) -> Cell) -> Self {
        Self {
            codes: self.codes.iter().map(|&c| f(Cell::from_code(c)).code()).collect(),
            ..*self
        }
    }

    /// The layout after the unknown slots have been zeroed.
    pub fn cleared(&self) -> Self {
        self.map(|c| if c == Cell::Unknown { Cell::Zero } else { c })
    }

    /// The tiles named, in order.
    pub fn select(&self, tiles: &[u32]) -> Self {
        let codes = tiles
            .iter()
            .flat_map(|&t| &self.codes[t as usize * self.slots..][..self.slots]);
        Self {
            slots: self.slots,
            tiles: tiles.len(),
            codes: codes.copied().collect(),
        }
    }
}

/// Where every element of a layout stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Positions {
    starts: Vec<u32>,
    places: Vec<(u32, u32)>,
}

impl Positions {
    /// All (tile, slot) of `element`, in order; empty where it stands nowhere.
    pub fn of(&self, element: usize) -> &[(u32, u32)] {
        &self.places[self.starts[element] as usize..self.starts[element + 1] as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(text: &str) -> Layout {
        Layout::of(&text.parse().unwrap())
    }

    /// One character a slot, tiles separated by bars: elements as letters.
    fn picture(l: &Layout) -> String {
        let tile = |t| {
            l.tile(t).map(|c| match c {
                Cell::Element(e) => char::from(b'a' + e as u8),
                Cell::Zero => '0',
                Cell::Unknown => '?',
            })
        };
        (0..l.tiles())
            .map(|t| tile(t).collect::<String>())
            .collect::<Vec<_>>()
            .join("|")
    }

    #[test]
    fn each_form_of_the_notation_has_its_map() {
        for (text, expected) in [
            ("[5/2]", "ab|cd|e0"),
            ("[5~/2]", "ad|be|c0"),
            ("[5(~4)/2]", "ae|b0|c0|d0"),
            ("[5?/2]", "ab|cd|e?"),
            ("[5~?/2]", "ad|be|c?"),
            ("[3]", "a|b|c"),
            ("[1/4]", "a000"),
            ("[1?/4]", "a???"),
            ("[*/4]", "aaaa"),
            // Row-major: the first dimension is the most significant.
            ("[2/2, 3/4]", "abc0def0"),
            ("[3/2, 2/2]", "abcd|ef00"),
            ("[*/2, 2/2]", "abab"),
            ("[2/2, */2]", "aabb"),
            ("[3?/4, 1/2]", "a0b0c0??"),
            ("[3/4, 1?/2]", "a?b?c?0?"),
        ] {
            assert_eq!(picture(&layout(text)), expected, "{text}");
        }
    }

    #[test]
    fn positions_are_the_inverse() {
        let l = layout("[3/2, */2]");
        let positions = l.positions(l.elements());
        assert_eq!(positions.of(1), [(0, 2), (0, 3)]);
        assert_eq!(positions.of(2), [(1, 0), (1, 1)]);
        for (tile, slot, cell) in l.cells() {
            if let Cell::Element(e) = cell {
                assert!(positions.of(e as usize).contains(&(tile as u32, slot as u32)));
            }
        }
    }

    #[test]
    fn a_transpose_and_a_slice_only_rename() {
        let l = layout("[2/2, 3/4]");
        assert_eq!(picture(&l.relabel(|e| Some(e % 3 * 2 + e / 3))), "ace0bdf0");
        assert_eq!(picture(&l.relabel(|e| e.checked_sub(3))), "???0abc0");
        assert_eq!(picture(&l.relabel(|e| e.checked_sub(3)).cleared()), "0000abc0");
        assert_eq!(picture(&layout("[3/2]").select(&[1, 0])), "c0|ab");
    }
}
