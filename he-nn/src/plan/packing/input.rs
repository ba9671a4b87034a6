//! Ways a client may arrange an input: the first layer's packing is free, because packing happens before encryption.

mod image;
mod vector;

use he_core::tile::arrangement::{Arrangement, Axis};

use super::candidate::Anchors;
pub use image::Image;

/// Shape of the first layer that reads an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// A dense layer (or anything without image structure) with this many outputs.
    Dense {
        /// Output elements.
        outputs: u32,
    },
    /// A convolution of a `[C, H, W]` image.
    Image(Image),
}

/// An arrangement, with the anchors of its first layer where the layout alone does not tell them.
#[derive(Clone, Debug)]
pub struct InputCandidate {
    /// Name for reports.
    pub name: &'static str,
    /// The packing into real tiles.
    pub arrangement: Arrangement,
    /// Whether the client merges these tiles to complex ones (see [`super::merge`]).
    pub complex: bool,
    /// Anchors of the first layer's output positions.
    pub anchors: Option<Anchors>,
}

impl InputCandidate {
    fn new(name: &'static str, arrangement: Arrangement, complex: bool) -> Self {
        InputCandidate {
            name,
            arrangement,
            complex,
            anchors: None,
        }
    }
}

/// Arrangements of an input of `shape` for `batch` samples in tiles of `slots` slots. The first dimension of every arrangement is
/// the batch; samples stand in consecutive periods, which is the second result.
pub fn arrangements(shape: &[u32], reader: Reader, slots: u32, batch: u32) -> Vec<(InputCandidate, u32)> {
    let period = slots / batch.next_power_of_two().min(slots);
    let mut found = Vec::new();
    match reader {
        Reader::Dense { outputs } => {
            for parts in [1, 2] {
                vector::arrange(shape, outputs, period, parts, &mut found);
            }
        }
        Reader::Image(image) => image.arrange(period, &mut found),
    }
    // Where there are several tiles anyway, they can be merged as they are.
    let merged = found
        .iter()
        .filter(|candidate| !candidate.complex && candidate.arrangement.tiles() > 1)
        .map(|candidate| InputCandidate {
            complex: true,
            ..candidate.clone()
        });
    let merged: Vec<InputCandidate> = merged.collect();
    found.extend(merged);
    found
        .into_iter()
        // A block that does not divide the period, as that of nine taps, would shift one sample against the next.
        .filter(|candidate| {
            batch == 1 || u64::from(period).is_multiple_of(candidate.arrangement.used_slots())
        })
        .map(|mut candidate| {
            let batched = batch.next_power_of_two();
            let arrangement = &mut candidate.arrangement;
            let used = arrangement
                .slot_axes
                .iter()
                .map(|axis| axis.extent)
                .product::<u32>();
            // Every sample starts at a multiple of the period.
            if used < period {
                arrangement.slot_axes.push(Axis::copies(period / used));
            }
            for axis in arrangement.slot_axes.iter_mut().chain(&mut arrangement.tile_axes) {
                axis.dim = axis.dim.map(|dim| dim + 1);
            }
            arrangement.slot_axes.push(Axis::along(0, batched, 1));
            arrangement.shape.insert(0, batch);
            arrangement.offset.insert(0, 0);
            arrangement.wrap.insert(0, 0);
            (candidate, period)
        })
        .collect()
}
