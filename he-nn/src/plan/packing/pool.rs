//! Sums over windows without a product: rotations and additions, no level.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use he_core::tile::layout::{Cell, Layout};

use super::fold::{Names, RowOf, sum_of_elements};
use super::place::Places;
use super::sparse::SparseMap;

/// The rotations of each input tile that add up to each output tile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WindowSums {
    /// `parts[output]`: what each input tile adds.
    pub parts: Vec<Vec<WindowPart>>,
    /// What stands in the slots afterwards.
    pub layout: Layout,
}

/// What one input tile adds to windows: it is rotated and added in stages, and the sum rotated once more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WindowPart {
    /// The input tile.
    pub input: u32,
    /// The smallest rotation.
    pub first: i32,
    /// What the others add to it: every sum of one amount a stage.
    pub stages: Vec<Vec<i32>>,
}

impl WindowPart {
    /// Some ascending rotations of a tile, in as many stages as they allow.
    fn new(input: u32, rotations: &[i32]) -> Self {
        let first = rotations[0];
        let stages = factors(rotations.iter().map(|rotation| rotation - first).collect());
        WindowPart { input, first, stages }
    }

    /// The same with neighbouring stages joined as long as they have at most `most` terms.
    fn joined(&self, most: usize) -> Self {
        let mut stages: Vec<Vec<i32>> = Vec::new();
        for stage in &self.stages {
            match stages.last_mut() {
                Some(last) if last.len() * stage.len() <= most => {
                    let sums = stage.iter().flat_map(|a| last.iter().map(move |b| a + b));
                    *last = sums.collect();
                    last.sort_unstable();
                }
                _ => stages.push(stage.clone()),
            }
        }
        WindowPart { stages, ..*self }
    }

    /// Terms of each stage, and of the last rotation, which is like a stage of two.
    pub fn terms(&self) -> Vec<usize> {
        let last = (self.first != 0).then_some(2);
        self.stages.iter().map(Vec::len).chain(last).collect()
    }

    /// All amounts it rotates by.
    pub fn rotations(&self) -> impl Iterator<Item = i32> {
        self.stages.iter().flatten().copied().chain([self.first])
    }
}

/// Stages of a prime number of terms, if possible, whose sums are these ascending offsets from zero, each once.
fn factors(offsets: Vec<i32>) -> Vec<Vec<i32>> {
    let Some(&step) = offsets.get(1) else {
        return vec![];
    };
    let run = offsets
        .iter()
        .zip(0..)
        .take_while(|(offset, i)| **offset == i * step);
    for length in (2..=run.count()).rev() {
        if let Some(rest) = quotient(&offsets, step, length) {
            let mut stages = vec![];
            let (mut left, mut step) = (length, step);
            for prime in 2..=length {
                while left % prime == 0 {
                    stages.push((0..prime as i32).map(|i| i * step).collect());
                    step *= prime as i32;
                    left /= prime;
                }
            }
            stages.extend(factors(rest));
            return stages;
        }
    }
    vec![offsets]
}

/// The offsets at which runs of `length` offsets start, if runs are all there is.
fn quotient(offsets: &[i32], step: i32, length: usize) -> Option<Vec<i32>> {
    let mut left: BTreeSet<i32> = offsets.iter().copied().collect();
    let mut starts = vec![];
    while let Some(start) = left.first().copied() {
        let mut run = (0..length as i32).map(|i| start + i * step);
        if !run.all(|offset| left.remove(&offset)) {
            return None;
        }
        starts.push(start);
    }
    Some(starts)
}

impl WindowSums {
    /// Terms that a stage may have.
    const RADICES: [usize; 4] = [2, 4, 8, 16];

    /// With neighbouring stages joined as is cheapest under a price for a part.
    pub fn cheapest(&self, price: impl Fn(&WindowPart) -> f64) -> (Self, f64) {
        let mut total = 0.0;
        let mut cheapest = |part: &WindowPart| {
            let joined = Self::RADICES.map(|most| part.joined(most));
            let priced = joined.into_iter().map(|part| (price(&part), part));
            let (cost, part) = priced
                .min_by(|a, b| a.0.total_cmp(&b.0))
                .unwrap_or_else(|| (price(part), part.clone()));
            total += cost;
            part
        };
        let parts = self.parts.iter();
        let parts = parts
            .map(|parts| parts.iter().map(&mut cheapest).collect())
            .collect();
        let layout = self.layout.clone();
        (WindowSums { parts, layout }, total)
    }
}

