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
use crate::error::{Error, Result};
use crate::math::buffer::Limbs;
use crate::math::poly::{Ntt, Poly};

/// What is summed: operands of higher levels are read on the primes of the sum's only.
pub(crate) struct Combination<'a> {
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
    /// Computes the sum at a level, to another; its scale is the caller's affair.
    pub(crate) fn evaluate(
        &self,
        context: &Context,
        keys: &EvaluationKeys,
        levels: [usize; 2],
    ) -> Result<[Poly<Ntt>; 2]> {
        let mut sums = Self::evaluate_all(context, keys, levels, std::slice::from_ref(self))?;
        sums.pop().ok_or(Error::Count {
            what: "sums",
            found: 0,
            expected: 1,
        })
    }

    /// Computes sums of one level, with products or all without, to another; relinearisation reads its key once for all. Their scales
    /// are the caller's affair.
    pub(crate) fn evaluate_all(
        context: &Context,
        keys: &EvaluationKeys,
        [level, to]: [usize; 2],
        all: &[Self],
    ) -> Result<Vec<[Poly<Ntt>; 2]>> {
        for sum in all {
            let summed = sum.multiples.iter().map(|(c, _)| c);
            for x in sum.products.iter().flatten().chain(summed) {
                context.check_readable("combine", x.level, level)?;
            }
        }
        let q_primes = context.primes(level, false);
        if all.iter().all(|sum| sum.products.is_empty()) {
            let multiples = |sum: &Self| {
                let mut sums = [0, 1].map(|_| Poly::zeroed(context.ring(), &q_primes));
                let [s0, s1] = &mut sums;
                let limbs = s0
                    .limbs_mut()
                    .split_mut()
                    .into_iter()
                    .zip(s1.limbs_mut().split_mut());
                let limbs = limbs.zip(&q_primes).collect();
                parallel::for_each(limbs, |((s0, s1), &prime): ((&mut [u64], &mut [u64]), &u16)| {
                    sum.add_multiples(context, prime, 1, [s0, s1]);
                });
                keyswitch::divide(context, level, to, false, sums)
            };
            return Ok(all.iter().map(multiples).collect());
        }
        let key = keys.relinearisation(level)?;
        let squares: Vec<_> = all
            .iter()
            .map(|sum| sum.squares_of_the_secret(context, &q_primes))
            .collect();
        let raised = squares
            .iter()
            .map(|d2| keyswitch::raise(context, level, d2))
            .collect();
        let after = |which: usize, i: usize, [s0, s1]: [&mut [u64]; 2]| {
            if let Some(&prime) = q_primes.get(i) {
                let (sum, p) = (&all[which], context.special_product(prime));
                sum.add_products(context, prime, p, [&mut *s0, &mut *s1]);
                sum.add_multiples(context, prime, p, [s0, s1]);
            }
        };
        let then = |_, _| Then::default();
        Ok(keyswitch::switch_all(
            context,
            key,
            [level, to],
            raised,
            then,
            after,
        ))
    }

    /// d2: what the products multiply with s^2.
    fn squares_of_the_secret(&self, context: &Context, primes: &[u16]) -> Poly<Ntt> {
        let mut d2 = Poly::scratch(context.ring(), primes);
        let limbs = d2.limbs_mut().split_mut().into_iter().zip(primes).collect();
        parallel::for_each(limbs, |(d2, &prime): (&mut [u64], &u16)| {
            let (kernels, q) = (context.kernels(), context.modulus(prime));
            let terms: Vec<_> = self
                .products
                .iter()
                .map(|[a, b]| (limb(a, 1, prime), limb(b, 1, prime)))
                .collect();
            kernels.inner_product(q, d2, &terms);
            if self.factor != 1 {
                kernels.mul_scalar_assign(q, d2, self.factor);
            }
        });
        d2
    }

    /// Adds what else the products are modulo a prime, times P.
    fn add_products(&self, context: &Context, prime: u16, p: u64, [s0, s1]: [&mut [u64]; 2]) {
        let (kernels, q) = (context.kernels(), context.modulus(prime));
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

    /// Adds multiples and constant modulo a prime, times P or one.
    fn add_multiples(&self, context: &Context, prime: u16, p: u64, [s0, s1]: [&mut [u64]; 2]) {
        let (kernels, q) = (context.kernels(), context.modulus(prime));
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

/// A part of a ciphertext modulo a prime, which [`Combination::evaluate_all`] made sure it has.
fn limb(x: &Ciphertext, half: usize, prime: u16) -> &[u64] {
    x.parts[half].limb_of(prime).unwrap_or(&[])
}
