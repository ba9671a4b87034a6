//! The rotated inputs of a transform.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::plan::LinearPlan;
use crate::ckks::ciphertext::Ciphertext;
use crate::ckks::context::Context;
use crate::ckks::keys::{EvaluationKeys, SwitchKey};
use crate::ckks::keyswitch::{self, Digits, Then};
use crate::ckks::parallel;
use crate::error::Result;
use crate::math::automorphism::Automorphism;
use crate::math::buffer::Limbs;

/// Words of digits that all rotations read before the next ones: few enough to stay in a second-level cache.
const DIGIT_WORDS: usize = 1 << 12;
/// Words of each digit, at least, if many inputs are rotated.
const DIGIT_WORDS_MIN: usize = 1 << 9;

/// The rotated inputs that raised groups read, for every list of inputs, and what makes them.
pub(super) struct Babies<'a> {
    all: &'a [&'a [&'a Ciphertext]],
    count: usize,
    /// Position and input of those that are not rotated.
    still: Vec<(usize, usize)>,
    rotations: Vec<Rotation<'a>>,
    /// Of every list, of every input that is rotated.
    digits: Vec<Vec<Option<Digits<'a>>>>,
}

/// The babies of one rotation.
struct Rotation<'a> {
    key: &'a SwitchKey,
    automorphism: Arc<Automorphism>,
    /// Position and input.
    babies: Vec<(usize, usize)>,
}

/// Both halves of a baby modulo one prime, and what they are made of.
struct Made<'l> {
    digits: &'l Digits<'l>,
    then: Then<'l>,
    halves: [&'l mut [u64]; 2],
}

impl<'a> Babies<'a> {
    pub(super) fn new(
        context: &Context,
        keys: &'a EvaluationKeys,
        all: &'a [&'a [&'a Ciphertext]],
        level: usize,
        plan: &LinearPlan,
    ) -> Result<Self> {
        let mut still = vec![];
        let mut rotated: BTreeMap<i32, Vec<(usize, usize)>> = BTreeMap::new();
        for (position, &(tile, rotation)) in plan.babies.iter().enumerate() {
            let baby = (position, tile as usize);
            match context.galois_of_rotation(rotation.into()) {
                1 => still.push(baby),
                _ => rotated.entry(rotation).or_default().push(baby),
            }
        }
        let mut digits: Vec<Vec<Option<Digits<'_>>>> = all
            .iter()
            .map(|inputs| inputs.iter().map(|_| None).collect())
            .collect();
        let mut rotations = vec![];
        for (rotation, babies) in rotated {
            let (galois, key) = keys.rotation(context, rotation, level)?;
            for (digits, inputs) in digits.iter_mut().zip(all) {
                for &(_, input) in &babies {
                    digits[input]
                        .get_or_insert_with(|| keyswitch::decompose(context, level, &inputs[input].parts[1]));
                }
            }
            rotations.push(Rotation {
                key,
                automorphism: context.automorphism(galois),
                babies,
            });
        }
        Ok(Self {
            all,
            count: plan.babies.len(),
            still,
            rotations,
            digits,
        })
    }

    /// Number of lists of inputs.
    pub(super) fn lists(&self) -> usize {
        self.all.len()
    }

    /// Both halves of every baby of every list at position i, times P: babies that are not rotated vanish modulo special primes.
    pub(super) fn limbs(&self, context: &Context, i: usize, prime: u16) -> Limbs {
        let (kernels, q, n) = (context.kernels(), context.modulus(prime), context.degree());
        let (p, is_special) = (context.special_product(prime), context.is_special(prime));
        let mut out = Limbs::scratch(n, 2 * self.count * self.lists());
        let mut halves: Vec<Option<[&mut [u64]; 2]>> = vec![];
        let mut limbs = out.split_mut().into_iter();
        while let (Some(a), Some(b)) = (limbs.next(), limbs.next()) {
            halves.push(Some([a, b]));
        }
        for (list, inputs) in self.all.iter().enumerate() {
            for &(position, input) in &self.still {
                let halves = halves[list * self.count + position].iter_mut().flatten();
                for (half, part) in halves.zip(&inputs[input].parts) {
                    match is_special {
                        true => half.fill(0),
                        false => kernels.mul_scalar(q, half, part.limb(i), p),
                    }
                }
            }
        }
        let mut rotations: Vec<(&SwitchKey, Vec<Made<'_>>)> = vec![];
        for rotation in &self.rotations {
            let mut made = vec![];
            for (list, inputs) in self.all.iter().enumerate() {
                for &(position, input) in &rotation.babies {
                    let halves = halves[list * self.count + position].take();
                    let (Some(halves), Some(digits)) = (halves, &self.digits[list][input]) else {
                        continue;
                    };
                    let then = Then {
                        plus: (!is_special).then(|| (inputs[input].parts[0].limb(i), p)),
                        automorphism: Some(&rotation.automorphism),
                        add: false,
                    };
                    made.push(Made { digits, then, halves });
                }
            }
            rotations.push((rotation.key, made));
        }
        let rotated = self.digits.iter().flatten().flatten().count().max(1);
        let step = (DIGIT_WORDS / rotated.next_power_of_two())
            .max(DIGIT_WORDS_MIN)
            .min(n);
        let share = rotations.len().div_ceil(parallel::threads()).max(1);
        let shares = rotations.chunks_mut(share).collect();
        parallel::for_each(shares, |share: &mut [(&SwitchKey, Vec<Made<'_>>)]| {
            for at in (0..n).step_by(step) {
                for (key, made) in share.iter_mut() {
                    let products: Vec<_> = made.iter().map(|made| (made.digits, made.then)).collect();
                    let mut outs: Vec<_> = made
                        .iter_mut()
                        .map(|made| made.halves.each_mut().map(|half| &mut **half))
                        .collect();
                    keyswitch::multiply_limbs(context, key, i, &mut outs, &products, at..at + step);
                }
            }
        });
        out
    }

    /// What weights are multiplied with at position i: of every list the babies, then the inputs.
    pub(super) fn factors<'l>(&'l self, made: &'l Limbs, i: usize, is_special: bool) -> Vec<[&'l [u64]; 2]> {
        let mut factors = vec![];
        for (list, inputs) in self.all.iter().enumerate() {
            let positions = (0..self.count).map(|position| 2 * (list * self.count + position));
            factors.extend(positions.map(|at| [made.limb(at), made.limb(at + 1)]));
            // Modulo special primes no group reads an input.
            if !is_special {
                factors.extend(
                    inputs
                        .iter()
                        .map(|input| input.parts.each_ref().map(|part| part.limb(i))),
                );
            }
        }
        factors
    }
}