/// Finds one set of rotations that sums every window of `map` (each row lists the elements of a window), anchored at the first
/// element of the window. None if windows at different places need different rotations.
pub fn window_sums(
    map: &SparseMap,
    layout: &Arc<Layout>,
    period: usize,
    samples: usize,
) -> Option<WindowSums> {
    let slots = layout.slots();
    let places = Places::of(layout, period, map.columns());
    // Output tiles are the tiles of the anchors; every copy of an anchor gets its own sum.
    let mut shifts: BTreeMap<u32, BTreeMap<u32, BTreeSet<i32>>> = BTreeMap::new();
    for row in 0..map.rows() {
        let anchors = places.of_element(map.row(row).next()?.input);
        let &(tile, anchor) = anchors.first()?;
        let parts = shifts.entry(tile).or_default();
        for entry in map.row(row) {
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
    let before = Names::of_layout(layout);
    let mut after = Names::zero(slots, shifts.len());
    let mut parts = Vec::with_capacity(shifts.len());
    for (output, inputs) in shifts.into_values().enumerate() {
        let part = |(input, rotations): (u32, BTreeSet<i32>)| {
            for &rotation in &rotations {
                after.accumulate(output, &before, input as usize, rotation);
            }
            WindowPart::new(input, &Vec::from_iter(rotations))
        };
        parts.push(inputs.into_iter().map(part).collect());
    }
    let mut row_of = RowOf::default();
    for sample in 0..samples {
        for row in 0..map.rows() {
            let shifted = map
                .row(row)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn sums(stages: &[Vec<i32>]) -> Vec<i32> {
        let mut sums = stages.iter().fold(vec![0], |sums, stage| {
            stage
                .iter()
                .flat_map(|a| sums.iter().map(move |b| a + b))
                .collect()
        });
        sums.sort_unstable();
        sums
    }

    #[test]
    fn stages_are_short_and_add_up() {
        let square = |side: i32, row: i32| -> Vec<i32> {
            (0..side)
                .flat_map(|y| (0..side).map(move |x| y * row + x))
                .collect()
        };
        for (offsets, terms) in [
            (vec![0], vec![]),
            (vec![0, 5], vec![2]),
            (square(2, 32), vec![2, 2]),
            (square(3, 32), vec![3, 3]),
            (square(16, 64), vec![2; 8]),
            (square(6, 6), vec![2, 2, 3, 3]),
            // Phases: neighbours, and the same again far away.
            (vec![0, 1, 100, 101, 200, 201], vec![2, 3]),
            (vec![0, 1, 2, 7, 8, 9], vec![3, 2]),
            // Nothing repeats.
            (vec![0, 1, 3], vec![3]),
        ] {
            let stages = factors(offsets.clone());
            assert_eq!(
                stages.iter().map(Vec::len).collect::<Vec<_>>(),
                terms,
                "{offsets:?}"
            );
            assert_eq!(sums(&stages), offsets);
            let part = WindowPart::new(0, &offsets);
            for most in WindowSums::RADICES {
                assert_eq!(sums(&part.joined(most).stages), offsets);
            }
        }
    }

    #[test]
    fn many_terms_are_cheaper_in_stages() {
        let offsets: Vec<i32> = (0..64).collect();
        let windows = WindowSums {
            parts: vec![vec![WindowPart::new(0, &offsets)]],
            layout: Layout::from_fn(1, 64, |_, _| Cell::Zero),
        };
        // A stage costs three, a term one.
        let price = |part: &WindowPart| part.terms().iter().map(|terms| 3 + terms).sum::<usize>() as f64;
        let (found, cost) = windows.cheapest(price);
        assert_eq!((found.parts[0][0].terms(), cost), (vec![4; 3], 21.0));
    }
}
