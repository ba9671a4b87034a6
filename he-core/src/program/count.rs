//! Counts what a program costs, without running it.
//!
//! Notation: N ring degree, `l` Q limbs at the level of the operation, `d` limbs that its rescale drops, `k` special limbs, digits of
//! `alpha_j` limbs, `beta` of them. One *word* is one residue of one limb. The formulas are those of the algorithms in `ckks`
//! (hybrid key switching, double hoisting, rescale merged into the division by P); the executor counts the same quantities as it
//! goes, and a test compares the two exactly.
//!
//! Source: Bossuat, Mouchet, Troncoso-Pastoriza, Hubaux, "Efficient Bootstrapping for Approximate Homomorphic Encryption with
//! Non-Sparse Keys", Eurocrypt 2021, section 4 (double hoisting).

use std::collections::{BTreeMap, BTreeSet};
use std::ops::{Add, AddAssign, Range};

use serde::{Deserialize, Serialize};

use super::infer::polynomial_levels;
use super::keys::KeySet;
use super::op::{Op, PlainClass, PlainId, Program, Term};
use crate::params::Chain;

/// Work and traffic of an operation, a layer or a program.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Number theoretic transforms of one limb, either direction.
    pub ntts: u64,
    /// Base conversion: source limbs x destination limbs x N.
    pub conversion_words: u64,
    /// Words multiplied and accumulated, in key products, plaintext products and tensor products.
    pub mac_words: u64,
    /// Words permuted by automorphisms.
    pub automorphism_words: u64,
    /// Bytes of expanded evaluation keys read.
    pub key_bytes: u64,
    /// Bytes of encoded plaintexts read.
    pub plain_bytes: u64,
    /// Rotations by a non-zero step, hoisted or not.
    pub rotations: u64,
    /// Key switches: rotations, conjugations and relinearisations.
    pub key_switches: u64,
    /// Products of two ciphertexts, squares included.
    pub ct_multiplications: u64,
    /// Products of a ciphertext and a plaintext.
    pub pt_multiplications: u64,
    /// Rescaled ciphertexts.
    pub rescales: u64,
    /// Refreshed ciphertexts.
    pub refreshes: u64,
}

impl Add for Counts {
    type Output = Self;
    fn add(mut self, o: Self) -> Self {
        self += o;
        self
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, o: Self) {
        self.ntts += o.ntts;
        self.conversion_words += o.conversion_words;
        self.mac_words += o.mac_words;
        self.automorphism_words += o.automorphism_words;
        self.key_bytes += o.key_bytes;
        self.plain_bytes += o.plain_bytes;
        self.rotations += o.rotations;
        self.key_switches += o.key_switches;
        self.ct_multiplications += o.ct_multiplications;
        self.pt_multiplications += o.pt_multiplications;
        self.rescales += o.rescales;
        self.refreshes += o.refreshes;
    }
}

impl Counts {
    /// A linear operation to `outputs` tiles.
    pub(super) fn count_linear(&mut self, terms: &[Term], outputs: u64, rescale: bool) {
        let babies: BTreeSet<_> = terms.iter().filter(|t| t.baby != 0).map(|t| (t.input, t.baby)).collect();
        let giants: BTreeSet<_> = terms.iter().filter(|t| t.giant != 0).map(|t| (t.output, t.giant)).collect();
        let rotations = (babies.len() + giants.len()) as u64;
        self.rotations += rotations;
        self.key_switches += rotations;
        self.pt_multiplications += terms.len() as u64;
        self.rescales += if rescale { outputs } else { 0 };
    }

    /// Products of two ciphertexts, relinearised and rescaled one by one.
    pub(super) fn count_products(&mut self, products: u64) {
        self.ct_multiplications += products;
        self.key_switches += products;
        self.rescales += products;
    }

    /// Combinations of (level, products, multiples), for each of `tiles`.
    pub(super) fn count_polynomial(&mut self, steps: impl Iterator<Item = (usize, usize, usize)>, tiles: u64) {
        for (_, products, multiples) in steps {
            self.ct_multiplications += tiles * products as u64;
            self.pt_multiplications += tiles * multiples as u64;
            self.key_switches += if products > 0 { tiles } else { 0 };
            self.rescales += tiles;
        }
    }

