//! Sets of rotations as bits.

/// A set of numbers below a power of two, one bit each.
#[derive(Clone, Debug)]
pub struct Amounts(Vec<u64>);

impl Amounts {
    const WORD: usize = u64::BITS as usize;

    /// The empty set of numbers below `bound`.
    pub fn none(bound: usize) -> Self {
        Amounts(vec![0; bound.div_ceil(Self::WORD)])
    }

    /// Adds a number.
    pub fn insert(&mut self, number: usize) {
        self.0[number / Self::WORD] |= 1 << (number % Self::WORD);
    }

    /// Whether a number is a member.
    pub fn contains(&self, number: usize) -> bool {
        self.0[number / Self::WORD] >> (number % Self::WORD) & 1 == 1
    }

    /// Takes a number away.
    pub fn remove(&mut self, number: usize) {
        self.0[number / Self::WORD] &= !(1 << (number % Self::WORD));
    }

    /// Adds all of another set.
    pub fn extend(&mut self, other: &Amounts) {
        self.0.iter_mut().zip(&other.0).for_each(|(a, b)| *a |= b);
    }

    /// Number of members.
    pub fn count(&self) -> usize {
        self.0.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// The members, ascending.
    pub fn iter(&self) -> impl Iterator<Item = usize> {
        let words = self.0.iter().enumerate().filter(|(_, word)| **word != 0);
        words.flat_map(|(i, &word)| {
            // Without their lowest member, until none is left.
            let rests = std::iter::successors(Some(word), |&rest| {
                Some(rest & (rest - 1)).filter(|&rest| rest != 0)
            });
            rests.map(move |rest| i * Self::WORD + rest.trailing_zeros() as usize)
        })
    }

    /// The remainders modulo a power of two.
    pub fn modulo(&self, modulus: usize) -> Self {
        let mut residues = Self::none(modulus);
        let words = residues.0.len();
        for chunk in self.0.chunks(words) {
            residues.0.iter_mut().zip(chunk).for_each(|(a, b)| *a |= b);
        }
        if modulus < Self::WORD {
            let folded = (0..Self::WORD / modulus).fold(0, |all, i| all | residues.0[0] >> (i * modulus));
            residues.0[0] = folded & ((1 << modulus) - 1);
        }
        residues
    }

    /// The quotients by a power of two.
    pub fn blocks(&self, width: usize) -> Self {
        let mut blocks = Self::none(self.0.len() * Self::WORD / width);
        if width >= Self::WORD {
            for (block, chunk) in self.0.chunks(width / Self::WORD).enumerate() {
                if chunk.iter().any(|&word| word != 0) {
                    blocks.insert(block);
                }
            }
        } else {
            self.iter().for_each(|number| blocks.insert(number / width));
        }
        blocks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remainders_and_quotients_are_those_of_the_members() {
        for bound in [16usize, 64, 256] {
            let members: Vec<usize> = (0..bound).filter(|i| i * i % 23 == 8 || i % 61 == 5).collect();
            let mut set = Amounts::none(bound);
            members.iter().for_each(|&member| set.insert(member));
            assert!((0..bound).all(|number| set.contains(number) == members.contains(&number)));
            assert_eq!(set.iter().collect::<Vec<_>>(), members);
            for log in 0..=bound.ilog2() {
                let by = 1 << log;
                let distinct = |f: fn(usize, usize) -> usize| {
                    let mut all: Vec<usize> = members.iter().map(|&member| f(member, by)).collect();
                    all.sort_unstable();
                    all.dedup();
                    all
                };
                assert_eq!(
                    set.modulo(by).iter().collect::<Vec<_>>(),
                    distinct(|a, b| a % b),
                    "{by}"
                );
                assert_eq!(
                    set.blocks(by).iter().collect::<Vec<_>>(),
                    distinct(|a, b| a / b),
                    "{by}"
                );
                assert_eq!(set.blocks(by).count(), distinct(|a, b| a / b).len());
            }
        }
    }
}
