//! Bytes in memory: plaintexts as they are encoded, keys as a server holds them, ciphertexts alive at once.

use std::collections::{BTreeMap, BTreeSet};

use super::rules::{Counter, WORD};
use crate::ckks::KeyMemory;
use crate::program::op::{Op, PlainId};

impl Counter<'_> {
    /// Bytes of a plaintext on its own.
    pub(super) fn plain_bytes(&self, id: PlainId) -> u64 {
        let info = &self.program.plaintexts[id.0 as usize];
        let limbs = self.limbs(info.level) + if info.special { self.shape.special } else { 0 };
        // A polynomial in X^g, g = N / (2 period): runs of g equal words.
        limbs * 2 * self.period(id) * WORD
    }

    fn period(&self, id: PlainId) -> u64 {
        let slots = self.shape.degree / 2;
        self.program.plaintexts[id.0 as usize]
            .class
            .period(slots as usize) as u64
    }

    /// Bytes of a factor of a transform at `level`, which stands packed if it does not repeat. Modulo special primes only rotated
    /// babies meet it.
    pub(super) fn factor_bytes(&self, id: PlainId, level: u32, rotated: bool) -> u64 {
        if 2 * self.period(id) < self.shape.degree {
            return self.plain_bytes(id);
        }
        self.shape.packed_bytes(level, rotated)
    }

    pub(super) fn resident_plain_bytes(&self) -> u64 {
        let (mut alone, mut bytes) = (BTreeSet::new(), 0);
        for op in &self.program.ops {
            match op {
                Op::Linear { x, terms, .. } => {
                    // Whether any term of a factor has a rotated baby.
                    let mut factors: BTreeMap<PlainId, bool> = BTreeMap::new();
                    for t in terms {
                        *factors.entry(t.plain).or_default() |= t.baby != 0;
                    }
                    let level = self.program.values[x.0 as usize].level;
                    bytes += factors
                        .into_iter()
                        .map(|(id, rotated)| self.factor_bytes(id, level, rotated))
                        .sum::<u64>();
                }
                Op::AddPlain { plain, .. } => alone.extend(plain),
                Op::Scale { plain, .. } => alone.extend([plain]),
                _ => {}
            }
        }
        bytes + alone.into_iter().map(|&id| self.plain_bytes(id)).sum::<u64>() + self.transform_bytes()
    }

    pub(super) fn resident_key_bytes(&self) -> u64 {
        let others = [self.keys.relinearisation, self.keys.conjugation];
        let levels = self
            .keys
            .rotations
            .values()
            .copied()
            .chain(others.into_iter().flatten());
        let mut by_level: BTreeMap<u32, u64> = BTreeMap::new();
        levels.for_each(|level| *by_level.entry(level).or_default() += 1);
        let digits = |level: u32| {
            let reach = self.shape.levels.reach(level as usize) as u64;
            self.shape
                .digits
                .iter()
                .filter(|digit| digit.start < reach)
                .count() as u64
        };
        let bytes = |level| 2 * digits(level) * self.shape.packed_key_bytes(level);
        let switching: u64 = by_level
            .into_iter()
            .map(|(level, count)| count * bytes(level))
            .sum();
        let resident = match KeyMemory::of_program(self.keys.encapsulation) {
            KeyMemory::Seeded => switching / 2,
            KeyMemory::Expanded => switching,
        };
        resident + self.encapsulation_key_bytes()
    }

    pub(super) fn peak_ciphertext_bytes(&self) -> u64 {
        let last = self.program.last_uses();
        let bytes = |i: usize| {
            let info = &self.program.values[i];
            u64::from(info.tiles) * 2 * self.words(info.level) * WORD
        };
        let (mut alive, mut peak) = (0, 0);
        for (index, op) in self.program.ops.iter().enumerate() {
            alive += bytes(index);
            peak = peak.max(alive);
            let mut operands = op.operands();
            operands.sort_unstable();
            operands.dedup();
            let freed = operands.iter().filter(|x| last[x.0 as usize] == index);
            alive -= freed.map(|x| bytes(x.0 as usize)).sum::<u64>();
        }
        peak
    }
}
