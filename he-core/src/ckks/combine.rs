//! Sums of products of ciphertexts, of integer multiples of ciphertexts and of a constant, rescaled once.
//!
//! Notation: `y = (f sum of a_k b_k + sum of w_j c_j + w) / D`, D the modulus of its level over that of the result. The tensor products
//! are summed before their one relinearisation; what comes of it is divided by P and D together, and the other summands join it times
//! P. Without products nothing needs P: the sum is only rescaled.

use super::ciphertext::Ciphertext;
use super::context::Context;
use super::keys::EvaluationKeys;
use super::keyswitch::Then;
use super::{keyswitch, parallel};
use crate::error::Result;
use crate::math::buffer::Limbs;
use crate::math::poly::{Ntt, Poly};

/// What is summed, at one level: operands of higher levels are read on its primes only.
pub(crate) struct Combination<'a> {
    pub(crate) level: usize,
    /// Level of the result.
    pub(crate) to: usize,
    /// Tensor products.
    pub(crate) products: Vec<[&'a Ciphertext; 2]>,
    /// f, a factor common to all products.
    pub(crate) factor: u64,
    /// Multiples.
    pub(crate) multiples: Vec<(&'a Ciphertext, i128)>,
    /// w.
    pub(crate) constant: i128,
}

impl Combination<'_> {
    /// Computes the sum; its scale is the caller's affair.
    pub(crate) fn evaluate(&self, context: &Context, keys: &EvaluationKeys) -> Result<[Poly<Ntt>; 2]> {
        let (level, to) = (self.level, self.to);
        let summed = self.multiples.iter().map(|(c, _)| c);
        for x in self.products.iter().flatten().chain(summed) {
            context.check_readable("combine", x.level, level)?;
        }
        let special = !self.products.is_empty();
        if special {
            let key = keys.relinearisation(level)?;
            let d2 = self.squares_of_the_secret(context);
            let raised = keyswitch::raise(context, level, &d2);
            let q_limbs = context.chain().limbs(level);
            let after = |i: usize, sums: [&mut [u64]; 2]| {
                if i < q_limbs {
                    self.add_limb(context, special, i, sums);
                }
            };
            let then = |_| Then::default();
            return Ok(keyswitch::switch(context, key, [level, to], raised, then, after));
        }
        let mut sums = [0, 1].map(|_| Poly::zeroed(context.ring(), &context.primes(level, false)));
        let [s0, s1] = &mut sums;
        let limbs = s0
            .limbs_mut()
            .split_mut()
            .into_iter()
            .zip(s1.limbs_mut().split_mut());
        let limbs = limbs.enumerate().collect();
        parallel::for_each(limbs, |(i, (s0, s1)): (usize, (&mut [u64], &mut [u64]))| {
            self.add_limb(context, special, i, [s0, s1]);
        });
        Ok(keyswitch::divide(context, level, to, special, sums))
    }

    /// d2: what the products multiply with s^2.
    fn squares_of_the_secret(&self, context: &Context) -> Poly<Ntt> {
        let primes = context.primes(self.level, false);
        let mut d2 = Poly::scratch(context.ring(), &primes);
        let limbs = d2.limbs_mut().split_mut().into_iter().enumerate().collect();
        parallel::for_each(limbs, |(i, d2): (usize, &mut [u64])| {
            let (kernels, q) = (context.kernels(), context.modulus(primes[i]));
            let terms: Vec<_> = self
                .products
                .iter()
                .map(|[a, b]| (limb(a, 1, primes[i]), limb(b, 1, primes[i])))
                .collect();
            kernels.inner_product(q, d2, &terms);
            if self.factor != 1 {
                kernels.mul_scalar_assign(q, d2, self.factor);
            }
        });
        d2
    }

    /// Adds everything else at position i, times P where there are products.
    fn add_limb(&self, context: &Context, special: bool, i: usize, [s0, s1]: [&mut [u64]; 2]) {
        let prime = context.chain().primes_of(self.level)[i];
        let (kernels, q) = (context.kernels(), context.modulus(prime));
        let p = if special {
            context.special_product(prime)
        } else {
            1
        };
        if special {
            let scale = q.mul(p, self.factor);
            let mut scaled = Limbs::scratch(context.degree(), 2 * self.products.len());
            for (pair, [a, _]) in scaled.split_mut().chunks_exact_mut(2).zip(&self.products) {
                for (half, scaled) in pair.iter_mut().enumerate() {
                    kernels.mul_scalar(q, scaled, limb(a, half, prime), scale);
                }
            }
            let (mut terms0, mut terms1) = (vec![], vec![]);
            for (k, [_, b]) in self.products.iter().enumerate() {
                let (a0, a1) = (scaled.limb(2 * k), scaled.limb(2 * k + 1));
                let (b0, b1) = (limb(b, 0, prime), limb(b, 1, prime));
                terms0.push((a0, b0));
                terms1.extend([(a0, b1), (a1, b0)]);
            }
            kernels.inner_product_add(q, s0, &terms0);
            kernels.inner_product_add(q, s1, &terms1);
        }
        for (c, w) in &self.multiples {
            let w = q.mul(q.from_i128(*w), p);
            kernels.mul_scalar_add(q, s0, limb(c, 0, prime), w);
            kernels.mul_scalar_add(q, s1, limb(c, 1, prime), w);
        }
        if self.constant != 0 {
            let w = q.mul(q.from_i128(self.constant), p);
            s0.iter_mut().for_each(|x| *x = q.add(*x, w));
        }
    }
}

/// A part of a ciphertext modulo a prime, which [`Combination::evaluate`] made sure it has.
fn limb(x: &Ciphertext, half: usize, prime: u16) -> &[u64] {
    x.parts[half].limb_of(prime).unwrap_or(&[])
}
