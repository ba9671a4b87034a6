//! Baby-step giant-step split of a set of rotations (Halevi and Shoup, CRYPTO 2018, section 4; double hoisting after Bossuat et
//! al., EUROCRYPT 2021, section 4).
//!
//! A rotation is `giant + baby`. Babies rotate input tiles and share one decomposition each; giants rotate sums of products and
//! cost a key switch each. The baby is the rotation modulo a power of two, in a window that starts at `-bias`.

use super::cover::Diagonal;

/// A split by one modulus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Split {
    /// Babies are rotations modulo this power of two.
    pub modulus: i32,
    /// Start of the window of babies.
    pub bias: i32,
}

impl Split {
    /// (giant, baby) of a rotation.
    pub fn of(self, rotation: i32) -> (i32, i32) {
        let baby = (rotation + self.bias).rem_euclid(self.modulus) - self.bias;
        (rotation - baby, baby)
    }
}

/// What a split costs, in steps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Steps {
    /// (input tile, baby) pairs with a rotation.
    pub babies: usize,
    /// Input tiles whose decomposition is needed.
    pub decompositions: usize,
    /// (output tile, giant) pairs with a rotation.
    pub giants: usize,
    /// Distinct rotation amounts, ascending.
    pub rotations: Vec<i32>,
}

/// Rotations of a set of diagonals by tile: babies depend on input tiles alone, giants on output tiles.
pub struct Rotations {
    slots: i32,
    /// (input tile, rotation), distinct.
    inputs: Vec<(u32, i32)>,
    /// (output tile, rotation), distinct.
    outputs: Vec<(u32, i32)>,
}

impl Rotations {
    /// Those of `diagonals` on tiles with `slots` slots.
    pub fn of(diagonals: &[Diagonal], slots: usize) -> Self {
        let by = |tile: fn(&Diagonal) -> u32| distinct(diagonals.iter().map(|d| (tile(d), d.rotation)));
        Rotations {
            slots: slots as i32,
            inputs: by(|diagonal| diagonal.input),
            outputs: by(|diagonal| diagonal.output),
        }
    }

    /// Counts the steps of a split.
    pub fn steps(&self, split: Split) -> Steps {
        let turned = |&(tile, rotation): &(u32, i32)| {
            let rotation = rotation.rem_euclid(self.slots);
            (rotation != 0).then_some((tile, rotation))
        };
        let part = |tiles: &[(u32, i32)], part: fn((i32, i32)) -> i32| {
            let parts = tiles
                .iter()
                .map(|&(tile, rotation)| (tile, part(split.of(rotation))));
            distinct(parts.filter_map(|step| turned(&step)))
        };
        let giants = part(&self.outputs, |(giant, _)| giant);
        let babies = part(&self.inputs, |(_, baby)| baby);
        Steps {
            babies: babies.len(),
            decompositions: babies.chunk_by(|a, b| a.0 == b.0).count(),
            giants: giants.len(),
            rotations: distinct(babies.iter().chain(&giants).map(|&(_, rotation)| rotation)),
        }
    }
}

/// The distinct items, ascending.
fn distinct<T: Ord>(items: impl Iterator<Item = T>) -> Vec<T> {
    let mut items: Vec<T> = items.collect();
    items.sort_unstable();
    items.dedup();
    items
}

/// The cheapest split under a price for its steps.
pub fn cheapest(
    diagonals: &[Diagonal],
    bias: i32,
    slots: usize,
    price: impl Fn(&Steps) -> f64,
) -> (Split, Steps, f64) {
    let rotations = Rotations::of(diagonals, slots);
    let mut best: Option<(Split, Steps, f64)> = None;
    for log in 0..=slots.trailing_zeros() {
        let modulus = 1 << log;
        // A window that starts below zero only makes sense when it is wider than what it reaches back.
        let split = Split {
            modulus,
            bias: if modulus > bias { bias } else { 0 },
        };
        let steps = rotations.steps(split);
        let cost = price(&steps);
        if best.as_ref().is_none_or(|(.., least)| cost < *least) {
            best = Some((split, steps, cost));
        }
    }
    // There is always the split by one: all giants.
    best.unwrap_or((Split { modulus: 1, bias: 0 }, Steps::default(), 0.0))
}
