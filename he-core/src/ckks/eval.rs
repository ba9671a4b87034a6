//! Operations on ciphertexts.
//!
//! Notation: a ciphertext at level l is *canonical* if its scale is S_l. Products of canonical ciphertexts, and of one with a plaintext
//! encoded at `chain.plain_scale(l)`, are canonical one level lower. No operation changes a scale to make operands fit: unequal levels
//! or scales are errors.

use super::ciphertext::{Ciphertext, check_level, check_scale};
use super::combine::Combination;
use super::context::Context;
use super::encode::Plaintext;
use super::keys::{EvaluationKeys, SwitchKey};
use super::keyswitch::Then;
use super::{keyswitch, parallel};
use crate::error::{Error, Result};
use crate::math::automorphism::Automorphism;
use crate::math::kernels::{RunSums, RunTerm};
use crate::math::modulus::Modulus;
use crate::math::poly::{Ntt, Poly};
use crate::params::same_scale;

/// `x + y`.
pub fn add(context: &Context, x: &Ciphertext, y: &Ciphertext) -> Result<Ciphertext> {
    check_operands("add", x, y)?;
    Ok(zip(context, x, y, |q, out, x, y| {
        context.kernels().add(q, out, x, y)
    }))
}

/// `x += y`.
pub fn add_assign(context: &Context, x: &mut Ciphertext, y: &Ciphertext) -> Result<()> {
    check_operands("add", x, y)?;
    for (x, y) in x.parts.iter_mut().zip(&y.parts) {
        update(context, x, y, |prime, x, y| {
            context.kernels().add_assign(context.modulus(prime), x, y)
        });
    }
    Ok(())
}

/// `x - y`.
pub fn sub(context: &Context, x: &Ciphertext, y: &Ciphertext) -> Result<Ciphertext> {
    check_operands("subtract", x, y)?;
    Ok(zip(context, x, y, |q, out, x, y| {
        context.kernels().sub(q, out, x, y)
    }))
}

/// `x -= y`.
pub fn sub_assign(context: &Context, x: &mut Ciphertext, y: &Ciphertext) -> Result<()> {
    check_operands("subtract", x, y)?;
    for (x, y) in x.parts.iter_mut().zip(&y.parts) {
        update(context, x, y, |prime, x, y| {
            context.kernels().sub_assign(context.modulus(prime), x, y)
        });
    }
    Ok(())
}

/// `-x`.
pub fn negate(context: &Context, x: &Ciphertext) -> Ciphertext {
    let mut out = x.clone();
    for part in &mut out.parts {
        each(part, |prime, limb| {
            context.kernels().neg_assign(context.modulus(prime), limb)
        });
    }
    out
}

/// `x += p`, p encoded at the scale of x and at its level or one above that has its primes.
pub fn add_plain_assign(context: &Context, x: &mut Ciphertext, p: &Plaintext) -> Result<()> {
    context.check_readable("add a plaintext", p.level(), x.level)?;
    check_scale("add a plaintext", p.scale(), x.scale)?;
    each(&mut x.parts[0], |prime, limb| {
        p.add_to(context.modulus(prime), p.position(context, prime), limb)
    });
    Ok(())
}

/// `x + p`; see [`add_plain_assign`].
pub fn add_plain(context: &Context, x: &Ciphertext, p: &Plaintext) -> Result<Ciphertext> {
    let mut out = x.clone();
    add_plain_assign(context, &mut out, p)?;
    Ok(out)
}

