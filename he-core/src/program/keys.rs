//! Which evaluation keys a program needs, and the highest level each is used at.
//!
//! A key that is never used above level `l` exists only on the primes of the levels up to `l`, so the level decides its size.

use std::collections::BTreeMap;

use super::op::{Op, Program};
use crate::ckks::KeySpec;

/// The evaluation keys of a program.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeySet {
    /// Rotations in `1..slots`, with the highest level of use.
    pub rotations: BTreeMap<i32, u32>,
    /// Highest level at which a product is relinearised.
    pub relinearisation: Option<u32>,
    /// Highest level at which a conjugate is taken.
    pub conjugation: Option<u32>,
    /// Whether ciphertexts are refreshed, which takes encapsulation keys too.
    pub encapsulation: bool,
}

impl From<&KeySet> for KeySpec {
    fn from(keys: &KeySet) -> Self {
        Self {
            relin_level: keys.relinearisation.map(|l| l as usize),
            rotations: keys.rotations.iter().map(|(&r, &l)| (r, l as usize)).collect(),
            conjugation: keys.conjugation.map(|l| l as usize),
        }
    }
}

impl KeySet {
    /// The keys of `program`.
    pub fn of(program: &Program) -> Self {
        let mut keys = Self::default();
        for op in &program.ops {
            let Some(level) = op.operands().first().map(|x| program.values[x.0 as usize].level) else {
                continue;
            };
            match op {
                Op::Linear { terms, .. } => {
                    for t in terms {
                        keys.rotation(t.baby, level);
                        keys.rotation(t.giant, level);
                    }
                }
                Op::RotateSum { stages, .. } => {
                    stages.iter().flatten().for_each(|&r| keys.rotation(r, level))
                }
                Op::Rotate { by, .. } => by.iter().for_each(|&r| keys.rotation(r, level)),
                Op::Multiply { .. } | Op::Square { .. } | Op::Polynomial { .. } => {
                    keys.relinearisation = keys.relinearisation.max(Some(level));
                }
                Op::Conjugate { .. } => keys.conjugation = keys.conjugation.max(Some(level)),
                Op::Input { .. }
                | Op::Add { .. }
                | Op::Sub { .. }
                | Op::AddPlain { .. }
                | Op::Scale { .. }
                | Op::MulI { .. }
                | Op::Adjust { .. }
                | Op::Gather { .. }
                | Op::Select { .. }
                | Op::Refresh { .. } => {}
            }
        }
        if let Some(spec) = program.refreshing() {
            let needed = spec.key_spec();
            let level = |level: Option<usize>| level.map(|level| level as u32);
            keys.relinearisation = keys.relinearisation.max(level(needed.relin_level));
            keys.conjugation = keys.conjugation.max(level(needed.conjugation));
            for (r, level) in needed.rotations {
                keys.rotation(r, level as u32);
            }
            keys.encapsulation = true;
        }
        keys
    }

    fn rotation(&mut self, r: i32, level: u32) {
        if r != 0 {
            let highest = self.rotations.entry(r).or_insert(level);
            *highest = level.max(*highest);
        }
    }

    /// Number of keys, without those of encapsulation.
    pub fn count(&self) -> usize {
        let others = [self.relinearisation, self.conjugation];
        self.rotations.len() + others.iter().flatten().count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::program::{Builder, ChainView, PlainClass, Term};

    #[test]
    fn each_rotation_is_kept_at_its_highest_level() {
        let mut b = Builder::new(16, ChainView::uniform(3, 30.0));
        let x = b.input("x", 1, 3).unwrap();
        let plain = b.factor(x, PlainClass::General, true).unwrap();
        let y = b
            .linear(
                x,
                1,
                vec![Term {
                    output: 0,
                    giant: 4,
                    input: 0,
                    baby: -1,
                    plain,
                }],
            )
            .unwrap();
        let y = b.rotate_sum(y, &[vec![0, 4], vec![0, 2]]).unwrap();
        let y = b.square(y).unwrap();
        let y = b.conjugate(y).unwrap();
        b.output("y", y);
        let keys = KeySet::of(b.program());
        assert_eq!(keys.rotations, BTreeMap::from([(4, 3), (15, 3), (2, 2)]));
        assert_eq!(
            (keys.relinearisation, keys.conjugation, keys.count()),
            (Some(2), Some(1), 5)
        );
    }
}
