//! What refreshing costs: the transforms by their steps, the rest by its levels.

use super::Counts;
use super::rules::{Counter, WORD};
use crate::bootstrap::{BootstrapSpec, EvalMod, Steps, TOGETHER};
use crate::ckks::EncapsulationKeys;
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
    fn plain_bytes(&self) -> u64 {
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
    /// The transforms of refreshing behind the turns, if the program refreshes.
    fn transforms(&self) -> impl Iterator<Item = Transform<'_>> {
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

    /// Of `tiles` tiles at `level`, two as a pair, [`TOGETHER`] for each reading of the keys. Rotations and products inside are no calls of
    /// the program: they count as work only.
    pub(super) fn refresh(&self, tiles: u64, level: u32) -> Counts {
        let Some(spec) = &self.program.bootstrap else {
            return Counts::default();
        };
        let (entry, eval_level) = (spec.entry_level() as u32, spec.eval_level() as u32);
        let top = spec.levels() as u32;
        let mut once = self.mod_raise(top) + self.first_factor(top);
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
            key_bytes: tiles.div_ceil(TOGETHER as u64) * (once.key_bytes + each.key_bytes),
            ..once.times(tiles.div_ceil(2)) + each.times(tiles)
        }
    }

    /// To the sparse secret modulo q0, and up to all primes.
    fn mod_raise(&self, top: u32) -> Counts {
        let (limbs, degree) = (self.limbs(top), self.shape.degree);
        Counts {
            ntts: 6 + 2 * (limbs + 1),
            conversion_words: (3 + 2 * limbs) * degree,
            mac_words: 4 * degree,
            ..Counts::default()
        }
    }

    fn turns(&self) -> u64 {
        EncapsulationKeys::turns(self.shape.degree as usize / 2) as u64
    }

    /// The turns of a raised ciphertext: a product with a plaintext and one with a key each, and one division for all.
    fn first_factor(&self, top: u32) -> Counts {
        let (limbs, degree, turns) = (self.limbs(top) + 1, self.shape.degree, self.turns());
        let removed = self.shape.without(top, top - 1).count() as u64 + 1;
        let made = self.limbs(top - 1);
        Counts {
            ntts: 2 * (removed + made),
            conversion_words: 2 * removed * made * degree,
            mac_words: 4 * turns * limbs * degree,
            automorphism_words: 2 * (turns - 1) * limbs * degree,
            key_bytes: 2 * turns * self.turn_bytes(top),
            plain_bytes: turns * self.turn_bytes(top),
            ..Counts::default()
        }
    }

    /// Bytes of a packed polynomial on all Q primes of a level and the first special one.
    fn turn_bytes(&self, level: u32) -> u64 {
        let special = self.shape.bits[self.shape.bits.len() - self.shape.special as usize];
        self.shape.packed_bytes(level, false) + special * self.shape.degree / 8
    }

    /// Bytes of the diagonals of all transforms, if the program refreshes.
    pub(super) fn transform_bytes(&self) -> u64 {
        let first = |spec: &BootstrapSpec| self.turns() * self.turn_bytes(spec.levels() as u32);
        let others: u64 = self.transforms().map(|transform| transform.plain_bytes()).sum();
        self.program.refreshing().map_or(0, first) + others
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

    /// Bytes of the encapsulation keys: two halves on q0 and p0, and one of each turn on all Q primes and p0, packed.
    pub(super) fn encapsulation_key_bytes(&self) -> u64 {
        let top = self.shape.levels.top() as u32;
        if self.keys.encapsulation {
            2 * 2 * self.shape.degree * WORD + self.turns() * self.turn_bytes(top)
        } else {
            0
        }
    }
}
