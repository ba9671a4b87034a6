//! Linear transforms of many ciphertexts to many, and sums of rotations.
//!
//! Notation: inputs x_i, outputs y_o = sum over the terms of o of `rot_giant(plain . rot_baby(x_i))`. All products of one output and one
//! giant step form a *group*; its sum is rotated once. l limbs, k special primes, beta digits.
//!
//! Each input is decomposed once for all its babies. A baby is an inner product of the digits with a key and stays modulo Q P: it is
//! never divided by P. Groups sum over all inputs before their one key switch, and the outputs gather their groups modulo Q P, to be
//! divided once by P and the level's primes together. A group whose babies all rotate by zero needs no special primes: it is summed
//! modulo Q ("flat"), and an output of one flat group that is not rotated is only rescaled.
//!
//! The limbs are the outer loop: all babies of one limb are made, used by all groups, and forgotten. So the babies of a whole transform
//! are never in memory together, and the plaintexts are read once.
//!
//! Source: double hoisting: Bossuat, Mouchet, Troncoso-Pastoriza, Hubaux, EUROCRYPT 2021, algorithm 6.

use std::collections::BTreeMap;
use std::ops::Range;

use super::ciphertext::{Ciphertext, check_level, check_scale};
use super::context::Context;
use super::encode::Plaintext;
use super::eval::{Hoisted, rescaled};
use super::keys::{EvaluationKeys, SwitchKey};
use super::{keyswitch, parallel};
use crate::error::{Error, Result};
use crate::math::automorphism::Automorphism;
use crate::math::buffer::Limbs;
use crate::math::kernels::Run;
use crate::math::poly::{Ntt, Poly};
use std::sync::Arc;

/// One product: `rot_giant(plain . rot_baby(input))`, added to an output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Term {
    /// Output tile.
    pub output: u32,
    /// Rotation of the product.
    pub giant: i32,
    /// Input tile.
    pub input: u32,
    /// Rotation of the input.
    pub baby: i32,
    /// The plaintext, rotated by `-giant` beforehand: what the caller's table of plaintexts knows it by.
    pub plain: u32,
}

/// The shape of a transform: its terms in groups.
#[derive(Clone, Debug)]
pub struct LinearPlan {
    terms: Vec<Term>,
    groups: Vec<Group>,
    outputs: usize,
    inputs: usize,
    rescale: bool,
}

#[derive(Clone, Debug)]
struct Group {
    output: usize,
    giant: i32,
    terms: Range<usize>,
    /// No baby is rotated.
    flat: bool,
}

impl LinearPlan {
    /// Groups the terms, which are sorted by output and giant step. Every output has a term. Without `rescale` the results keep the
    /// product of both scales and their level.
    pub fn new(outputs: usize, terms: Vec<Term>, rescale: bool) -> Result<Self> {
        let mut groups: Vec<Group> = vec![];
        for (i, term) in terms.iter().enumerate() {
            let output = term.output as usize;
            match groups.last_mut() {
                Some(group) if (group.output, group.giant) == (output, term.giant) => {
                    group.terms.end = i + 1;
                    group.flat &= term.baby == 0;
                }
                _ => groups.push(Group {
                    output,
                    giant: term.giant,
                    terms: i..i + 1,
                    flat: term.baby == 0,
                }),
            }
        }
        if !groups.is_sorted_by_key(|group| (group.output, group.giant)) {
            return Err(Error::Terms {
                reason: "they are not sorted by output and giant step",
            });
        }
        let mut named: Vec<usize> = groups.iter().map(|group| group.output).collect();
        named.dedup();
        if outputs == 0 || named != (0..outputs).collect::<Vec<_>>() {
            return Err(Error::Terms {
                reason: "an output has none, or is out of range",
            });
        }
        let inputs = terms
            .iter()
            .map(|term| term.input as usize + 1)
            .max()
            .unwrap_or(0);
        Ok(Self {
            terms,
            groups,
            outputs,
            inputs,
            rescale,
        })
    }

    /// Whether the plaintext of a term must stand on the special primes as well: if its group has a rotated baby.
    pub fn needs_special(&self, term: usize) -> bool {
        self.groups
            .iter()
            .any(|group| group.terms.contains(&term) && !group.flat)
    }
}