/// `p x` without rescaling: the scale is the product of both.
pub fn mul_plain(context: &Context, x: &Ciphertext, p: &Plaintext) -> Result<Ciphertext> {
    context.check_readable("multiply by a plaintext", p.level(), x.level)?;
    let primes = x.parts[0].primes();
    let mut parts = [0, 1].map(|_| Poly::scratch(context.ring(), primes));
    let [out0, out1] = &mut parts;
    let limbs = out0
        .limbs_mut()
        .split_mut()
        .into_iter()
        .zip(out1.limbs_mut().split_mut())
        .enumerate()
        .collect();
    parallel::for_each(limbs, |(i, outs): (usize, (&mut [u64], &mut [u64]))| {
        let (kernels, q, mut outs) = (
            context.kernels(),
            context.modulus(primes[i]),
            <[_; 2]>::from(outs),
        );
        let factors = [0, 1].map(|half| x.parts[half].limb(i));
        let position = p.position(context, primes[i]);
        match p.general_limb(position) {
            Some(words) => {
                for (out, factor) in outs.iter_mut().zip(factors) {
                    kernels.mul(q, out, factor, words);
                }
            }
            None => {
                let term = RunTerm {
                    factor: 0,
                    run: p.limb(position),
                };
                let sums = RunSums {
                    factors: &[factors],
                    terms: &[&[term]],
                    add: false,
                };
                kernels.run_sums(q, &mut [outs], &sums, 0..context.degree());
            }
        }
    });
    Ok(Ciphertext {
        parts,
        level: x.level,
        scale: x.scale * p.scale(),
    })
}

/// `c x`, rescaled; canonical if x is. The constant is rounded at the scale that makes it so.
pub fn mul_scalar(context: &Context, x: &Ciphertext, c: f64) -> Result<Ciphertext> {
    let level = spend("multiply by a constant", x.level)?;
    scaled_to(context, x, c, level)
}

/// `c x` at the canonical scale of a level below.
fn scaled_to(context: &Context, x: &Ciphertext, c: f64, level: usize) -> Result<Ciphertext> {
    let chain = context.chain();
    let scale = chain.scale(level) * chain.ratio(x.level, level) / x.scale;
    let constant = context.encode(&[c], scale, x.level, false)?;
    let product = mul_plain(context, x, &constant)?;
    let parts = keyswitch::divide(context, x.level, level, false, product.parts);
    Ok(Ciphertext {
        parts,
        level,
        scale: chain.scale(level),
    })
}

/// `i x`: exact, the multiplication by X^(N/2).
pub fn mul_i(context: &Context, x: &Ciphertext) -> Ciphertext {
    let mut out = x.clone();
    let half = context.slots();
    for part in &mut out.parts {
        each(part, |prime, limb| {
            let (kernels, q, unit) = (
                context.kernels(),
                context.modulus(prime),
                context.imaginary_unit(prime),
            );
            let (low, high) = limb.split_at_mut(half);
            kernels.mul_scalar_assign(q, low, unit);
            kernels.mul_scalar_assign(q, high, q.neg(unit));
        });
    }
    out
}

/// `A_l x / D_l`: the scale shrinks by the primes of the level, which is spent, and grows by those that come back.
pub fn rescale(context: &Context, x: &Ciphertext) -> Result<Ciphertext> {
    rescale_owned(context, x.clone())
}

/// [`rescale`] of a ciphertext that is not needed any more: no copy.
pub fn rescale_owned(context: &Context, x: Ciphertext) -> Result<Ciphertext> {
    let level = spend("rescale", x.level)?;
    let parts = keyswitch::divide(context, x.level, level, false, x.parts);
    Ok(Ciphertext {
        parts,
        level,
        scale: rescaled(context, x.level, x.scale),
    })
}

/// The same slots at a lower level and the same scale.
///
/// # Errors
/// [`Error::Level`] for a higher level, or one that has primes which the ciphertext's lacks: [`adjust`] reaches it.
pub fn drop_to(context: &Context, x: &Ciphertext, level: usize) -> Result<Ciphertext> {
    context.check_readable("drop to a level", x.level, level)?;
    let primes = context.chain().primes_of(level);
    let part = |part: &Poly<Ntt>| part.clone().restricted(context.ring(), primes);
    Ok(Ciphertext {
        parts: x.parts.each_ref().map(part),
        level,
        scale: x.scale,
    })
}

/// The same slots at a lower level's canonical scale: drops to the lowest level above it that it can, multiplies by one, and
/// divides; in several hops where the levels on the way have primes that it lacks.
pub fn adjust(context: &Context, x: &Ciphertext, level: usize) -> Result<Ciphertext> {
    if x.level == level {
        check_scale("adjust", x.scale, context.scale(level))?;
        return Ok(x.clone());
    }
    let chain = context.chain();
    if level > x.level || same_scale(x.scale, context.scale(level)) && chain.contains(x.level, level) {
        return drop_to(context, x, level);
    }
    let mut x = x.clone();
    for [above, to] in chain.way_down(x.level, level) {
        x = scaled_to(context, &drop_to(context, &x, above)?, 1.0, to)?;
    }
    Ok(x)
}

