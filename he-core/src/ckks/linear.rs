//! Linear transforms of many ciphertexts to many, and sums of rotations.
//!
//! Notation: inputs x_i, outputs y_o = sum over the terms of o of `rot_giant(plain . rot_baby(x_i))`. All products of one output and one
//! giant step form a *group*; its sum is rotated once. l limbs, k special primes, beta digits.
//!
//! Each input is decomposed once for all its babies. A baby is an inner product of the digits with a key and stays modulo Q P: it is
//! never divided by P. Groups sum over all inputs before their one key switch, and the outputs gather their groups modulo Q P, to be
//! divided once by P and the level's primes together. Giant steps that are multiples of one stride may be walked to by Horner's rule,
//! with the keys of one stride forth and back. A group whose babies all rotate by zero needs no special primes: it is summed
//! modulo Q ("flat"), and an output of one flat group that is not rotated is only rescaled.
//!
//! The limbs are the outer loop: all babies of one limb are made, used by all groups, and forgotten. So the babies of a whole transform
//! are never in memory together, and the plaintexts are read once, as one stream ([`Weights`]).
//!
//! Source: double hoisting: Bossuat, Mouchet, Troncoso-Pastoriza, Hubaux, EUROCRYPT 2021, algorithm 6.

mod babies;
mod gather;
mod plan;
mod rotate_sum;
#[cfg(feature = "program")]
mod turned;
#[cfg_attr(
    not(feature = "program"),
    expect(dead_code, reason = "only the machine encodes weights row by row")
)]
mod weights;

use std::ops::Range;

use super::ciphertext::{Ciphertext, check_level, check_scale};
use super::context::Context;
use super::encode::Plaintext;
use super::eval::rescaled;
use super::keys::EvaluationKeys;
use super::keyswitch::by_position;
use super::{keyswitch, parallel};
use crate::error::{Error, Result};
use crate::math::kernels::{PanelSums, PanelTerm, RunSums, RunTerm};
use crate::math::poly::{Ntt, Poly};
use babies::Babies;
use gather::gather;
use plan::passes;
pub use plan::{LinearPlan, Term};
pub use rotate_sum::rotate_sum;
#[cfg(feature = "program")]
pub(crate) use turned::{Raised, Turned};
#[cfg(feature = "program")]
pub(crate) use weights::ROWS_AT_ONCE;
pub use weights::Weights;

const OP: &str = "linear transform";

/// Bytes that the sums of groups may take at a time; more outputs are computed in several passes, each making the babies anew.
pub(crate) const GROUP_BYTES_MAX: usize = 1 << 30;

/// Applies a transform whose plaintexts are needed once. `plaintext` gives the plaintext of a term by its `plain`; all of them have one
/// scale.
pub fn transform<'a>(
    context: &Context,
    keys: &EvaluationKeys,
    inputs: &[Ciphertext],
    plan: &LinearPlan,
    plaintext: impl Fn(u32) -> &'a Plaintext + Sync,
) -> Result<Vec<Ciphertext>> {
    let level = inputs.first().map_or(0, Ciphertext::level);
    let weights = Weights::new(context, plan, level, plaintext)?;
    apply(context, keys, &inputs.iter().collect::<Vec<_>>(), plan, &weights)
}

/// Applies a transform. The weights were made for the plan, at the level of the inputs or above.
pub fn apply(
    context: &Context,
    keys: &EvaluationKeys,
    inputs: &[&Ciphertext],
    plan: &LinearPlan,
    weights: &Weights,
) -> Result<Vec<Ciphertext>> {
    Ok(apply_all(context, keys, &[inputs], plan, weights)?.swap_remove(0))
}

/// [`apply`] on several lists of inputs of one level and scale: each piece of a key is read once for all, and so are weights. There are
/// as many lists of results.
pub(crate) fn apply_all(
    context: &Context,
    keys: &EvaluationKeys,
    all: &[&[&Ciphertext]],
    plan: &LinearPlan,
    weights: &Weights,
) -> Result<Vec<Vec<Ciphertext>>> {
    let found = all.iter().map(|inputs| inputs.len()).min().unwrap_or(0);
    let first = all.iter().find_map(|inputs| inputs.first());
    let Some(first) = first.filter(|_| found >= plan.inputs) else {
        return Err(Error::Count {
            what: "input tiles",
            found,
            expected: plan.inputs,
        });
    };
    let (level, scale) = (first.level, first.scale);
    for input in all.iter().copied().flatten() {
        check_level(OP, input.level, level)?;
        check_scale(OP, input.scale, scale)?;
    }
    context.check_readable(OP, weights.level(), level)?;
    let to = if plan.rescale {
        level.checked_sub(1).ok_or(Error::LevelsExhausted { op: OP })?
    } else {
        level
    };
    let result_scale = scale * weights.scale();
    let result_scale = if plan.rescale {
        rescaled(context, level, result_scale)
    } else {
        result_scale
    };

    let babies = Babies::new(context, keys, all, level, plan)?;
    let raised = context.raised_limbs(level);
    let group_bytes = 2 * raised * 8 * context.degree() * all.len();
    let mut outputs: Vec<Vec<Ciphertext>> = all.iter().map(|_| Vec::with_capacity(plan.outputs)).collect();
    for pass in passes(&plan.groups, GROUP_BYTES_MAX / group_bytes) {
        let groups = &plan.groups[pass.clone()];
        let mut sums = sum_groups(context, level, plan, pass, &babies, weights);
        for output in groups.chunk_by(|a, b| a.output == b.output) {
            let sums = sums.drain(..output.len());
            let made = gather(
                context,
                keys,
                [level, to],
                all.len(),
                plan.stride,
                output.iter().zip(sums),
            )?;
            for (outputs, parts) in outputs.iter_mut().zip(made) {
                outputs.push(Ciphertext {
                    parts,
                    level: to,
                    scale: result_scale,
                });
            }
        }
    }
    Ok(outputs)
}