/// Bytes that the sums of groups may take at a time; more outputs are computed in several passes, each making the babies anew.
pub(crate) const GROUP_BYTES_MAX: usize = 1 << 30;

/// Words of babies that a group's inner product reads at a time: half of a second-level cache.
const BABY_WORDS: usize = 1 << 16;

/// Applies a transform. `plaintext` gives the plaintext of a term by its `plain`; all of them have one scale.
pub fn transform<'a>(
    context: &Context,
    keys: &EvaluationKeys,
    inputs: &[Ciphertext],
    plan: &LinearPlan,
    plaintext: impl Fn(u32) -> &'a Plaintext + Sync,
) -> Result<Vec<Ciphertext>> {
    transform_refs(context, keys, &inputs.iter().collect::<Vec<_>>(), plan, plaintext)
}

/// As [`transform`], for inputs that do not lie side by side.
pub fn transform_refs<'a>(
    context: &Context,
    keys: &EvaluationKeys,
    inputs: &[&Ciphertext],
    plan: &LinearPlan,
    plaintext: impl Fn(u32) -> &'a Plaintext + Sync,
) -> Result<Vec<Ciphertext>> {
    const OP: &str = "linear transform";
    if inputs.len() < plan.inputs || inputs.is_empty() {
        return Err(Error::Count {
            what: "input tiles",
            found: inputs.len(),
            expected: plan.inputs,
        });
    }
    let (level, scale) = (inputs[0].level, inputs[0].scale);
    let plain_scale = plan
        .terms
        .first()
        .map_or(1.0, |term| plaintext(term.plain).scale());
    for input in inputs {
        check_level(OP, input.level, level)?;
        check_scale(OP, input.scale, scale)?;
    }
    for group in &plan.groups {
        for term in &plan.terms[group.terms.clone()] {
            let plain = plaintext(term.plain);
            check_scale(OP, plain.scale(), plain_scale)?;
            if plain.level() < level {
                return Err(Error::Level {
                    op: OP,
                    found: plain.level(),
                    expected: level,
                });
            }
            if !group.flat && !plain.is_special() {
                return Err(Error::PlaintextLimbs {
                    op: OP,
                    missing: "the special primes",
                });
            }
        }
    }
    let to = if plan.rescale {
        level.checked_sub(1).ok_or(Error::LevelsExhausted { op: OP })?
    } else {
        level
    };
    let result_scale = scale * plain_scale;
    let result_scale = if plan.rescale {
        rescaled(context, level, result_scale)
    } else {
        result_scale
    };

    let babies = Babies::new(context, keys, inputs, level, plan)?;
    let raised = context.raised_limbs(level);
    let group_bytes = 2 * raised * 8 * context.degree();
    let mut outputs = Vec::with_capacity(plan.outputs);
    for groups in passes(&plan.groups, GROUP_BYTES_MAX / group_bytes) {
        let mut sums = sum_groups(context, inputs, level, plan, groups, &babies, &plaintext);
        for output in groups.chunk_by(|a, b| a.output == b.output) {
            let sums = sums.drain(..output.len());
            let parts = gather(context, keys, level, to, output.iter().zip(sums))?;
            outputs.push(Ciphertext {
                parts,
                level: to,
                scale: result_scale,
            });
        }
    }
    Ok(outputs)
}

/// Cuts the groups into passes of at most `limit`, never within an output.
fn passes(groups: &[Group], limit: usize) -> Vec<&[Group]> {
    let (mut passes, mut start, mut end) = (vec![], 0, 0);
    for output in groups.chunk_by(|a, b| a.output == b.output) {
        if end > start && end + output.len() - start > limit {
            passes.push(&groups[start..end]);
            start = end;
        }
        end += output.len();
    }
    passes.push(&groups[start..end]);
    passes
}

/// The rotated inputs that raised groups read, and what makes them.
struct Babies<'a> {
    /// Position of (input, baby) in `list`.
    index: BTreeMap<(u32, i32), usize>,
    list: Vec<Baby<'a>>,
    hoisted: Vec<Hoisted<'a>>,
}

