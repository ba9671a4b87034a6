//! How a client spreads a tensor over slots: a tile tensor whose dimensions may be split over several tile dimensions.
//!
//! A slot number and a tile number are written in mixed radix, one digit an [`Axis`], least significant first. An axis that
//! belongs to tensor dimension `d` moves that coordinate by `step` a digit; an axis without a dimension repeats the tensor
//! (`*/t`). The coordinate of dimension `d` in a slot is the sum of its digits times their steps, minus `offset[d]`; with
//! `wrap[d]` it is taken modulo the padded size. A coordinate outside the tensor is a zero slot.
//!
//! Special cases, in the notation of tile tensors (Aharoni et al., PoPETs 2023, section 3; arXiv 2011.01805):
//!
//! * `n/t`: slot axis `{t, d, 1}`, tile axis `{ceil(n/t), d, t}`
//! * interleaved `n~/t` with external size e: slot axis `{t, d, e}`, tile axis `{e, d, 1}`
//! * `*/t`: slot axis `{t, none}`
//! * stride phases of an image row: slot axes `{t, d, 2}` and `{2, d, 1}`
//! * image to column: slot axes `{out, d, stride}` and `{kernel, d, 1}`, offset = padding (an element stands in several slots)
//! * skewed copies (a diagonal method's replicas): slot axis `{copies, d, skew}` on a wrapping dimension.

use serde::{Deserialize, Serialize};

use super::layout::{Cell, Layout};

/// One digit of a slot or tile number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Axis {
    /// Number of values of the digit.
    pub extent: u32,
    /// The tensor dimension it moves along; none for copies.
    pub dim: Option<u8>,
    /// How far one step of the digit moves along that dimension.
    pub step: u32,
}

impl Axis {
    /// A digit along a tensor dimension.
    pub const fn along(dim: u8, extent: u32, step: u32) -> Self {
        Axis {
            extent,
            dim: Some(dim),
            step,
        }
    }

    /// A digit that repeats the tensor.
    pub const fn copies(extent: u32) -> Self {
        Axis {
            extent,
            dim: None,
            step: 0,
        }
    }
}

/// A packing of one tensor, small enough to travel in a client's specification.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Arrangement {
    /// Shape of the tensor.
    pub shape: Vec<u32>,
    /// Subtracted from each coordinate (zero padding in front).
    pub offset: Vec<u32>,
    /// Modulus of each coordinate, or 0 where it does not wrap.
    pub wrap: Vec<u32>,
    /// Digits of the slot number, least significant first. Slots beyond their product are zero.
    pub slot_axes: Vec<Axis>,
    /// Digits of the tile number, least significant first.
    pub tile_axes: Vec<Axis>,
}

impl Arrangement {
    /// An arrangement without offsets or wrapping.
    pub fn new(shape: &[u32], slot_axes: Vec<Axis>, tile_axes: Vec<Axis>) -> Self {
        Arrangement {
            shape: shape.to_vec(),
            offset: vec![0; shape.len()],
            wrap: vec![0; shape.len()],
            slot_axes,
            tile_axes,
        }
    }

    /// Number of ciphertexts.
    pub fn tiles(&self) -> usize {
        self.tile_axes.iter().map(|axis| axis.extent as usize).product()
    }

    /// Number of slots the axes address, at most the slots of a tile.
    pub fn used_slots(&self) -> u64 {
        self.slot_axes.iter().map(|axis| u64::from(axis.extent)).product()
    }

    /// Whether the parts fit together: one offset and wrap a dimension, axes on existing dimensions, no empty digit, and the
    /// sizes within `slots` and `max_tiles`. Everything that decodes an arrangement from bytes asks this first.
    pub fn is_valid(&self, slots: usize, max_tiles: usize) -> bool {
        let dims = self.shape.len();
        let digits = || self.slot_axes.iter().chain(&self.tile_axes);
        let product = |axes: &[Axis]| {
            axes.iter()
                .try_fold(1u64, |product, axis| product.checked_mul(u64::from(axis.extent)))
        };
        let elements = self
            .shape
            .iter()
            .try_fold(1u64, |product, &d| product.checked_mul(u64::from(d)));
        dims <= 8
            && self.offset.len() == dims
            && self.wrap.len() == dims
            && elements.is_some_and(|count| (1..1 << 31).contains(&count))
            && digits().count() <= 64
            && digits().all(|axis| axis.extent > 0 && axis.dim.is_none_or(|dim| usize::from(dim) < dims))
            && product(&self.slot_axes).is_some_and(|used| used <= slots as u64)
            && product(&self.tile_axes).is_some_and(|tiles| tiles <= max_tiles as u64)
    }

