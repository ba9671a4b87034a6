//! From the sums of groups to an output: giant steps, and one division.

use super::plan::Group;
use crate::ckks::context::Context;
use crate::ckks::keys::EvaluationKeys;
use crate::ckks::keyswitch::{self, Digits, Then};
use crate::ckks::parallel;
use crate::error::Result;
use crate::math::automorphism::Automorphism;
use crate::math::poly::{Ntt, Poly};

/// Both parts of one thing, for every list of inputs.
type Parts = Vec<[Poly<Ntt>; 2]>;

/// Rotates the groups of one output, adds them up, and divides, for as many lists of inputs.
pub(super) fn gather<'g>(
    context: &Context,
    keys: &EvaluationKeys,
    [level, to]: [usize; 2],
    lists: usize,
    stride: Option<i32>,
    groups: impl Iterator<Item = (&'g Group, Parts)>,
) -> Result<Parts> {
    let mut flat: Option<Parts> = None;
    let mut raised: Option<Parts> = None;
    let mut giants: Vec<Sum> = vec![];
    for (group, parts) in groups {
        let rotated = context.galois_of_rotation(group.giant.into()) != 1;
        match (rotated, group.flat) {
            (false, true) => flat = Some(joined(context, flat, parts)),
            (false, false) => raised = Some(joined(context, raised, parts)),
            (true, flat) => giants.push(Sum {
                rotation: group.giant,
                flat,
                parts,
            }),
        }
    }
    if let Some(stride) = stride {
        giants = walk(context, keys, level, stride, giants)?;
    }
    // As many at a time as there are threads: each has digits in memory.
    while !giants.is_empty() {
        let rest = giants.split_off(giants.len().min(parallel::threads().div_ceil(lists)));
        let into = raised.get_or_insert_with(|| zero(context, level, lists));
        add_rotated(context, keys, level, std::mem::replace(&mut giants, rest), into)?;
    }
    let divided = |special, parts| keyswitch::divide(context, level, to, special, parts);
    let sums = match (flat, raised) {
        (Some(flat), None) if to == level => return Ok(flat),
        (Some(flat), None) => return Ok(flat.into_iter().map(|parts| divided(false, parts)).collect()),
        (Some(flat), Some(mut raised)) => {
            add_times_p(context, &mut raised, &flat);
            raised
        }
        (None, Some(raised)) => raised,
        (None, None) => zero(context, level, lists),
    };
    Ok(sums.into_iter().map(|parts| divided(true, parts)).collect())
}

/// Two sums that are rotated alike: by nothing and by a full turn, for example.
fn joined(context: &Context, sum: Option<Parts>, mut other: Parts) -> Parts {
    for (into, from) in other.iter_mut().flatten().zip(sum.iter().flatten().flatten()) {
        into.add_assign(context.ring(), from);
    }
    other
}

/// A sum that is still to be rotated.
struct Sum {
    rotation: i32,
    /// Modulo Q only; others are modulo Q P, and times P.
    flat: bool,
    parts: Parts,
}

/// Brings sums whose rotations are multiples of `stride` to one for `stride` and one for `-stride`: the furthest comes a stride nearer,
/// where the next one joins it, and so on.
fn walk(
    context: &Context,
    keys: &EvaluationKeys,
    level: usize,
    stride: i32,
    sums: Vec<Sum>,
) -> Result<Vec<Sum>> {
    let (forth, back): (Vec<Sum>, Vec<Sum>) = sums.into_iter().partition(|sum| sum.rotation / stride > 0);
    let mut last = vec![];
    for (stride, mut sums) in [(stride, forth), (-stride, back)] {
        sums.sort_by_key(|sum| sum.rotation / stride);
        while let Some(mut furthest) = sums.pop() {
            let nearer = furthest.rotation - stride;
            furthest.rotation = stride;
            if nearer == 0 {
                last.push(furthest);
                break;
            }
            let lists = furthest.parts.len();
            let mut parts = match sums.pop_if(|next| next.rotation == nearer) {
                Some(next) if next.flat => {
                    let mut raised = zero(context, level, lists);
                    add_times_p(context, &mut raised, &next.parts);
                    raised
                }
                Some(next) => next.parts,
                None => zero(context, level, lists),
            };
            add_rotated(context, keys, level, vec![furthest], &mut parts)?;
            sums.push(Sum {
                rotation: nearer,
                flat: false,
                parts,
            });
        }
    }
    Ok(last)
}

