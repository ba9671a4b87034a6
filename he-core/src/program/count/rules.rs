//! The cost of every operation. Notation as in the parent module.

use std::collections::BTreeSet;
use std::ops::{Add, Range};

use super::{ChainShape, Counts};
use crate::ckks::linear::GROUP_BYTES_MAX;
use crate::ckks::polynomial::PolynomialPlan;
use crate::params::{Chain, same_scale};
use crate::program::infer::polynomial_levels;
use crate::program::keys::KeySet;
use crate::program::op::{Op, Program, Term, ValueId};

pub(super) const WORD: u64 = 8;

pub(super) struct Counter<'a> {
    pub(super) program: &'a Program,
    pub(super) shape: &'a ChainShape,
    pub(super) keys: &'a KeySet,
    pub(super) chain: Option<&'a Chain>,
}

impl Counter<'_> {
    pub(super) fn op(&self, op: &Op, index: usize) -> Counts {
        let info = &self.program.values[index];
        let tiles = u64::from(info.tiles);
        let level = op
            .operands()
            .first()
            .map_or(info.level, |x| self.program.values[x.0 as usize].level);
        let none = Counts::default();
        match op {
            Op::Input { .. }
            | Op::Add { .. }
            | Op::Sub { .. }
            | Op::MulI { .. }
            | Op::Gather { .. }
            | Op::Select { .. } => none,
            Op::AddPlain { plain, .. } => {
                let plain_bytes = plain.iter().map(|&p| self.plain_bytes(p)).sum();
                Counts { plain_bytes, ..none }
            }
            Op::Linear { terms, rescale, .. } => {
                let bytes = |t: &Term| self.factor_bytes(t.plain, level, t.baby != 0);
                self.linear(terms, level, *rescale, &bytes, None)
            }
            Op::RotateSum { stages, .. } => stages
                .iter()
                .map(|stage| self.rotate_sum(stage, level))
                .fold(none, Add::add)
                .times(tiles),
            Op::Rotate { by, .. } => {
                let turned = by.iter().filter(|&&r| r != 0);
                let one = |_| Counts {
                    rotations: 1,
                    ..self.automorphism(level)
                };
                turned.map(one).fold(none, Add::add)
            }
            Op::Multiply { .. } | Op::Square { .. } => {
                self.combination([level, level - 1], 1, 0).times(tiles)
            }
            Op::Scale { plain, .. } => {
                let product = Counts {
                    plain_bytes: self.plain_bytes(*plain),
                    ..self.plain_product(level)
                };
                (product + self.rescale(level)).times(tiles)
            }
            Op::Conjugate { .. } => self.automorphism(level).times(tiles),
            Op::Adjust { x, level: target } => {
                let readable = self.shape.without(info.level, level).next().is_none();
                if readable && same_scale(self.scale(*x), info.scale) {
                    return none;
                }
                self.adjust(level, *target).times(tiles)
            }
            Op::Polynomial { coefficients, .. } => {
                self.polynomial(coefficients.len() as u32 - 1, level).times(tiles)
            }
            Op::Refresh { .. } => self.refresh(tiles, level),
        }
    }

    fn scale(&self, x: ValueId) -> f64 {
        self.program.values[x.0 as usize].scale
    }

    /// `l` at `level`.
    pub(super) fn limbs(&self, level: u32) -> u64 {
        self.shape.levels.of(level as usize).len() as u64
    }

    pub(super) fn words(&self, level: u32) -> u64 {
        self.limbs(level) * self.shape.degree
    }

    /// `alpha_j` of the digits at `level`.
    fn digits(&self, level: u32) -> Vec<u64> {
        let primes = self.shape.levels.of(level as usize);
        let own = |digit: &Range<u64>| primes.iter().filter(|&&p| digit.contains(&p.into())).count() as u64;
        let digits = self.shape.digits.iter().map(own);
        digits.filter(|&own| own > 0).collect()
    }

    /// Raises one polynomial to QP, digit by digit.
    fn mod_up(&self, level: u32, digits: &[u64]) -> Counts {
        let (l, k) = (self.limbs(level), self.shape.special);
        let ntts = digits.len() as u64 * (l + k);
        let conversion = digits.iter().map(|a| a * (l + k - a)).sum::<u64>();
        Counts {
            ntts,
            conversion_words: conversion * self.shape.degree,
            ..Counts::default()
        }
    }

    /// Product of the raised digits with one key, on all limbs.
    fn inner_product(&self, level: u32, digits: &[u64]) -> Counts {
        Counts {
            key_switches: 1,
            ..self.key_product(level, true, digits)
        }
    }

    fn key_product(&self, level: u32, special: bool, digits: &[u64]) -> Counts {
        let limbs = self.limbs(level) + if special { self.shape.special } else { 0 };
        let halves = 2 * digits.len() as u64;
        Counts {
            mac_words: halves * limbs * self.shape.degree,
            key_bytes: halves * self.shape.packed_bytes(level, special),
            ..Counts::default()
        }
    }

    /// Divides `polys` polynomials down to the primes of level `to`, and by P where `special`.
    fn divide(&self, [from, to]: [u32; 2], special: bool, polys: u64) -> Counts {
        let removed = self.shape.without(from, to).count() as u64;
        let removed = removed + if special { self.shape.special } else { 0 };
        let made = self.limbs(to);
        Counts {
            ntts: removed + made,
            conversion_words: removed * made * self.shape.degree,
            ..Counts::default()
        }
        .times(polys)
    }

    /// Permutes both parts of a ciphertext on `limbs` limbs.
    fn permute(&self, limbs: u64) -> Counts {
        Counts {
            automorphism_words: 2 * limbs * self.shape.degree,
            ..Counts::default()
        }
    }

    /// A rotation or conjugation on its own: switched, permuted, then divided.
    pub(super) fn automorphism(&self, level: u32) -> Counts {
        let digits = self.digits(level);
        let switched = self.mod_up(level, &digits) + self.inner_product(level, &digits);
        switched + self.permute(self.limbs(level) + self.shape.special) + self.divide([level, level], true, 2)
    }

    pub(super) fn plain_product(&self, level: u32) -> Counts {
        Counts {
            mac_words: 2 * self.words(level),
            pt_multiplications: 1,
            ..Counts::default()
        }
    }

    pub(super) fn rescale(&self, level: u32) -> Counts {
        Counts {
            rescales: 1,
            ..self.divide([level, level - 1], false, 2)
        }
    }

    /// A product and a division for each hop of the way down.
    pub(super) fn adjust(&self, level: u32, to: u32) -> Counts {
        let hop = |[above, to]: [u32; 2]| {
            let divided = Counts {
                rescales: 1,
                ..self.divide([above, to], false, 2)
            };
            self.plain_product(above) + divided
        };
        let way = self.shape.way_down(level, to).into_iter();
        way.map(hop).fold(Counts::default(), Add::add)
    }

    /// A sum of tensor products and multiples, relinearised and rescaled in one division.
    pub(super) fn combination(&self, [level, to]: [u32; 2], products: u64, multiples: u64) -> Counts {
        let sum = Counts {
            mac_words: 4 * products * self.words(level),
            ct_multiplications: products,
            pt_multiplications: multiples,
            ..Counts::default()
        };
        if products == 0 {
            return sum
                + Counts {
                    rescales: 1,
                    ..self.divide([level, to], false, 2)
                };
        }
        let digits = self.digits(level);
        let switched = self.mod_up(level, &digits) + self.inner_product(level, &digits);
        let down = Counts {
            rescales: 1,
            ..self.divide([level, to], true, 2)
        };
        sum + switched + down
    }

    /// A hoisted sum: one way up, one way down.
    fn rotate_sum(&self, stage: &[i32], level: u32) -> Counts {
        let rotations = stage.iter().filter(|&&r| r != 0).count() as u64;
        let digits = self.digits(level);
        let down = self.divide([level, level], true, 2);
        if rotations == 0 {
            return down;
        }
        let each = Counts {
            rotations: 1,
            ..self.inner_product(level, &digits)
        } + self.permute(self.limbs(level) + self.shape.special);
        each.times(rotations) + self.mod_up(level, &digits) + down
    }

    /// Groups of one output and giant step are summed modulo Q if no input in them is rotated ("flat"), else modulo QP. `bytes` is the
    /// size of a term's factor. Giant steps are walked to by a stride, if there is one: then only the furthest on either side can be flat
    /// when it is rotated.
    pub(super) fn linear(
        &self,
        terms: &[Term],
        level: u32,
        rescale: bool,
        bytes: &dyn Fn(&Term) -> u64,
        stride: Option<i32>,
    ) -> Counts {
        let mut sum = Counts::default();
        let (l, k) = (self.limbs(level), self.shape.special);
        let groups: Vec<&[Term]> = terms
            .chunk_by(|a, b| (a.output, a.giant) == (b.output, b.giant))
            .collect();
        let flat = |group: &[Term]| group.iter().all(|t| t.baby == 0);
        // Each input that is rotated goes up once; each baby is made anew in every pass.
        let babies = Term::babies(terms);
        let digits = self.digits(level);
        let rotated: BTreeSet<u32> = babies.iter().map(|&(input, _)| input).collect();
        sum += self.mod_up(level, &digits).times(rotated.len() as u64);
        sum.rotations += babies.len() as u64;
        sum.key_switches += babies.len() as u64;
        for pass in passes(
            &groups,
            GROUP_BYTES_MAX as u64 / (2 * (l + k) * WORD * self.shape.degree),
        ) {
            let raised = !pass.iter().all(|group| flat(group));
            let limbs = if raised { l + k } else { l };
            let each = self.key_product(level, raised, &digits) + self.permute(limbs);
            sum += each.times(babies.len() as u64);
        }
        for group in &groups {
            for t in *group {
                let limbs = if t.baby == 0 { l } else { l + k };
                sum.mac_words += 2 * limbs * self.shape.degree;
                sum.pt_multiplications += 1;
                sum.plain_bytes += bytes(t);
            }
            let giant = group[0].giant;
            if giant != 0 {
                let nearer = |other: &Term| {
                    let (here, there) = (i64::from(giant), i64::from(other.giant));
                    here.signum() == there.signum() && here.abs() < there.abs()
                };
                let joined = stride.is_some() && terms.iter().any(nearer);
                if !flat(group) || joined {
                    sum += self.divide([level, level], true, 1);
                }
                sum += self.mod_up(level, &digits) + self.permute(l + k);
                sum += Counts {
                    rotations: 1,
                    ..self.inner_product(level, &digits)
                };
            }
        }
        let to = level - u32::from(rescale);
        for output in groups.chunk_by(|a, b| a[0].output == b[0].output) {
            let raised = output.iter().any(|group| group[0].giant != 0 || !flat(group));
            if raised || rescale {
                sum += self.divide([level, to], raised, 2);
            }
            sum.rescales += u64::from(rescale);
        }
        sum
    }

    /// Paterson and Stockmeyer.
    fn polynomial(&self, degree: u32, level: u32) -> Counts {
        // Coefficients that differ, so that no difference of two vanishes.
        let generic: Vec<f64> = (0..=degree).map(|k| 1.0 / f64::from(k + 2)).collect();
        let planned = self
            .chain
            .and_then(|chain| PolynomialPlan::new(chain, &generic, level as usize).ok());
        match planned {
            Some(plan) => plan
                .steps()
                .map(|(levels, products, multiples)| {
                    self.combination(levels.map(|l| l as u32), products as u64, multiples as u64)
                })
                .fold(Counts::default(), Add::add),
            None => self.estimated_polynomial(degree, level),
        }
    }

    /// `2^s + 2^(L-s) + L - s - 3` products, spread evenly over the levels, and one sum of multiples a leaf.
    pub(super) fn estimated_polynomial(&self, degree: u32, level: u32) -> Counts {
        let levels = polynomial_levels(degree);
        let split = |s: u32| (1u64 << s) + (1u64 << (levels - s)) + u64::from(levels - s) - 3;
        let products = (1..=levels)
            .map(split)
            .min()
            .unwrap_or(1)
            .max(u64::from(degree > 1));
        let leaves = 1u64 << (levels / 2);
        let at = |i: u64, of: u64| level - (i * u64::from(levels) / of) as u32;
        let one = |level, products, multiples| self.combination([level, level - 1], products, multiples);
        let products = (0..products).map(|i| one(at(i, products), 1, 0));
        let leaves = (0..leaves).map(|_| one(level + 1 - levels, 0, u64::from(degree) / leaves));
        products.chain(leaves).fold(Counts::default(), Add::add)
    }
}

/// Cuts groups into passes of at most `limit`, never within an output.
fn passes<'g, 't>(groups: &'g [&'t [Term]], limit: u64) -> Vec<&'g [&'t [Term]]> {
    let (mut passes, mut start, mut end) = (Vec::new(), 0, 0);
    for output in groups.chunk_by(|a, b| a[0].output == b[0].output) {
        if end > start && (end + output.len() - start) as u64 > limit {
            passes.push(&groups[start..end]);
            start = end;
        }
        end += output.len();
    }
    passes.push(&groups[start..end]);
    passes
}