    fn times(mut self, factor: u64) -> Self {
        for field in [
            &mut self.ntts,
            &mut self.conversion_words,
            &mut self.mac_words,
            &mut self.automorphism_words,
            &mut self.key_bytes,
            &mut self.plain_bytes,
            &mut self.rotations,
            &mut self.key_switches,
            &mut self.ct_multiplications,
            &mut self.pt_multiplications,
            &mut self.rescales,
            &mut self.refreshes,
        ] {
            *field *= factor;
        }
        self
    }
}

/// The numbers of limbs of a chain: all that costs depend on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChainShape {
    /// Ring degree N.
    pub degree: u64,
    /// Q limbs of each level, level 0 first.
    pub limbs: Vec<u64>,
    /// Special limbs.
    pub special: u64,
    /// Digits of a key made for each level: runs of Q limbs.
    pub digits: Vec<Vec<Range<u64>>>,
}

impl From<&Chain> for ChainShape {
    fn from(chain: &Chain) -> Self {
        let levels = 0..=chain.top_level();
        let digits = |level| chain.digits(level).into_iter().map(|d| d.start as u64..d.end as u64).collect();
        Self {
            degree: chain.degree() as u64,
            limbs: levels.clone().map(|l| chain.limbs(l) as u64).collect(),
            special: chain.special_count() as u64,
            digits: levels.map(digits).collect(),
        }
    }
}

/// The counts of a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bill {
    /// One entry per operation.
    pub ops: Vec<Counts>,
    /// One entry per layer.
    pub layers: Vec<Counts>,
    /// All together.
    pub total: Counts,
    /// Bytes of the encoded plaintexts that the program reads, each once.
    pub resident_plain_bytes: u64,
    /// Bytes of the expanded evaluation keys, each once.
    pub resident_key_bytes: u64,
    /// Largest number of bytes of ciphertexts alive at once, operands and result of an operation included.
    pub peak_ciphertext_bytes: u64,
}

const WORD: u64 = 8;

/// Counts `program`, which must be verified, on a chain of shape `shape`.
pub fn count(program: &Program, shape: &ChainShape) -> Bill {
    let keys = KeySet::of(program);
    let counter = Counter {
        program,
        shape,
        keys: &keys,
    };
    let ops: Vec<Counts> = program
        .ops
        .iter()
        .enumerate()
        .map(|(i, op)| counter.op(op, i))
        .collect();
    let mut layers = vec![Counts::default(); program.layers.len()];
    let mut total = Counts::default();
    for (info, &counts) in program.values.iter().zip(&ops) {
        layers[info.layer as usize] += counts;
        total += counts;
    }
    Bill {
        ops,
        layers,
        total,
        resident_plain_bytes: counter.resident_plain_bytes(),
        resident_key_bytes: counter.resident_key_bytes(),
        peak_ciphertext_bytes: counter.peak_ciphertext_bytes(),
    }
}

struct Counter<'a> {
    program: &'a Program,
    shape: &'a ChainShape,
    keys: &'a KeySet,
}