fn zero(context: &Context, level: usize, lists: usize) -> Parts {
    let primes = context.primes(level, true);
    let zero = || [0, 1].map(|_| Poly::zeroed(context.ring(), &primes));
    (0..lists).map(|_| zero()).collect()
}

/// `into += P from` on the Q primes.
fn add_times_p(context: &Context, into: &mut Parts, from: &Parts) {
    for (into, from) in into.iter_mut().flatten().zip(from.iter().flatten()) {
        let limbs = into
            .limbs_mut()
            .split_mut()
            .into_iter()
            .zip(from.limbs().iter().zip(from.primes()))
            .collect();
        parallel::for_each(limbs, |(into, (from, &prime)): (&mut [u64], (&[u64], &u16))| {
            let p = context.special_product(prime);
            context
                .kernels()
                .mul_scalar_add(context.modulus(prime), into, from, p);
        });
    }
}

/// A sum for one list of inputs, about to be rotated.
struct Operand {
    /// Position among the rotations.
    rotation: usize,
    flat: bool,
    s0: Poly<Ntt>,
    /// Modulo Q.
    s1: Poly<Ntt>,
}

impl Operand {
    /// What joins the product with the key at position i.
    fn then<'a>(
        &'a self,
        context: &Context,
        i: usize,
        is_special: bool,
        automorphism: &'a Automorphism,
    ) -> Then<'a> {
        let plus = match (self.flat, is_special) {
            (false, _) => Some((self.s0.limb(i), 1)),
            (true, false) => Some((self.s0.limb(i), context.special_product(self.s0.primes()[i]))),
            (true, true) => None,
        };
        Then {
            plus,
            automorphism: Some(automorphism),
            add: true,
        }
    }
}

/// Adds rotated sums to another, modulo Q P: each piece of a key is read once for all lists.
fn add_rotated(
    context: &Context,
    keys: &EvaluationKeys,
    level: usize,
    sums: Vec<Sum>,
    into: &mut Parts,
) -> Result<()> {
    let mut rotations = vec![];
    let mut parts = vec![];
    for (rotation, sum) in sums.into_iter().enumerate() {
        let (galois, key) = keys.rotation(context, sum.rotation, level)?;
        rotations.push((key, context.automorphism(galois)));
        parts.extend(sum.parts.into_iter().map(|parts| (rotation, sum.flat, parts)));
    }
    let operand = |(rotation, flat, [s0, s1]): (usize, bool, [Poly<Ntt>; 2])| {
        let [s1] = match flat {
            true => [s1],
            false => keyswitch::divide(context, level, level, true, [s1]),
        };
        Operand {
            rotation,
            flat,
            s0,
            s1,
        }
    };
    let operands = parallel::map(parts, operand);
    let digits = parallel::map(operands.iter().collect(), |operand: &Operand| {
        keyswitch::decompose(context, level, &operand.s1)
    });
    let rotated: Vec<(&Operand, &Digits<'_>)> = operands.iter().zip(&digits).collect();
    let primes = context.primes(level, true);
    let limbs = keyswitch::by_position(into).into_iter().enumerate().collect();
    parallel::for_each(limbs, |(i, mut outs): (usize, Vec<[&mut [u64]; 2]>)| {
        let is_special = context.is_special(primes[i]);
        for lists in rotated.chunk_by(|(a, _), (b, _)| a.rotation == b.rotation) {
            let (key, automorphism) = &rotations[lists[0].0.rotation];
            let products: Vec<_> = lists
                .iter()
                .map(|(operand, digits)| (*digits, operand.then(context, i, is_special, automorphism)))
                .collect();
            keyswitch::multiply_limbs(context, key, i, &mut outs, &products, 0..context.degree());
        }
    });
    Ok(())
}
