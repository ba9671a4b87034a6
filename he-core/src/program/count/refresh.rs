//! What refreshing costs: the transforms by their steps, the rest by its levels.

use super::Counts;
use super::rules::{Counter, WORD};
use crate::bootstrap::{EvalMod, Steps};
use crate::program::op::{PlainId, Term};

/// A factor of SlotsToCoeffs or CoeffsToSlots.
pub(super) struct Transform<'c> {
    counter: &'c Counter<'c>,
    level: u32,
    steps: Steps,
}

impl Transform<'_> {
    /// Bytes of the diagonal of a term.
    fn bytes(&self, rotated: bool) -> u64 {
        let (shape, period) = (self.counter.shape, self.steps.period as u64);
        if 2 * period < shape.degree {
            return (self.counter.limbs(self.level) + shape.special) * 2 * period * WORD;
        }
        shape.packed_bytes(self.level, rotated)
    }

    /// Bytes of all diagonals.
    pub(super) fn plain_bytes(&self) -> u64 {
        let bytes = |&(_, baby, _): &(i32, i32, usize)| self.bytes(baby != 0);
        self.steps.all.iter().map(bytes).sum()
    }

    fn counts(&self) -> Counts {
        let term = |&(giant, baby, _): &(i32, i32, usize)| Term {
            output: 0,
            giant,
            input: 0,
            baby,
            plain: PlainId(0),
        };
        let terms: Vec<Term> = self.steps.all.iter().map(term).collect();
        let bytes = |t: &Term| self.bytes(t.baby != 0);
        self.counter
            .linear(&terms, self.level, true, &bytes, Some(self.steps.stride))
    }
}

impl Counter<'_> {
    /// The transforms of refreshing, if the program refreshes.
    pub(super) fn transforms(&self) -> impl Iterator<Item = Transform<'_>> {
        let transforms = self
            .program
            .refreshing()
            .into_iter()
            .flat_map(|spec| spec.transforms());
        transforms.map(|(level, steps)| Transform {
            counter: self,
            level: level as u32,
            steps,
        })
    }

    /// Of `tiles` tiles at `level`, two at a time. Rotations and products inside are no calls of the program: they count as work only.
    pub(super) fn refresh(&self, tiles: u64, level: u32) -> Counts {
        let Some(spec) = &self.program.bootstrap else {
            return Counts::default();
        };
        let (entry, eval_level) = (spec.entry_level() as u32, spec.eval_level() as u32);
        let mut once = self.mod_raise(spec.levels() as u32);
        for transform in self.transforms() {
            once += transform.counts();
        }
        once += self.automorphism(eval_level);
        let mut each = self.eval_mod();
        if level > entry {
            each += self.adjust(level, entry);
        }
        Counts {
            rotations: 0,
            key_switches: 0,
            ct_multiplications: 0,
            pt_multiplications: 0,
            rescales: 0,
            refreshes: tiles,
            ..once.times(tiles.div_ceil(2)) + each.times(tiles)
        }
    }

    /// To the sparse secret modulo q0, up to all primes, and back.
    fn mod_raise(&self, top: u32) -> Counts {
        let (limbs, degree) = (self.limbs(top), self.shape.degree);
        Counts {
            ntts: 6 + 4 * (limbs + 1),
            conversion_words: (3 + 4 * limbs) * degree,
            mac_words: (4 + 2 * (limbs + 1)) * degree,
            ..Counts::default()
        }
    }

    fn eval_mod(&self) -> Counts {
        let Some(spec) = &self.program.bootstrap else {
            return Counts::default();
        };
        let level = spec.eval_level() as u32;
        let planned = self.chain.and_then(|chain| EvalMod::new(chain, spec, 1.0).ok());
        if let Some(eval_mod) = planned {
            let step = |(levels, products, multiples): ([usize; 2], usize, usize)| {
                self.combination(levels.map(|l| l as u32), products as u64, multiples as u64)
            };
            return eval_mod
                .plan()
                .steps()
                .map(step)
                .fold(Counts::default(), |a, b| a + b);
        }
        // The cosine is even: a polynomial of half the degree in T_2.
        let refreshed = spec.refreshed_level() as u32;
        let doubled = refreshed + 1..=refreshed + spec.double_angles as u32;
        let square = |level| self.combination([level, level - 1], 1, 0);
        let mut sum = square(level) + self.estimated_polynomial(spec.degree as u32 / 2, level - 1);
        for level in doubled {
            sum += square(level);
        }
        sum
    }

    /// Bytes of the encapsulation keys: two halves on q0 and p0, two on all Q primes and p0.
    pub(super) fn encapsulation_key_bytes(&self) -> u64 {
        let top = self.shape.levels.len() as u32 - 1;
        let limbs = 2 * 2 + 2 * (self.limbs(top) + 1);
        if self.keys.encapsulation {
            limbs * self.shape.degree * WORD
        } else {
            0
        }
    }
}
