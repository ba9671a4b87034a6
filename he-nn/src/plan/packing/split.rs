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

/// Counts the steps of a split over a set of diagonals of tiles with `slots` slots.
pub fn steps<'a>(diagonals: impl Iterator<Item = &'a Diagonal>, split: Split, slots: usize) -> Steps {
    let slots = slots as i32;
    let (mut babies, mut giants) = (Vec::new(), Vec::new());
    for diagonal in diagonals {
        let (giant, baby) = split.of(diagonal.rotation);
        if baby != 0 {
            babies.push((diagonal.input, baby.rem_euclid(slots)));
        }
        if giant.rem_euclid(slots) != 0 {
            giants.push((diagonal.output, giant.rem_euclid(slots)));
        }
    }
    for steps in [&mut babies, &mut giants] {
        steps.sort_unstable();
        steps.dedup();
    }
    let mut rotations: Vec<i32> = babies
        .iter()
        .chain(&giants)
        .map(|&(_, rotation)| rotation)
        .collect();
    rotations.sort_unstable();
    rotations.dedup();
    Steps {
        babies: babies.len(),
        decompositions: babies.chunk_by(|a, b| a.0 == b.0).count(),
        giants: giants.len(),
        rotations,
    }
}

/// The cheapest split under a price for its steps.
pub fn cheapest(
    diagonals: &[Diagonal],
    bias: i32,
    slots: usize,
    price: impl Fn(&Steps) -> f64,
) -> (Split, Steps, f64) {
    let mut best: Option<(Split, Steps, f64)> = None;
    for log in 0..=slots.trailing_zeros() {
        let modulus = 1 << log;
        // A window that starts below zero only makes sense when it is wider than what it reaches back.
        let split = Split {
            modulus,
            bias: if modulus > bias { bias } else { 0 },
        };
        let steps = steps(diagonals.iter(), split, slots);
        let cost = price(&steps);
        if best.as_ref().is_none_or(|(.., least)| cost < *least) {
            best = Some((split, steps, cost));
        }
    }
    // There is always the split by one: all giants.
    best.unwrap_or((Split { modulus: 1, bias: 0 }, Steps::default(), 0.0))
}