/// Of every group, both sums for every list of inputs: flat ones on the Q primes, the others also on the special ones and times P.
fn sum_groups(
    context: &Context,
    level: usize,
    plan: &LinearPlan,
    pass: Range<usize>,
    babies: &Babies<'_>,
    weights: &Weights,
) -> Vec<Vec<[Poly<Ntt>; 2]>> {
    let n = context.degree();
    let groups = &plan.groups[pass.clone()];
    let lists = babies.lists();
    let mut sums: Vec<Vec<[Poly<Ntt>; 2]>> = groups
        .iter()
        .map(|group| {
            let primes = context.primes(level, !group.flat);
            (0..lists).map(|_| keyswitch::room(context, &primes)).collect()
        })
        .collect();
    // For each limb, the limbs of all groups that reach it.
    let primes = context.primes(level, groups.iter().any(|group| !group.flat));
    let mut work: Vec<(usize, u16, Vec<GroupLimb<'_>>)> = primes
        .iter()
        .enumerate()
        .map(|(i, &prime)| (i, prime, vec![]))
        .collect();
    for (group, sums) in pass.zip(&mut sums) {
        for (limbs, (_, _, reached)) in by_position(sums).into_iter().zip(&mut work) {
            reached.extend(
                limbs
                    .into_iter()
                    .enumerate()
                    .map(|(list, limbs)| ([list, group], limbs)),
            );
        }
    }
    parallel::for_each(work, |(i, prime, mut reached)| {
        let (kernels, q) = (context.kernels(), context.modulus(prime));
        let made = babies.limbs(context, i, prime);
        let factors = babies.factors(&made, i, context.is_special(prime));
        let offset = |list: usize| (list * factors.len() / lists) as u32;
        let limb = weights.limb(context, prime);
        // Groups that read the same factors side by side.
        reached.sort_by_key(|&([list, group], _)| (list, limb.class(group)));
        let (groups, outs): (Vec<[usize; 2]>, Vec<[&mut [u64]; 2]>) = reached.into_iter().unzip();
        let packed: Vec<Vec<PanelTerm>> = groups
            .iter()
            .map(|&[list, group]| limb.packed(group, offset(list)).collect())
            .collect();
        let packed: Vec<&[PanelTerm]> = packed.iter().map(Vec::as_slice).collect();
        let runs: Vec<Vec<RunTerm<'_>>> = groups
            .iter()
            .map(|&[list, group]| limb.runs(context, group, offset(list)).collect())
            .collect();
        let runs: Vec<&[RunTerm<'_>]> = runs.iter().map(Vec::as_slice).collect();
        let unstructured = packed.iter().any(|terms| !terms.is_empty());
        let packed = PanelSums {
            panel: limb.panel(context),
            factors: &factors,
            terms: &packed,
        };
        let repeating = RunSums {
            factors: &factors,
            terms: &runs,
            add: unstructured,
        };
        let mut stretches: Vec<Stretch<'_>> = parallel::stretches(n)
            .into_iter()
            .map(|range| (range, vec![]))
            .collect();
        for [s0, s1] in outs {
            let pieces = parallel::cut(s0).zip(parallel::cut(s1));
            for ((_, stretch), (s0, s1)) in stretches.iter_mut().zip(pieces) {
                stretch.push([s0, s1]);
            }
        }
        parallel::for_each(stretches, |(range, mut outs): Stretch<'_>| {
            if unstructured {
                kernels.panel_sums(q, &mut outs, &packed, range.clone());
            }
            if !unstructured || runs.iter().any(|terms| !terms.is_empty()) {
                kernels.run_sums(q, &mut outs, &repeating, range);
            }
        });
    });
    sums
}

/// One limb of both sums of a group, by the list of inputs and the group's position.
type GroupLimb<'s> = ([usize; 2], [&'s mut [u64]; 2]);

/// A stretch of one limb of both sums of every group.
type Stretch<'s> = (Range<usize>, Vec<[&'s mut [u64]; 2]>);

#[cfg(test)]
mod tests;
