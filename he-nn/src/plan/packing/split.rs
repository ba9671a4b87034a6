//! Baby-step giant-step split of a set of rotations (Halevi and Shoup, CRYPTO 2018, section 4; double hoisting after Bossuat et
//! al., EUROCRYPT 2021, section 4).
//!
//! A rotation is `giant + baby`. Babies rotate input tiles and share one decomposition each; giants rotate sums of products and
//! cost a key switch each. The baby is the rotation modulo a power of two, in a window that starts at `-bias`.

use super::amounts::Amounts;
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
    slots: usize,
    /// Start of the window of babies.
    bias: i32,
    /// Rotations of each input tile.
    inputs: Vec<Amounts>,
    /// Rotations of each output tile, and the same moved up by the bias.
    outputs: [Vec<Amounts>; 2],
}

impl Rotations {
    /// Those of `diagonals` on tiles with `slots` slots, for splits with this bias or none.
    pub fn of(diagonals: &[Diagonal], bias: i32, slots: usize) -> Self {
        let by = |tile: fn(&Diagonal) -> u32, bias: i32| {
            let tiles = diagonals.iter().map(|d| tile(d) as usize + 1).max().unwrap_or(0);
            let mut amounts = vec![Amounts::none(slots); tiles];
            for diagonal in diagonals {
                let amount = (diagonal.rotation + bias).rem_euclid(slots as i32);
                amounts[tile(diagonal) as usize].insert(amount as usize);
            }
            amounts
        };
        Rotations {
            slots,
            bias,
            inputs: by(|diagonal| diagonal.input, 0),
            outputs: [0, bias].map(|bias| by(|diagonal| diagonal.output, bias)),
        }
    }

    /// The split by a modulus. A window that starts below zero only makes sense when it is wider than what it reaches back.
    fn split(&self, modulus: i32) -> Split {
        let bias = if modulus > self.bias { self.bias } else { 0 };
        Split { modulus, bias }
    }

    /// Counts the steps of the split by a modulus.
    pub fn steps(&self, modulus: i32) -> Steps {
        let Split { modulus, bias } = self.split(modulus);
        let (all, width) = (self.slots as i32, modulus as usize);
        let mut steps = Steps::default();
        let mut babies = Amounts::none(width);
        for tile in &self.inputs {
            let mut residues = tile.modulo(width);
            residues.remove(0);
            let count = residues.count();
            steps.babies += count;
            steps.decompositions += usize::from(count > 0);
            babies.extend(&residues);
        }
        let mut giants = Amounts::none(self.slots / width);
        for tile in &self.outputs[usize::from(bias > 0)] {
            let mut blocks = tile.blocks(width);
            blocks.remove(0);
            steps.giants += blocks.count();
            giants.extend(&blocks);
        }
        let babies = babies.iter().map(|baby| (baby as i32 + bias) % modulus - bias);
        let giants = giants.iter().map(|block| block as i32 * modulus);
        let rotations = babies.chain(giants).map(|rotation| rotation.rem_euclid(all));
        steps.rotations = rotations.collect();
        steps.rotations.sort_unstable();
        steps.rotations.shrink_to_fit();
        steps
    }
}

/// Every split of a set of diagonals, with its steps: what no level and no price changes.
#[derive(Clone, Debug)]
pub struct Splits {
    products: usize,
    all: Vec<(Split, Steps)>,
}

impl Splits {
    /// Those of `diagonals` on tiles with `slots` slots, with windows of babies that start at `-bias`.
    pub fn of(diagonals: &[Diagonal], bias: i32, slots: usize) -> Self {
        let rotations = Rotations::of(diagonals, bias, slots);
        let split = |log: u32| {
            let split = rotations.split(1 << log);
            (split, rotations.steps(split.modulus))
        };
        Splits {
            products: diagonals.len(),
            all: (0..=slots.trailing_zeros()).map(split).collect(),
        }
    }

    /// Number of diagonals.
    pub fn products(&self) -> usize {
        self.products
    }

    /// Bytes that the lists of rotations take.
    pub fn bytes(&self) -> usize {
        let rotations = self.all.iter().map(|(_, steps)| steps.rotations.len());
        rotations.sum::<usize>() * size_of::<i32>()
    }

    /// The cheapest under a price for the steps; of several the one with the fewest babies.
    pub fn cheapest(&self, price: impl Fn(&Steps) -> f64) -> Option<(Split, &Steps, f64)> {
        let priced = self
            .all
            .iter()
            .map(|(split, steps)| (*split, steps, price(steps)));
        priced.min_by(|a, b| a.2.total_cmp(&b.2))
    }
}
