//! Sparse-secret encapsulation and the raising of the modulus.
//!
//! Notation: s dense secret, s' ephemeral sparse one, q0 base modulus, p0 first special prime, Q_L all Q primes.
//!
//! Modulo q0 the ciphertext is switched to s' with a key on q0 p0, which is small enough for a secret of weight 32. Read modulo Q_L it
//! decrypts under s' to m + q0 I. Its second part, lifted, is a single digit below q0, so that one pair on Q_L p0 switches it back. The
//! first factor of CoeffsToSlots does that ([`Turned`](crate::ckks::linear::Turned)). The keys: [`EncapsulationKeys`].
//!
//! Source: Bossuat, Troncoso-Pastoriza, Hubaux, ACNS 2022.

use crate::ckks::linear::Raised;
use crate::ckks::{Ciphertext, Context, EncapsulationKeys};
use crate::math::base_conversion::BaseConversion;
use crate::math::buffer::Limbs;
use crate::math::poly::{Ntt, Poly};

/// Tables for raising a ciphertext from q0 to Q_L.
pub(super) struct ModRaise {
    /// q0 to p0.
    up: BaseConversion,
    /// q0 to the other primes of Q_L and p0.
    raise: BaseConversion,
    /// p0 to q0.
    down: BaseConversion,
}

impl ModRaise {
    pub(super) fn new(context: &Context) -> Self {
        let moduli = |primes: &[u16]| primes.iter().map(|&p| *context.modulus(p)).collect::<Vec<_>>();
        let all = context.encapsulation_primes(context.top_level());
        let (q0, p0) = (moduli(&all[..1]), moduli(&all[all.len() - 1..]));
        Self {
            up: BaseConversion::new(&q0, &p0),
            raise: BaseConversion::new(&q0, &moduli(&all[1..])),
            down: BaseConversion::new(&p0, &q0),
        }
    }

    /// From level 0 to the top, under the sparse secret: the coefficients plus multiples of q0.
    pub(super) fn apply(&self, context: &Context, keys: &EncapsulationKeys, x: &Ciphertext) -> Raised {
        let [c0, c1] = x.parts();
        let digit = lifted(context, c1.limb(0), &self.up, &context.encapsulation_primes(0));
        let [mut d0, d1] = switched(context, &digit, keys.to_sparse(), &self.down);
        d0.add_assign(context.ring(), c0);
        let all = context.encapsulation_primes(context.top_level());
        let digit = lifted(context, d1.limb(0), &self.raise, &all);
        let mut low = lifted(context, d0.limb(0), &self.raise, &all);
        low.truncate(all.len() - 1);
        Raised { low, digit }
    }
}

/// A limb modulo q0, its coefficients centred, on more primes.
fn lifted(context: &Context, limb: &[u64], to: &BaseConversion, primes: &[u16]) -> Poly<Ntt> {
    let mut out = Poly::<Ntt>::scratch(context.ring(), primes);
    let mut coefficients = limb.to_vec();
    context.ring().ntt(primes[0]).inverse(&mut coefficients);
    let mut limbs = out.limbs_mut().split_mut();
    let (first, rest) = limbs.split_at_mut(1);
    first[0].copy_from_slice(limb);
    to.convert(context.kernels(), &[&coefficients], rest);
    for (limb, &prime) in rest.iter_mut().zip(&primes[1..]) {
        context.ring().ntt(prime).forward(limb);
    }
    out
}

/// `digit key / p0`, rounded: both halves, on all primes but the last, p0.
fn switched(
    context: &Context,
    digit: &Poly<Ntt>,
    key: &[Poly<Ntt>; 2],
    down: &BaseConversion,
) -> [Poly<Ntt>; 2] {
    let primes = digit.primes();
    let kept = primes.len() - 1;
    let p0 = context.modulus(primes[kept]).value();
    key.each_ref().map(|half| {
        let mut product = Poly::<Ntt>::scratch(context.ring(), primes);
        for (i, &prime) in primes.iter().enumerate() {
            let (kernels, q) = (context.kernels(), context.modulus(prime));
            kernels.mul(q, product.limb_mut(i), digit.limb(i), half.limb(i));
        }
        let mut rest = Limbs::scratch(context.degree(), kept);
        let mut last = product.limb(kept).to_vec();
        context.ring().ntt(primes[kept]).inverse(&mut last);
        down.convert(context.kernels(), &[&last], &mut rest.split_mut());
        for (i, rest) in rest.split_mut().into_iter().enumerate() {
            let (kernels, q) = (context.kernels(), context.modulus(primes[i]));
            context.ring().ntt(primes[i]).forward(rest);
            // Distinct primes have inverses modulo one another.
            let inverse = q.inv(q.reduce(p0)).unwrap_or(0);
            kernels.sub_mul_scalar_assign(q, product.limb_mut(i), rest, inverse);
        }
        product.truncate(kept);
        product
    })
}