    /// What stands in every slot of every tile of `slots` slots.
    pub fn layout(&self, slots: usize) -> Layout {
        let used = self.used_slots() as usize;
        let mut coordinate = vec![0u64; self.shape.len()];
        Layout::from_fn(self.tiles(), slots, |tile, slot| {
            if slot >= used {
                return Cell::Zero;
            }
            coordinate.iter_mut().for_each(|c| *c = 0);
            for (mut rest, axes) in [(tile, &self.tile_axes), (slot, &self.slot_axes)] {
                for axis in axes {
                    let digit = rest % axis.extent as usize;
                    rest /= axis.extent as usize;
                    if let Some(dim) = axis.dim {
                        coordinate[usize::from(dim)] += digit as u64 * u64::from(axis.step);
                    }
                }
            }
            let mut element = 0u64;
            for (dim, &size) in self.shape.iter().enumerate() {
                let mut at = coordinate[dim];
                if self.wrap[dim] > 0 {
                    at %= u64::from(self.wrap[dim]);
                }
                match at.checked_sub(u64::from(self.offset[dim])) {
                    Some(at) if at < u64::from(size) => element = element * u64::from(size) + at,
                    _ => return Cell::Zero,
                }
            }
            Cell::Element(element as u32)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn elements(arrangement: &Arrangement, slots: usize, tile: usize) -> Vec<Option<u32>> {
        let layout = arrangement.layout(slots);
        (0..slots)
            .map(|slot| match layout.cell(tile, slot) {
                Cell::Element(e) => Some(e),
                _ => None,
            })
            .collect()
    }

    #[test]
    fn plain_and_interleaved_dimensions() {
        let plain = Arrangement::new(&[6], vec![Axis::along(0, 4, 1)], vec![Axis::along(0, 2, 4)]);
        assert_eq!(elements(&plain, 4, 1), [Some(4), Some(5), None, None]);
        let interleaved = Arrangement::new(&[6], vec![Axis::along(0, 4, 2)], vec![Axis::along(0, 2, 1)]);
        assert_eq!(elements(&interleaved, 4, 1), [Some(1), Some(3), Some(5), None]);
    }

    #[test]
    fn image_to_column_repeats_elements() {
        let mut columns = Arrangement::new(&[4], vec![Axis::along(0, 2, 2), Axis::along(0, 3, 1)], vec![]);
        columns.offset = vec![1];
        // rows of the column matrix: taps -1, 0, 1 around positions 0 and 2
        assert_eq!(
            elements(&columns, 8, 0),
            [None, Some(1), Some(0), Some(2), Some(1), Some(3), None, None]
        );
    }

    #[test]
    fn skewed_copies_wrap() {
        let mut skewed = Arrangement::new(&[4], vec![Axis::along(0, 4, 1), Axis::along(0, 2, 1)], vec![]);
        skewed.wrap = vec![4];
        let expected = [0, 1, 2, 3, 1, 2, 3, 0].map(Some);
        assert_eq!(elements(&skewed, 8, 0), expected);
    }

    #[test]
    fn rejects_what_does_not_fit_together() {
        let fits = Arrangement::new(&[6], vec![Axis::along(0, 4, 1)], vec![Axis::along(0, 2, 4)]);
        assert!(fits.is_valid(4, 2));
        assert!(!fits.is_valid(2, 2), "too many slots");
        assert!(!fits.is_valid(4, 1), "too many tiles");
        let mut wrong = fits.clone();
        wrong.slot_axes[0].dim = Some(1);
        assert!(!wrong.is_valid(4, 2), "no such dimension");
        let mut wrong = fits;
        wrong.offset.clear();
        assert!(!wrong.is_valid(4, 2), "an offset a dimension");
    }
}
