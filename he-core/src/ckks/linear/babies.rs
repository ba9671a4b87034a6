//! The rotated inputs of a transform.

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

/// Words of each digit that all babies read before the next ones: few enough to stay in a second-level cache.
const DIGIT_WORDS: usize = 1 << 12;

/// The rotated inputs that raised groups read, and what makes them.
pub(super) struct Babies<'a> {
    list: Vec<Baby<'a>>,
    /// Of every input that is rotated.
    digits: Vec<Option<Digits<'a>>>,
}

struct Baby<'a> {
    input: usize,
    /// Key and automorphism; none for a baby that is not rotated.
    rotation: Option<(&'a SwitchKey, Arc<Automorphism>)>,
}

impl<'a> Babies<'a> {
    pub(super) fn new(
        context: &Context,
        keys: &'a EvaluationKeys,
        inputs: &'a [&'a Ciphertext],
        level: usize,
        plan: &LinearPlan,
    ) -> Result<Self> {
        let mut babies = Self {
            list: vec![],
            digits: inputs.iter().map(|_| None).collect(),
        };
        for &(tile, rotation) in &plan.babies {
            let input = tile as usize;
            let made = if context.galois_of_rotation(rotation.into()) == 1 {
                None
            } else {
                let (galois, key) = keys.rotation(context, rotation, level)?;
                babies.digits[input]
                    .get_or_insert_with(|| keyswitch::decompose(context, level, &inputs[input].parts[1]));
                Some((key, context.automorphism(galois)))
            };
            babies.list.push(Baby {
                input,
                rotation: made,
            });
        }
        Ok(babies)
    }

    /// Both halves of every baby at position i, times P: babies that are not rotated vanish modulo special primes.
    pub(super) fn limbs(
        &self,
        context: &Context,
        inputs: &[&Ciphertext],
        i: usize,
        prime: u16,
        is_special: bool,
    ) -> Limbs {
        let (kernels, q, n) = (context.kernels(), context.modulus(prime), context.degree());
        let p = context.special_product(prime);
        let mut out = Limbs::scratch(n, 2 * self.list.len());
        let mut halves = out.split_mut();
        for (baby, pair) in self.list.iter().zip(halves.chunks_exact_mut(2)) {
            if baby.rotation.is_none() {
                for (half, part) in pair.iter_mut().zip(&inputs[baby.input].parts) {
                    match is_special {
                        true => half.fill(0),
                        false => kernels.mul_scalar(q, half, part.limb(i), p),
                    }
                }
            }
        }
        let step = DIGIT_WORDS.min(n);
        let mut rotated: Vec<_> = self.list.iter().zip(halves.chunks_exact_mut(2)).collect();
        let share = rotated.len().div_ceil(parallel::threads()).max(1);
        let shares = rotated.chunks_mut(share).collect();
        parallel::for_each(shares, |share: &mut [(&Baby<'_>, &mut [&mut [u64]])]| {
            for at in (0..n).step_by(step) {
                for (baby, pair) in share.iter_mut() {
                    let (Some((key, automorphism)), Some(digits), [u, w]) =
                        (&baby.rotation, &self.digits[baby.input], &mut **pair)
                    else {
                        continue;
                    };
                    let then = Then {
                        plus: (!is_special).then(|| (inputs[baby.input].parts[0].limb(i), p)),
                        automorphism: Some(automorphism),
                        add: false,
                    };
                    digits.multiply_limb(context, key, i, [u, w], then, at..at + step);
                }
            }
        });
        out
    }
}
