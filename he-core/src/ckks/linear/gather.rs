//! From the sums of groups to an output: giant steps, and one division.

use super::plan::Group;
use crate::ckks::context::Context;
use crate::ckks::keys::EvaluationKeys;
use crate::ckks::keyswitch::{self, Then};
use crate::ckks::parallel;
use crate::error::Result;
use crate::math::poly::{Ntt, Poly};

/// Rotates the groups of one output, adds them up, and divides.
pub(super) fn gather<'g>(
    context: &Context,
    keys: &EvaluationKeys,
    [level, to]: [usize; 2],
    stride: Option<i32>,
    groups: impl Iterator<Item = (&'g Group, [Poly<Ntt>; 2])>,
) -> Result<[Poly<Ntt>; 2]> {
    let mut flat: Option<[Poly<Ntt>; 2]> = None;
    let mut raised: Option<[Poly<Ntt>; 2]> = None;
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
        let rest = giants.split_off(giants.len().min(parallel::threads()));
        let into = raised.get_or_insert_with(|| zero(context, level));
        add_rotated(context, keys, level, std::mem::replace(&mut giants, rest), into)?;
    }
    let sums = match (flat, raised) {
        (Some(flat), None) => {
            return Ok(if to == level {
                flat
            } else {
                keyswitch::divide(context, level, to, false, flat)
            });
        }
        (Some(flat), Some(mut raised)) => {
            for (into, from) in raised.iter_mut().zip(&flat) {
                add_times_p(context, into, from);
            }
            raised
        }
        (None, Some(raised)) => raised,
        (None, None) => zero(context, level),
    };
    Ok(keyswitch::divide(context, level, to, true, sums))
}

/// Two sums that are rotated alike: by nothing and by a full turn, for example.
fn joined(context: &Context, sum: Option<[Poly<Ntt>; 2]>, mut other: [Poly<Ntt>; 2]) -> [Poly<Ntt>; 2] {
    for (into, from) in other.iter_mut().zip(sum.iter().flatten()) {
        into.add_assign(context.ring(), from);
    }
    other
}

/// A sum that is still to be rotated.
struct Sum {
    rotation: i32,
    /// Modulo Q only; others are modulo Q P, and times P.
    flat: bool,
    parts: [Poly<Ntt>; 2],
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
            let mut parts = match sums.pop_if(|next| next.rotation == nearer) {
                Some(next) if next.flat => {
                    let mut raised = zero(context, level);
                    for (into, from) in raised.iter_mut().zip(&next.parts) {
                        add_times_p(context, into, from);
                    }
                    raised
                }
                Some(next) => next.parts,
                None => zero(context, level),
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

fn zero(context: &Context, level: usize) -> [Poly<Ntt>; 2] {
    [0, 1].map(|_| Poly::zeroed(context.ring(), &context.primes(level, true)))
}

/// `into += P from` on the Q primes.
fn add_times_p(context: &Context, into: &mut Poly<Ntt>, from: &Poly<Ntt>) {
    let limbs = into
        .limbs_mut()
        .split_mut()
        .into_iter()
        .zip(from.limbs().iter().zip(from.primes()))
        .collect();
    parallel::for_each(limbs, |(into, (from, &prime)): (&mut [u64], (&[u64], &u16))| {
        context
            .kernels()
            .mul_scalar_add(context.modulus(prime), into, from, context.special_product(prime));
    });
}

/// Adds rotated sums to another, modulo Q P.
fn add_rotated(
    context: &Context,
    keys: &EvaluationKeys,
    level: usize,
    sums: Vec<Sum>,
    into: &mut [Poly<Ntt>; 2],
) -> Result<()> {
    let halves = parallel::map(sums, |sum: Sum| {
        let [s0, s1] = sum.parts;
        let (galois, key) = keys.rotation(context, sum.rotation, level)?;
        let s1 = match sum.flat {
            true => s1,
            false => {
                let [s1] = keyswitch::divide(context, level, level, true, [s1]);
                s1
            }
        };
        Ok((sum.flat, key, context.automorphism(galois), s0, s1))
    });
    let halves: Vec<_> = halves.into_iter().collect::<Result<_>>()?;
    let rotations = parallel::map(halves.iter().collect(), |(_, _, _, _, s1)| {
        keyswitch::decompose(context, level, s1)
    });
    let primes = context.primes(level, true);
    let [a0, a1] = into;
    let limbs = a0
        .limbs_mut()
        .split_mut()
        .into_iter()
        .zip(a1.limbs_mut().split_mut())
        .enumerate()
        .collect();
    parallel::for_each(limbs, |(i, (a0, a1)): (usize, (&mut [u64], &mut [u64]))| {
        for ((flat, key, automorphism, s0, _), digits) in halves.iter().zip(&rotations) {
            let plus = match (flat, i < s0.limbs().count()) {
                (false, _) => Some((s0.limb(i), 1)),
                (true, true) => Some((s0.limb(i), context.special_product(primes[i]))),
                (true, false) => None,
            };
            let then = Then {
                plus,
                automorphism: Some(automorphism),
                add: true,
            };
            let all = 0..context.degree();
            digits.multiply_limb(context, key, i, [&mut *a0, &mut *a1], then, all);
        }
    });
    Ok(())
}
