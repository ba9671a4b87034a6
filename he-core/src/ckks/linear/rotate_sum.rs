//! Sums of rotations of one ciphertext.

use crate::ckks::ciphertext::Ciphertext;
use crate::ckks::context::Context;
use crate::ckks::keys::EvaluationKeys;
use crate::ckks::keyswitch::{self, Then};
use crate::error::Result;

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
    let mut unrotated = 0;
    let mut rotated = vec![];
    for &rotation in rotations {
        if context.galois_of_rotation(rotation.into()) == 1 {
            unrotated += 1;
            continue;
        }
        let (galois, key) = keys.rotation(context, rotation, x.level)?;
        rotated.push((key, context.automorphism(galois)));
    }
    let digits = (!rotated.is_empty()).then(|| keyswitch::decompose(context, x.level, &x.parts[1]));
    let q_limbs = context.chain().limbs(x.level);
    let primes = context.primes(x.level, true);
    let division = context.division(x.level, x.level, true);
    let parts = keyswitch::make_and_divide(context, &division, |i, [a0, a1]| {
        let prime = primes[i];
        let (kernels, q) = (context.kernels(), context.modulus(prime));
        let lifted = (i < q_limbs).then(|| (x.parts[0].limb(i), context.special_product(prime)));
        if rotated.is_empty() || unrotated > 0 {
            a0.fill(0);
            a1.fill(0);
        }
        if let Some((c0, p)) = lifted {
            for _ in 0..unrotated {
                kernels.mul_scalar_add(q, a0, c0, p);
                kernels.mul_scalar_add(q, a1, x.parts[1].limb(i), p);
            }
        }
        for (k, ((key, automorphism), digits)) in rotated.iter().zip(digits.iter().cycle()).enumerate() {
            let then = Then {
                plus: lifted,
                automorphism: Some(automorphism),
                add: k > 0 || unrotated > 0,
            };
            let all = 0..context.degree();
            digits.multiply_limb(context, key, i, [&mut *a0, &mut *a1], then, all);
        }
    });
    Ok(Ciphertext {
        parts,
        level: x.level,
        scale: x.scale,
    })
}
