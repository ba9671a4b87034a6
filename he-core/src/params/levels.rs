//! Levels as sets of primes.
//!
//! Notation: B_l the Q primes of level l. Rescaling from level l divides by D_l, the product of the primes that B_{l-1} lacks, and
//! multiplies by A_l, that of the primes which come back: so the sizes of levels are free of the sizes of primes ("rational
//! rescaling": BitPacker, ASPLOS 2024; Cheddar, arXiv 2407.13055; Grafting, ePrint 2024/1014).

use crate::error::{Error, Result};
use crate::params::log2;

/// Bits of the quotient of two moduli that one division takes away: a constant has no room for more.
pub(crate) const HOP_BITS: i64 = 100;

/// The Q primes of a chain and which of them each level has.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Levels {
    /// In the order in which levels, from the lowest up, first have them.
    primes: Vec<u64>,
    /// Positions of the primes of each level, ascending.
    sets: Vec<Vec<u16>>,
    /// Number of primes that levels up to this one have among them: the first ones.
    reach: Vec<usize>,
}

impl Levels {
    /// From the primes of level 0 and, for each level, those that rescaling from it drops and those that come back by it.
    ///
    /// # Errors
    /// [`Error::Count`] for a level that drops nothing, [`Error::Modulus`] for a prime that a level has twice or that comes back
    /// without having left, [`Error::Range`] for a level that is no larger than the one below.
    pub(crate) fn new(base: &[u64], dropped: &[Vec<u64>], returned: &[Vec<u64>]) -> Result<Self> {
        if returned.len() != dropped.len() {
            return Err(Error::Count {
                what: "levels with primes that come back",
                found: returned.len(),
                expected: dropped.len(),
            });
        }
        let mut levels = Self {
            primes: vec![],
            sets: vec![],
            reach: vec![],
        };
        let mut set = vec![];
        levels.enter(&mut set, base)?;
        for (dropped, returned) in dropped.iter().zip(returned) {
            if dropped.is_empty() {
                return Err(Error::Count {
                    what: "primes of a level",
                    found: 0,
                    expected: 1,
                });
            }
            for &modulus in returned {
                let at = set.iter().position(|&p| levels.primes[usize::from(p)] == modulus);
                set.remove(at.ok_or(Error::Modulus {
                    modulus,
                    reason: "comes back to a level that does not have it",
                })?);
            }
            levels.enter(&mut set, dropped)?;
        }
        for level in 1..levels.sets.len() {
            let found = levels.log2_ratio(level, level - 1);
            if found.is_nan() || found <= 0.0 {
                return Err(Error::Range {
                    what: "bits of a level",
                    found,
                    allowed: "positive numbers",
                });
            }
        }
        Ok(levels)
    }

    /// Adds primes to the set, which is that of the next level.
    fn enter(&mut self, set: &mut Vec<u16>, primes: &[u64]) -> Result<()> {
        for &modulus in primes {
            let known = self.primes.iter().position(|&q| q == modulus);
            let position = known.unwrap_or_else(|| {
                self.primes.push(modulus);
                self.primes.len() - 1
            }) as u16;
            match set.binary_search(&position) {
                Ok(_) => {
                    return Err(Error::Modulus {
                        modulus,
                        reason: "appears twice",
                    });
                }
                Err(at) => set.insert(at, position),
            }
        }
        self.sets.push(set.clone());
        self.reach.push(self.primes.len());
        Ok(())
    }

    /// All of them.
    pub(crate) fn primes(&self) -> &[u64] {
        &self.primes
    }

    /// The highest level.
    pub(crate) fn top(&self) -> usize {
        self.sets.len() - 1
    }

    /// Those of a level, as positions.
    pub(crate) fn of(&self, level: usize) -> &[u16] {
        &self.sets[level]
    }

    /// Number of primes that levels up to this one have among them.
    pub(crate) fn reach(&self, level: usize) -> usize {
        self.reach[level]
    }

    /// Whether a level has all primes of another.
    pub(crate) fn contains(&self, level: usize, other: usize) -> bool {
        self.without(other, level).next().is_none()
    }

