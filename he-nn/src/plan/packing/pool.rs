//! Sums over windows without a product: rotations and additions, no level.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use he_core::tile::layout::{Cell, Layout};

use super::cover::Places;
use super::fold::{Names, sum_of_elements};
use super::sparse::SparseMap;

/// The rotations of each input tile that add up to each output tile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WindowSums {
    /// `parts[output]`: (input tile, rotations).
    pub parts: Vec<Vec<(u32, Vec<i32>)>>,
    /// What stands in the slots afterwards.
    pub layout: Layout,
}

/// Finds one set of rotations that sums every window of `map` (each row lists the elements of a window), anchored at the first
/// element of the window. None if windows at different places need different rotations.
pub fn window_sums(map: &SparseMap, layout: &Layout, period: usize, samples: usize) -> Option<WindowSums> {
    let slots = layout.slots();
    let places = Places::of(layout, period, map.columns());
    // Output tiles are the tiles of the anchors; every copy of an anchor gets its own sum.
    let mut shifts: BTreeMap<u32, BTreeMap<u32, BTreeSet<i32>>> = BTreeMap::new();
    for row in 0..map.rows() {
        let window = map.row(row);
        let anchors = places.of_element(window.first()?.input);
        let &(tile, anchor) = anchors.first()?;
        let parts = shifts.entry(tile).or_default();
        for entry in window {
            // The nearest copy above the anchor, of those whose slot differs in the fewest bits: folds leave copies in places that
            // not every window has.
            let nearest = places
                .of_element(entry.input)
                .iter()
                .min_by_key(|&&(input, slot)| {
                    let distance = (i64::from(slot) - i64::from(anchor)).rem_euclid(slots as i64);
                    (distance.count_ones(), distance, input)
                })?;
            let rotation = nearest.1 as i32 - anchor as i32;
            parts.entry(nearest.0).or_default().insert(rotation);
        }
    }
    let parts: Vec<Vec<(u32, Vec<i32>)>> = shifts
        .into_values()
        .map(|parts| {
            parts
                .into_iter()
                .map(|(tile, set)| (tile, set.into_iter().collect()))
                .collect()
        })
        .collect();
    let before = Names::of_layout(layout);
    let mut after = Names::zero(slots, parts.len());
    for (output, inputs) in parts.iter().enumerate() {
        for (input, rotations) in inputs {
            for &rotation in rotations {
                after.accumulate(output, &before, *input as usize, rotation);
            }
        }
    }
    let mut row_of: HashMap<u64, u32> = HashMap::new();
    for sample in 0..samples {
        for row in 0..map.rows() {
            let shifted = map
                .row(row)
                .iter()
                .map(|entry| entry.input + (sample * map.columns()) as u32);
            row_of.insert(sum_of_elements(shifted), (row + sample * map.rows()) as u32);
        }
    }
    let layout = after.layout(&row_of, map.rows(), period);
    let mut held = vec![false; map.rows() * samples];
    for tile in 0..layout.tiles() {
        for slot in 0..slots {
            if let Cell::Element(element) = layout.cell(tile, slot) {
                held[element as usize] = true;
            }
        }
    }
    held.iter()
        .all(|&held| held)
        .then_some(WindowSums { parts, layout })
}