struct Baby<'a> {
    input: usize,
    /// Key, automorphism and position of the digits; none for a baby that is not rotated.
    rotation: Option<(&'a SwitchKey, Arc<Automorphism>, usize)>,
}

impl<'a> Babies<'a> {
    fn new(
        context: &Context,
        keys: &'a EvaluationKeys,
        inputs: &'a [&'a Ciphertext],
        level: usize,
        plan: &LinearPlan,
    ) -> Result<Self> {
        let mut babies = Self {
            index: BTreeMap::new(),
            list: vec![],
            hoisted: vec![],
        };
        babies.hoisted.resize_with(inputs.len(), Hoisted::default);
        let raised = plan.groups.iter().filter(|group| !group.flat);
        let mut wanted: Vec<_> = raised
            .flat_map(|group| &plan.terms[group.terms.clone()])
            .map(|term| (term.input, term.baby))
            .collect();
        wanted.sort_unstable();
        wanted.dedup();
        for (tile, rotation) in wanted {
            let input = tile as usize;
            let made = if context.galois_of_rotation(rotation.into()) == 1 {
                None
            } else {
                let (galois, key) = keys.rotation(context, rotation, level)?;
                let digits =
                    babies.hoisted[input].ensure(context, key.level(), level, &inputs[input].parts[1]);
                Some((key, context.automorphism(galois), digits))
            };
            babies.index.insert((tile, rotation), babies.list.len());
            babies.list.push(Baby {
                input,
                rotation: made,
            });
        }
        Ok(babies)
    }

    /// Both halves of every baby at position i, times P; babies that are not rotated vanish at special primes.
    fn limbs(
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
        let mut scratch = Limbs::scratch(n, 2);
        for (baby, pair) in self.list.iter().zip(out.split_mut().chunks_exact_mut(2)) {
            let [c0, c1] = &inputs[baby.input].parts;
            let [u, w] = pair else { continue };
            match &baby.rotation {
                // Not read either.
                None if is_special => {}
                None => {
                    kernels.mul_scalar(q, u, c0.limb(i), p);
                    kernels.mul_scalar(q, w, c1.limb(i), p);
                }
                Some((key, automorphism, digits)) => {
                    let mut products = scratch.split_mut();
                    let [r0, r1] = &mut products[..] else { continue };
                    self.hoisted[baby.input]
                        .at(*digits)
                        .multiply_limb(context, key, i, prime, [r0, r1]);
                    if !is_special {
                        kernels.mul_scalar_add(q, r0, c0.limb(i), p);
                    }
                    automorphism.apply(kernels, u, r0);
                    automorphism.apply(kernels, w, r1);
                }
            }
        }
        out
    }
}