impl Counter<'_> {
    fn op(&self, op: &Op, index: usize) -> Counts {
        let info = &self.program.values[index];
        let tiles = u64::from(info.tiles);
        let level = op
            .operands()
            .first()
            .map_or(info.level, |x| self.program.values[x.0 as usize].level);
        let none = Counts::default();
        match op {
            Op::Input { .. } | Op::Add { .. } | Op::Sub { .. } | Op::Gather { .. } | Op::Select { .. } => {
                none
            }
            Op::AddPlain { plain, .. } => {
                let plain_bytes = plain.iter().map(|&p| self.plain_bytes(p)).sum();
                Counts { plain_bytes, ..none }
            }
            // Multiplying by i is a product with two known words a limb.
            Op::MulI { .. } => Counts {
                mac_words: 2 * self.words(level),
                ..none
            }
            .times(tiles),
            Op::Linear {
                x, terms, rescale, ..
            } => {
                let inputs = self.program.values[x.0 as usize].tiles;
                self.linear(terms, inputs, u64::from(info.tiles), level, *rescale)
            }
            Op::RotateSum { stages, .. } => stages
                .iter()
                .map(|stage| self.rotate_sum(stage, level))
                .fold(none, Add::add)
                .times(tiles),
            Op::Rotate { by, .. } => {
                let turned = by.iter().filter(|&&r| r != 0);
                turned
                    .map(|&r| self.rotate_sum(&[0, r], level))
                    .fold(none, Add::add)
            }
            Op::Multiply { .. } => self.product(level, 4).times(tiles),
            Op::Square { .. } => self.product(level, 3).times(tiles),
            Op::Scale { .. } => {
                let product = Counts {
                    mac_words: 2 * self.words(level),
                    pt_multiplications: 1,
                    ..none
                };
                (product + self.rescale(level)).times(tiles)
            }
            Op::Conjugate { .. } => {
                let key_level = self.keys.conjugation.unwrap_or(level);
                (self.switch(level, key_level, 0) + self.automorphism(level)).times(tiles)
            }
            Op::Adjust { level: target, .. } => {
                let product = Counts {
                    mac_words: 2 * self.words(target + 1),
                    pt_multiplications: 1,
                    ..none
                };
                (product + self.rescale(target + 1)).times(tiles)
            }
            Op::Polynomial { coefficients, .. } => {
                self.polynomial(coefficients.len() as u32 - 1, level).times(tiles)
            }
            Op::Refresh { .. } => Counts {
                refreshes: tiles,
                ..none
            },
        }
    }

    /// `l` at `level`.
    fn limbs(&self, level: u32) -> u64 {
        self.shape.limbs[level as usize]
    }

    /// `d` at `level`.
    fn dropped(&self, level: u32) -> u64 {
        self.limbs(level) - self.limbs(level - 1)
    }

    fn words(&self, level: u32) -> u64 {
        self.limbs(level) * self.shape.degree
    }

    /// `alpha_j` of the digits that a key made for `key_level` has at `level`.
    fn digits(&self, level: u32, key_level: u32) -> Vec<u64> {
        let limbs = self.limbs(level);
        let digits = &self.shape.digits[key_level as usize];
        digits
            .iter()
            .filter(|d| d.start < limbs)
            .map(|d| d.end.min(limbs) - d.start)
            .collect()
    }

    /// Raises one polynomial to QP, digit by digit.
    fn mod_up(&self, level: u32, key_level: u32) -> Counts {
        let (l, k) = (self.limbs(level), self.shape.special);
        let digits = self.digits(level, key_level);
        let ntts = digits.len() as u64 * (l + k);
        let conversion = digits.iter().map(|a| a * (l + k - a)).sum::<u64>();
        Counts {
            ntts,
            conversion_words: conversion * self.shape.degree,
            ..Counts::default()
        }
    }

    /// Product of the raised digits with one key.
    fn inner_product(&self, level: u32, key_level: u32) -> Counts {
        let words = 2 * self.digits(level, key_level).len() as u64 * (self.limbs(level) + self.shape.special);
        let mac_words = words * self.shape.degree;
        Counts {
            mac_words,
            key_bytes: mac_words * WORD,
            key_switches: 1,
            ..Counts::default()
        }
    }

    /// Divides `polys` polynomials over QP by P, and by the primes of `drop` more limbs.
    fn mod_down(&self, level: u32, drop: u64, polys: u64) -> Counts {
        let (l, k) = (self.limbs(level), self.shape.special);
        let ntts = (k + drop) + (l - drop);
        let conversion_words = (k + drop) * (l - drop) * self.shape.degree;
        Counts {
            ntts,
            conversion_words,
            ..Counts::default()
        }
        .times(polys)
    }

    /// A whole key switch of one polynomial, dropping `drop` limbs on the way down.
    fn switch(&self, level: u32, key_level: u32, drop: u64) -> Counts {
        self.mod_up(level, key_level) + self.inner_product(level, key_level) + self.mod_down(level, drop, 2)
    }

    /// The automorphism of a ciphertext after its key product: both parts over QP.
    fn automorphism(&self, level: u32) -> Counts {
        let words = 2 * (self.limbs(level) + self.shape.special) * self.shape.degree;
        Counts {
            automorphism_words: words,
            ..Counts::default()
        }
    }

    fn rescale(&self, level: u32) -> Counts {
        let (l, d) = (self.limbs(level), self.dropped(level));
        let conversion_words = 2 * d * (l - d) * self.shape.degree;
        Counts {
            ntts: 2 * l,
            conversion_words,
            rescales: 1,
            ..Counts::default()
        }
    }

    /// Tensor product of `macs` limb products, relinearised and rescaled in one division.
    fn product(&self, level: u32, macs: u64) -> Counts {
        let key_level = self.keys.relinearisation.unwrap_or(level);
        let tensor = Counts {
            mac_words: macs * self.words(level),
            ct_multiplications: 1,
            rescales: 1,
            ..Counts::default()
        };
        tensor + self.switch(level, key_level, self.dropped(level))
    }

    fn key_level(&self, r: i32, level: u32) -> u32 {
        self.keys.rotations.get(&r).copied().unwrap_or(level)
    }

    /// A hoisted sum: one way up for each kind of digits, one way down.
    fn rotate_sum(&self, stage: &[i32], level: u32) -> Counts {
        let key_levels: BTreeSet<u32> = stage[1..].iter().map(|&r| self.key_level(r, level)).collect();
        let up = key_levels
            .iter()
            .map(|&k| self.mod_up(level, k))
            .fold(Counts::default(), Add::add);
        let each = stage[1..].iter().map(|&r| {
            let rotation = Counts {
                rotations: 1,
                ..self.inner_product(level, self.key_level(r, level))
            };
            rotation + self.automorphism(level)
        });
        each.fold(up + self.mod_down(level, 0, 2), Add::add)
    }

    fn linear(&self, terms: &[Term], inputs: u32, outputs: u64, level: u32, rescale: bool) -> Counts {
        let mut sum = Counts::default();
        let babies: BTreeSet<(u32, i32)> = terms
            .iter()
            .filter(|t| t.baby != 0)
            .map(|t| (t.input, t.baby))
            .collect();
        for input in 0..inputs {
            let babies = babies.range((input, 0)..=(input, i32::MAX)).map(|&(_, r)| r);
            let key_levels: BTreeSet<u32> = babies.clone().map(|r| self.key_level(r, level)).collect();
            for &key_level in &key_levels {
                sum += self.mod_up(level, key_level);
            }
            for r in babies {
                sum += Counts {
                    rotations: 1,
                    ..self.inner_product(level, self.key_level(r, level))
                };
                sum += self.automorphism(level);
            }
        }
        let giants: BTreeSet<(u32, i32)> = terms
            .iter()
            .filter(|t| t.giant != 0)
            .map(|t| (t.output, t.giant))
            .collect();
        for &(_, r) in &giants {
            let key_level = self.key_level(r, level);
            sum += self.mod_down(level, 0, 1) + self.mod_up(level, key_level);
            sum += Counts {
                rotations: 1,
                ..self.inner_product(level, key_level)
            };
            sum += self.automorphism(level);
        }
        let raised = !(babies.is_empty() && giants.is_empty());
        let limbs = self.limbs(level) + if raised { self.shape.special } else { 0 };
        for t in terms {
            sum.mac_words += 2 * limbs * self.shape.degree;
            sum.pt_multiplications += 1;
            sum.plain_bytes += self.plain_bytes(t.plain);
        }
        let drop = if rescale { self.dropped(level) } else { 0 };
        sum += match (raised, rescale) {
            (true, _) => {
                let down = self.mod_down(level, drop, 2);
                Counts {
                    rescales: u64::from(rescale),
                    ..down
                }
                .times(outputs)
            }
            (false, true) => self.rescale(level).times(outputs),
            (false, false) => Counts::default(),
        };
        sum
    }

    /// Paterson and Stockmeyer: babies below `2^s`, giants at powers of two, one product per inner node.
    fn polynomial(&self, degree: u32, level: u32) -> Counts {
        let levels = polynomial_levels(degree);
        let split = |s: u32| (1u64 << s) + (1u64 << (levels - s)) + u64::from(levels - s) - 3;
        let products = (1..=levels)
            .map(split)
            .min()
            .unwrap_or(1)
            .max(u64::from(degree > 1));
        let mut sum = Counts::default();
        // Spread evenly over the levels spent; the leaves are sums of scalar products with one rescale a branch.
        for i in 0..products {
            let at = level - (i * u64::from(levels) / products) as u32;
            sum += self.product(at, 4);
        }
        let leaf = level + 1 - levels;
        let words = 2 * u64::from(degree) * self.words(leaf);
        sum += Counts {
            mac_words: words,
            pt_multiplications: u64::from(degree),
            ..Counts::default()
        };
        sum + self.rescale(leaf)
    }

    fn plain_bytes(&self, id: PlainId) -> u64 {
        let info = &self.program.plaintexts[id.0 as usize];
        let limbs = self.limbs(info.level) + if info.special { self.shape.special } else { 0 };
        let words = match info.class {
            PlainClass::Constant => 1,
            // A polynomial in X^g, g = N / (2 period): runs of g equal words.
            PlainClass::Periodic { period } => 2 * u64::from(period),
            PlainClass::General => self.shape.degree,
        };
        limbs * words * WORD
    }

    fn resident_plain_bytes(&self) -> u64 {
        let mut used = BTreeSet::new();
        for op in &self.program.ops {
            match op {
                Op::Linear { terms, .. } => used.extend(terms.iter().map(|t| t.plain)),
                Op::AddPlain { plain, .. } => used.extend(plain),
                Op::Scale { plain, .. } => used.extend([plain]),
                _ => {}
            }
        }
        used.into_iter().map(|id| self.plain_bytes(id)).sum()
    }

    fn resident_key_bytes(&self) -> u64 {
        let others = [self.keys.relinearisation, self.keys.conjugation];
        let levels = self
            .keys
            .rotations
            .values()
            .copied()
            .chain(others.into_iter().flatten());
        let mut by_level: BTreeMap<u32, u64> = BTreeMap::new();
        levels.for_each(|level| *by_level.entry(level).or_default() += 1);
        by_level
            .into_iter()
            .map(|(level, count)| count * self.inner_product(level, level).key_bytes)
            .sum()
    }

    fn peak_ciphertext_bytes(&self) -> u64 {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::program::{Builder, ChainView};

    /// 4 levels of one limb over one base limb, two special limbs, digits of one limb.
    fn shape() -> ChainShape {
        let digits = (1..=5).map(|l| (0..l).map(|i| i..i + 1).collect()).collect();
        ChainShape {
            degree: 32,
            limbs: vec![1, 2, 3, 4, 5],
            special: 2,
            digits,
        }
    }

    fn builder() -> Builder {
        Builder::new(16, ChainView::uniform(4, 40.0))
    }

    #[test]
    fn a_key_switch_takes_beta_plus_two_transforms_of_all_limbs() {
        let mut b = builder();
        let x = b.input("x", 1, 4).unwrap();
        let y = b.rotate_sum(x, &[vec![0, 1]]).unwrap();
        b.output("y", y);
        let total = count(b.program(), &shape()).total;
        assert_eq!(total.ntts, (5 + 2) * (5 + 2));
        assert_eq!((total.rotations, total.key_switches, total.rescales), (1, 1, 0));
        // 5 digits x 1 limb to the other 6, and twice 2 special limbs to 5.
        assert_eq!(total.conversion_words, (5 * 6 + 2 * 2 * 5) * 32);
    }

    #[test]
    fn double_hoisting_pays_once_for_babies_and_once_per_giant() {
        let mut b = builder();
        let x = b.input("x", 1, 4).unwrap();
        let plain = b.factor(x, PlainClass::General, true).unwrap();
        let terms = (0..4).flat_map(|g| (0..4).map(move |r| (4 * g, r)));
        let terms = terms
            .map(|(giant, baby)| Term {
                output: 0,
                giant,
                input: 0,
                baby,
                plain,
            })
            .collect();
        let y = b.linear(x, 1, terms).unwrap();
        b.output("y", y);
        let bill = count(b.program(), &shape());
        // (l + k)(beta + giants (beta + 1) + 2), Bossuat et al.
        assert_eq!(bill.total.ntts, 7 * (5 + 3 * 6 + 2));
        assert_eq!((bill.total.rotations, bill.total.pt_multiplications), (6, 16));
        assert_eq!(bill.resident_plain_bytes, 7 * 32 * 8);
        assert_eq!(bill.total.plain_bytes, 16 * 7 * 32 * 8);
    }

    #[test]
    fn a_key_made_for_a_lower_level_is_smaller() {
        let keys_at = |level| {
            let mut b = builder();
            let x = b.input("x", 1, level).unwrap();
            let y = b.rotate_sum(x, &[vec![0, 3]]).unwrap();
            b.output("y", y);
            count(b.program(), &shape()).resident_key_bytes
        };
        assert_eq!(keys_at(4), 2 * 5 * 7 * 32 * 8);
        assert_eq!(keys_at(1), 2 * 2 * 4 * 32 * 8);
    }

    #[test]
    fn layers_add_up_to_the_total() {
        let mut b = builder();
        b.layer("a");
        let x = b.input("x", 2, 4).unwrap();
        let y = b.square(x).unwrap();
        b.layer("b");
        let z = b.multiply(y, y).unwrap();
        b.output("z", z);
        let bill = count(b.program(), &shape());
        assert_eq!(
            bill.layers.iter().fold(Counts::default(), |a, &c| a + c),
            bill.total
        );
        assert_eq!(bill.layers[1].ct_multiplications, 2);
        // Input (5 limbs) and square (4 limbs) are alive together, two tiles of two parts each.
        assert_eq!(bill.peak_ciphertext_bytes, 2 * 2 * (5 + 4) * 32 * 8);
    }
}