    /// The primes of a level that another lacks, as positions.
    pub(crate) fn without(&self, level: usize, other: usize) -> impl Iterator<Item = u16> {
        let others = &self.sets[other];
        let primes = self.sets[level].iter().copied();
        primes.filter(|p| others.binary_search(p).is_err())
    }

    /// The modulus of a level over that of another.
    pub(crate) fn ratio(&self, from: usize, to: usize) -> f64 {
        let product = |positions: &mut dyn Iterator<Item = u16>| -> f64 {
            positions.map(|p| self.primes[usize::from(p)] as f64).product()
        };
        product(&mut self.without(from, to)) / product(&mut self.without(to, from))
    }

    /// Bits by which primes of a level's modulus are longer than those of another's, counted in whole bits.
    fn ratio_bits(&self, from: usize, to: usize) -> i64 {
        let bits = |p: u16| i64::from(u64::BITS - self.primes[usize::from(p)].leading_zeros());
        let (gone, come) = (self.without(from, to), self.without(to, from));
        gone.map(bits).sum::<i64>() - come.map(bits).sum::<i64>()
    }

    /// The lowest level above `to` at which a ciphertext of level `from`, above it too, can be read.
    fn lowest_above(&self, to: usize, from: usize) -> usize {
        (to + 1..from)
            .find(|&level| self.contains(from, level))
            .unwrap_or(from)
    }

    /// How a ciphertext of level `from` comes to level `to` below: pairs of a level at which it is read and one to which it is divided
    /// from there. One hop, unless the quotient of the two moduli is longer than [`HOP_BITS`].
    pub(crate) fn way_down(&self, from: usize, to: usize) -> Vec<[usize; 2]> {
        let above = self.lowest_above(to, from);
        if above <= to + 1 || self.ratio_bits(above, to) <= HOP_BITS {
            return vec![[above, to]];
        }
        let mut way = self.way_down(from, above - 1);
        way.extend(self.way_down(above - 1, to));
        way
    }

    fn log2_ratio(&self, from: usize, to: usize) -> f64 {
        let sum = |positions: &mut dyn Iterator<Item = u16>| -> f64 {
            positions.map(|p| log2(self.primes[usize::from(p)])).sum()
        };
        sum(&mut self.without(from, to)) - sum(&mut self.without(to, from))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// {a}, {a, t}, {a, b, u}, {a, b, t, u}.
    fn levels() -> Levels {
        let (a, b, t, u) = (101, 103, 41, 31);
        Levels::new(&[a], &[vec![t], vec![b, u], vec![t]], &[vec![], vec![t], vec![]]).unwrap()
    }

    #[test]
    fn primes_come_and_go() {
        let levels = levels();
        assert_eq!(levels.primes(), [101, 41, 103, 31]);
        let sets: Vec<_> = (0..4).map(|l| levels.of(l).to_vec()).collect();
        assert_eq!(sets, [vec![0], vec![0, 1], vec![0, 2, 3], vec![0, 1, 2, 3]]);
        assert_eq!((0..4).map(|l| levels.reach(l)).collect::<Vec<_>>(), [1, 2, 4, 4]);
        assert!(levels.contains(3, 2) && levels.contains(3, 1) && !levels.contains(2, 1));
        assert!((levels.ratio(2, 1) - 103.0 * 31.0 / 41.0).abs() < 1e-9);
    }

    #[test]
    fn impossible_levels_are_refused() {
        let new = |dropped: &[Vec<u64>], returned: &[Vec<u64>]| Levels::new(&[101], dropped, returned);
        assert!(matches!(
            new(&[vec![101]], &[vec![]]),
            Err(Error::Modulus {
                reason: "appears twice",
                ..
            })
        ));
        assert!(matches!(
            new(&[vec![103]], &[vec![41]]),
            Err(Error::Modulus { modulus: 41, .. })
        ));
        assert!(matches!(new(&[vec![]], &[vec![]]), Err(Error::Count { .. })));
        assert!(matches!(new(&[vec![103]], &[]), Err(Error::Count { .. })));
        assert!(matches!(new(&[vec![41]], &[vec![101]]), Err(Error::Range { .. })));
    }
}