/// Both sums of every group: flat ones on the Q primes, the others also on the special ones and times P.
fn sum_groups<'a>(
    context: &Context,
    inputs: &[&Ciphertext],
    level: usize,
    plan: &LinearPlan,
    groups: &[Group],
    babies: &Babies<'_>,
    plaintext: &(impl Fn(u32) -> &'a Plaintext + Sync),
) -> Vec<[Poly<Ntt>; 2]> {
    let q_limbs = context.chain().limbs(level);
    let mut sums: Vec<[Poly<Ntt>; 2]> = groups
        .iter()
        .map(|group| [0, 1].map(|_| Poly::zeroed(context.ring(), &context.primes(level, !group.flat))))
        .collect();
    // For each limb, the limbs of all groups that reach it.
    let primes = context.primes(level, groups.iter().any(|group| !group.flat));
    let mut work: Vec<(usize, u16, Vec<GroupLimb<'_, '_>>)> = primes
        .iter()
        .enumerate()
        .map(|(i, &prime)| (i, prime, vec![]))
        .collect();
    for (group, [s0, s1]) in groups.iter().zip(&mut sums) {
        let limbs = s0
            .limbs_mut()
            .split_mut()
            .into_iter()
            .zip(s1.limbs_mut().split_mut());
        for ((s0, s1), (_, _, reached)) in limbs.zip(&mut work) {
            reached.push(GroupLimb { group, out: [s0, s1] });
        }
    }
    parallel::for_each(work, |(i, prime, mut reached)| {
        let is_special = i >= q_limbs;
        let made = babies.limbs(context, inputs, i, prime, is_special);
        let words = 2 * babies.list.len().max(inputs.len());
        let chunk = (BABY_WORDS / words)
            .max(512)
            .next_power_of_two()
            .min(context.degree());
        for at in (0..context.degree()).step_by(chunk) {
            let range = at..at + chunk;
            for GroupLimb { group, out } in &mut reached {
                let (mut general, mut runs) = (vec![], [vec![], vec![]]);
                for term in &plan.terms[group.terms.clone()] {
                    let plain = plaintext(term.plain);
                    let [u, w] = if group.flat {
                        let [c0, c1] = &inputs[term.input as usize].parts;
                        [c0.limb(i), c1.limb(i)]
                    } else {
                        if is_special
                            && babies.list[babies.index[&(term.input, term.baby)]]
                                .rotation
                                .is_none()
                        {
                            continue;
                        }
                        let baby = 2 * babies.index[&(term.input, term.baby)];
                        [made.limb(baby), made.limb(baby + 1)]
                    };
                    let (u, w) = (&u[range.clone()], &w[range.clone()]);
                    let position = if is_special {
                        plain.special_limb(context, i - q_limbs)
                    } else {
                        i
                    };
                    match plain.general_limb(position) {
                        Some(words) => general.push((&words[range.clone()], u, w)),
                        None => {
                            let run = part_of_run(plain.limb(position), &range);
                            runs[0].push((u, run));
                            runs[1].push((w, run));
                        }
                    }
                }
                let (kernels, q) = (context.kernels(), context.modulus(prime));
                let [s0, s1] = out.each_mut().map(|limb| &mut limb[range.clone()]);
                if !general.is_empty() {
                    kernels.inner_product_pair_add(q, [&mut *s0, &mut *s1], &general);
                }
                if !runs[0].is_empty() {
                    kernels.inner_product_runs_add(q, s0, &runs[0]);
                    kernels.inner_product_runs_add(q, s1, &runs[1]);
                }
            }
        }
    });
    sums
}

/// One limb of both sums of a group.
struct GroupLimb<'g, 's> {
    group: &'g Group,
    out: [&'s mut [u64]; 2],
}

/// The words of `run` in a range whose length is a power of two and divides its start.
fn part_of_run<'a>(run: Run<'a>, range: &Range<usize>) -> Run<'a> {
    let first = range.start / run.run;
    if run.run >= range.len() {
        return Run {
            words: &run.words[first..=first],
            run: range.len(),
        };
    }
    Run {
        words: &run.words[first..range.end / run.run],
        run: run.run,
    }
}

