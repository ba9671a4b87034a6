//! Arrangements of a vector.

use he_core::tile::arrangement::{Arrangement, Axis};

use super::InputCandidate;

/// A vector: contiguous with copies, plain or skewed by the share of a diagonal method's rotations that each copy serves. In two
/// parts, neighbours are real and imaginary part of a slot.
pub(super) fn arrange(shape: &[u32], outputs: u32, period: u32, parts: u32, found: &mut Vec<InputCandidate>) {
    let size: u32 = shape.iter().product();
    let padded = size.div_ceil(parts).next_power_of_two();
    let flat = |slot_axes: Vec<Axis>, tile_axis: Axis, wrap: u32| {
        let tile_axes = if tile_axis.extent > 1 {
            vec![tile_axis]
        } else {
            vec![]
        };
        let mut arrangement = Arrangement::new(&[size], slot_axes, tile_axes);
        arrangement.wrap = vec![wrap];
        arrangement
    };
    if padded > period {
        if parts > 1 {
            return;
        }
        // More elements than slots: plain tiles.
        let tiles = size.div_ceil(period);
        let plain = flat(vec![Axis::along(0, period, 1)], Axis::along(0, tiles, period), 0);
        let interleaved = flat(vec![Axis::along(0, period, tiles)], Axis::along(0, tiles, 1), 0);
        found.push(InputCandidate::new("plain", plain, false));
        found.push(InputCandidate::new("interleaved", interleaved, false));
        return;
    }
    let (copies, complex) = (period / padded, parts > 1);
    let (elements, tiles) = (Axis::along(0, padded, parts), Axis::along(0, parts, 1));
    let plain = flat(vec![elements, Axis::copies(copies)], tiles, 0);
    found.push(InputCandidate::new("copies", plain, complex));
    let rows = outputs.next_power_of_two();
    if copies > 1 && rows > copies {
        let skew = Axis::along(0, copies, parts * (rows / copies));
        let skewed = flat(vec![elements, skew], tiles, padded * parts);
        found.push(InputCandidate::new("skewed copies", skewed, complex));
    }
}