/// Slot-wise product, relinearised and rescaled.
pub fn multiply(
    context: &Context,
    keys: &EvaluationKeys,
    x: &Ciphertext,
    y: &Ciphertext,
) -> Result<Ciphertext> {
    check_level("multiply", y.level, x.level)?;
    product(context, keys, x, y)
}

/// Slot-wise square, relinearised and rescaled.
pub fn square(context: &Context, keys: &EvaluationKeys, x: &Ciphertext) -> Result<Ciphertext> {
    product(context, keys, x, x)
}

fn product(context: &Context, keys: &EvaluationKeys, x: &Ciphertext, y: &Ciphertext) -> Result<Ciphertext> {
    let level = spend("multiply", x.level)?;
    let combination = Combination {
        products: vec![[x, y]],
        factor: 1,
        multiples: vec![],
        constant: 0,
    };
    let parts = combination.evaluate(context, keys, [x.level, level])?;
    Ok(Ciphertext {
        parts,
        level,
        scale: rescaled(context, x.level, x.scale * y.scale),
    })
}

/// `rot_r(x)[s] = x[(s + r) mod n]`.
pub fn rotate(context: &Context, keys: &EvaluationKeys, x: &Ciphertext, rotation: i32) -> Result<Ciphertext> {
    if context.galois_of_rotation(rotation.into()) == 1 {
        return Ok(x.clone());
    }
    let (galois, key) = keys.rotation(context, rotation, x.level)?;
    let raised = keyswitch::raise(context, x.level, &x.parts[1]);
    Ok(apply_galois(context, x, raised, galois, key))
}

/// Several rotations of one ciphertext, which is decomposed once.
pub fn rotate_many(
    context: &Context,
    keys: &EvaluationKeys,
    x: &Ciphertext,
    rotations: &[i32],
) -> Result<Vec<Ciphertext>> {
    let turns = |rotation: i32| context.galois_of_rotation(rotation.into()) != 1;
    let digits = rotations
        .iter()
        .any(|&rotation| turns(rotation))
        .then(|| keyswitch::decompose(context, x.level, &x.parts[1]));
    rotations
        .iter()
        .map(|&rotation| match &digits {
            Some(digits) if turns(rotation) => {
                let (galois, key) = keys.rotation(context, rotation, x.level)?;
                Ok(apply_galois_hoisted(context, x, digits, galois, key))
            }
            _ => Ok(x.clone()),
        })
        .collect()
}

/// Complex conjugate of every slot.
pub fn conjugate(context: &Context, keys: &EvaluationKeys, x: &Ciphertext) -> Result<Ciphertext> {
    let (galois, key) = keys.conjugation(context, x.level)?;
    let raised = keyswitch::raise(context, x.level, &x.parts[1]);
    Ok(apply_galois(context, x, raised, galois, key))
}

/// [`conjugate`] of several ciphertexts of one level, with each piece of the key read once.
#[cfg(feature = "program")]
pub(crate) fn conjugate_all(
    context: &Context,
    keys: &EvaluationKeys,
    all: &[Ciphertext],
) -> Result<Vec<Ciphertext>> {
    let level = all.first().map_or(0, Ciphertext::level);
    let (galois, key) = keys.conjugation(context, level)?;
    for x in all {
        check_level("conjugate", x.level, level)?;
    }
    let raised = all
        .iter()
        .map(|x| keyswitch::raise(context, level, &x.parts[1]))
        .collect();
    let automorphism = &*context.automorphism(galois);
    let then = |which: usize, i| then(context, &all[which], i, automorphism);
    let parts = keyswitch::switch_all(context, key, [level, level], raised, then, |_, _, _| {});
    let conjugates = parts.into_iter().zip(all).map(|(parts, x)| Ciphertext {
        parts,
        level,
        scale: x.scale,
    });
    Ok(conjugates.collect())
}