/// Rotates the groups of one output, adds them up, and divides.
fn gather<'g>(
    context: &Context,
    keys: &EvaluationKeys,
    level: usize,
    to: usize,
    groups: impl Iterator<Item = (&'g Group, [Poly<Ntt>; 2])>,
) -> Result<[Poly<Ntt>; 2]> {
    let mut flat: Option<[Poly<Ntt>; 2]> = None;
    let mut raised: Option<[Poly<Ntt>; 2]> = None;
    for (group, sums) in groups {
        let rotated = context.galois_of_rotation(group.giant.into()) != 1;
        match (rotated, group.flat) {
            (false, true) => flat = Some(sums),
            (false, false) => raised = Some(sums),
            (true, _) => {
                let into = raised.get_or_insert_with(|| zero(context, level));
                add_rotated(context, keys, level, group, sums, into)?;
            }
        }
    }
    let [s0, s1] = match (flat, raised) {
        (Some(flat), None) => {
            return Ok(if to == level {
                flat
            } else {
                flat.map(|s| keyswitch::divide(context, level, to, false, s))
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
    Ok([s0, s1].map(|s| keyswitch::divide(context, level, to, true, s)))
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
        .zip(from.limbs().iter())
        .enumerate()
        .collect();
    parallel::for_each(limbs, |(i, (into, from)): (usize, (&mut [u64], &[u64]))| {
        let prime = i as u16;
        context
            .kernels()
            .mul_scalar_add(context.modulus(prime), into, from, context.special_product(prime));
    });
}

/// Adds the rotated sums of a group to an output, modulo Q P.
fn add_rotated(
    context: &Context,
    keys: &EvaluationKeys,
    level: usize,
    group: &Group,
    [s0, s1]: [Poly<Ntt>; 2],
    into: &mut [Poly<Ntt>; 2],
) -> Result<()> {
    let (galois, key) = keys.rotation(context, group.giant, level)?;
    let s1 = if group.flat {
        s1
    } else {
        keyswitch::divide(context, level, level, true, s1)
    };
    let digits = keyswitch::decompose(context, key.level(), level, &s1);
    let automorphism = context.automorphism(galois);
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
        let (kernels, q) = (context.kernels(), context.modulus(primes[i]));
        let mut scratch = Limbs::scratch(context.degree(), 3);
        let mut scratch = scratch.split_mut();
        let [r0, r1, permuted] = &mut scratch[..] else {
            return;
        };
        digits.multiply_limb(context, key, i, primes[i], [r0, r1]);
        if !group.flat {
            kernels.add_assign(q, r0, s0.limb(i));
        } else if i < s0.limbs().count() {
            kernels.mul_scalar_add(q, r0, s0.limb(i), context.special_product(primes[i]));
        }
        for (a, r) in [(a0, r0), (a1, r1)] {
            automorphism.apply(kernels, permuted, r);
            kernels.add_assign(q, a, permuted);
        }
    });
    Ok(())
}

/// `for stage in stages { x = sum of rot_r(x) for r in stage }`: one decomposition and one division by P a stage.
pub fn rotate_sum(
    context: &Context,
    keys: &EvaluationKeys,
    x: &Ciphertext,
    stages: &[Vec<i32>],
) -> Result<Ciphertext> {
    let mut x = x.clone();
    for stage in stages {
        x = sum_of_rotations(context, keys, &x, stage)?;
    }
    Ok(x)
}

fn sum_of_rotations(
    context: &Context,
    keys: &EvaluationKeys,
    x: &Ciphertext,
    rotations: &[i32],
) -> Result<Ciphertext> {
    let mut hoisted = Hoisted::default();
    let mut unrotated = 0;
    let mut rotated = vec![];
    for &rotation in rotations {
        if context.galois_of_rotation(rotation.into()) == 1 {
            unrotated += 1;
            continue;
        }
        let (galois, key) = keys.rotation(context, rotation, x.level)?;
        let digits = hoisted.ensure(context, key.level(), x.level, &x.parts[1]);
        rotated.push((key, context.automorphism(galois), digits));
    }
    let q_limbs = context.chain().limbs(x.level);
    let primes = context.primes(x.level, true);
    let [mut a0, mut a1] = zero(context, x.level);
    let limbs = a0
        .limbs_mut()
        .split_mut()
        .into_iter()
        .zip(a1.limbs_mut().split_mut())
        .enumerate()
        .collect();
    parallel::for_each(limbs, |(i, (a0, a1)): (usize, (&mut [u64], &mut [u64]))| {
        let (kernels, prime) = (context.kernels(), primes[i]);
        let q = context.modulus(prime);
        let mut scratch = Limbs::scratch(context.degree(), 4);
        let mut scratch = scratch.split_mut();
        let [r0, r1, permuted, lifted] = &mut scratch[..] else {
            return;
        };
        if i < q_limbs {
            let p = context.special_product(prime);
            kernels.mul_scalar(q, lifted, x.parts[0].limb(i), p);
            for _ in 0..unrotated {
                kernels.add_assign(q, a0, lifted);
                kernels.mul_scalar_add(q, a1, x.parts[1].limb(i), p);
            }
        }
        for (key, automorphism, digits) in &rotated {
            hoisted
                .at(*digits)
                .multiply_limb(context, key, i, prime, [r0, r1]);
            if i < q_limbs {
                kernels.add_assign(q, r0, lifted);
            }
            for (a, r) in [(&mut *a0, &*r0), (&mut *a1, &*r1)] {
                automorphism.apply(kernels, permuted, r);
                kernels.add_assign(q, a, permuted);
            }
        }
    });
    let parts = [a0, a1].map(|a| keyswitch::divide(context, x.level, x.level, true, a));
    Ok(Ciphertext {
        parts,
        level: x.level,
        scale: x.scale,
    })
}

#[cfg(test)]
mod tests;