/// The inner product decrypts to c1 s under s(X^(1/g)); with c0 added, the automorphism brings it under s. Both are done before the
/// division by P, hence P c0.
fn then<'a>(context: &Context, x: &'a Ciphertext, i: usize, automorphism: &'a Automorphism) -> Then<'a> {
    let prime = x.parts[0].primes().get(i);
    Then {
        plus: prime.map(|&prime| (x.parts[0].limb(i), context.special_product(prime))),
        automorphism: Some(automorphism),
        add: false,
    }
}

fn apply_galois(
    context: &Context,
    x: &Ciphertext,
    raised: keyswitch::Raised<'_>,
    galois: u64,
    key: &SwitchKey,
) -> Ciphertext {
    let automorphism = &*context.automorphism(galois);
    let then = |i| then(context, x, i, automorphism);
    Ciphertext {
        parts: keyswitch::switch(context, key, [x.level, x.level], raised, then),
        level: x.level,
        scale: x.scale,
    }
}

fn apply_galois_hoisted(
    context: &Context,
    x: &Ciphertext,
    digits: &keyswitch::Digits<'_>,
    galois: u64,
    key: &SwitchKey,
) -> Ciphertext {
    let automorphism = &*context.automorphism(galois);
    let division = context.division(x.level, x.level, true);
    let parts = keyswitch::make_and_divide(context, &division, |i, out| {
        let then = then(context, x, i, automorphism);
        digits.multiply_limb(context, key, i, out, then, 0..context.degree());
    });
    Ciphertext {
        parts,
        level: x.level,
        scale: x.scale,
    }
}

/// The level below, if there is one.
fn spend(op: &'static str, level: usize) -> Result<usize> {
    level.checked_sub(1).ok_or(Error::LevelsExhausted { op })
}

/// The scale after dividing by the primes of `level`: the table's value where it is that up to rounding.
pub(crate) fn rescaled(context: &Context, level: usize, scale: f64) -> f64 {
    let scale = scale / context.chain().divisor(level);
    let canonical = context.scale(level - 1);
    if same_scale(scale, canonical) {
        canonical
    } else {
        scale
    }
}

fn check_operands(op: &'static str, x: &Ciphertext, y: &Ciphertext) -> Result<()> {
    check_level(op, y.level, x.level)?;
    check_scale(op, y.scale, x.scale)
}

/// `f(modulus, out, x, y)` on every limb of both parts.
fn zip(
    context: &Context,
    x: &Ciphertext,
    y: &Ciphertext,
    f: impl Fn(&Modulus, &mut [u64], &[u64], &[u64]) + Sync + Send,
) -> Ciphertext {
    let parts = [0, 1].map(|half| {
        let (x, y) = (&x.parts[half], &y.parts[half]);
        let mut out = Poly::scratch(context.ring(), x.primes());
        let limbs = out.limbs_mut().split_mut();
        let limbs = limbs.into_iter().zip(x.primes()).enumerate().collect();
        parallel::for_each(limbs, |(i, (out, &prime)): (usize, (&mut [u64], &u16))| {
            f(context.modulus(prime), out, x.limb(i), y.limb(i))
        });
        out
    });
    Ciphertext {
        parts,
        level: x.level,
        scale: x.scale,
    }
}

/// Runs `f(prime, limb, limb of y)` on every limb.
fn update(
    context: &Context,
    x: &mut Poly<Ntt>,
    y: &Poly<Ntt>,
    f: impl Fn(u16, &mut [u64], &[u64]) + Sync + Send,
) {
    debug_assert_eq!(x.primes().len(), y.primes().len(), "degree {}", context.degree());
    let limbs = x
        .limbs_mut()
        .split_mut()
        .into_iter()
        .zip(y.limbs().iter())
        .zip(y.primes())
        .collect();
    parallel::for_each(limbs, |((x, y), &prime): ((&mut [u64], &[u64]), &u16)| {
        f(prime, x, y)
    });
}

/// Runs `f(prime, limb)` on every limb.
fn each(x: &mut Poly<Ntt>, f: impl Fn(u16, &mut [u64]) + Sync + Send) {
    let primes = x.primes().to_vec();
    let limbs = primes.into_iter().zip(x.limbs_mut().split_mut()).collect();
    parallel::for_each(limbs, |(prime, limb): (u16, &mut [u64])| f(prime, limb));
}

#[cfg(test)]
mod tests;
