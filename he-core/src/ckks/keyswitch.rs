//! Key switching: decompose, multiply with a key, divide by P.
//!
//! Notation: beta digits D_j, l limbs at the level, k special primes. Decomposing a transformed polynomial takes l inverse transforms,
//! one exact centred base conversion a digit, and beta (l + k) - l transforms, since on its own primes a digit *is* the polynomial. The
//! inner product with the key stays modulo Q P; dividing both halves by P takes 2 k inverse transforms and 2 l transforms. In all
//! (beta + 2)(l + k). The division may remove a level's primes along with P: a rescale for less than nothing.
//!
//! Source: Han and Ki, CT-RSA 2020; exact conversion: Halevi, Polyakov, Shoup, CT-RSA 2019.

use super::context::{Context, Raising};
use super::keys::SwitchKey;
use super::parallel;
use crate::math::automorphism::Automorphism;
use crate::math::base_conversion::BaseConversion;
use crate::math::buffer::Limbs;
use crate::math::kernels::KeySum;
use crate::math::panel::Panel;
use crate::math::poly::{Ntt, Poly};
use crate::math::tally::{self, Work};
use std::ops::Range;
use std::sync::Arc;

/// The digits of a polynomial, raised to all primes of its level and the special ones.
pub(crate) struct Digits<'a> {
    source: &'a Poly<Ntt>,
    raising: Arc<Raising>,
    /// Of each digit, the limbs outside its own primes.
    raised: Vec<Limbs>,
}

impl Digits<'_> {
    /// Whether these are the digits of that partition.
    pub(crate) fn is_of(&self, raising: &Arc<Raising>) -> bool {
        Arc::ptr_eq(&self.raising, raising)
    }

    /// Number of digits.
    pub(crate) fn count(&self) -> usize {
        self.raised.len()
    }

    /// Limb of digit j at position i of the raised polynomial.
    pub(crate) fn limb(&self, j: usize, i: usize) -> &[u64] {
        let own = &self.raising.digits[j].own;
        if own.contains(&i) {
            self.source.limb(i)
        } else {
            self.raised[j].limb(if i < own.start { i } else { i - own.len() })
        }
    }

    /// Position i of the inner product with a key, over a range of coefficients.
    pub(crate) fn multiply_limb(
        &self,
        context: &Context,
        key: &SwitchKey,
        i: usize,
        out: [&mut [u64]; 2],
        then: Then<'_>,
        range: Range<usize>,
    ) {
        let q_limbs = self.source.limbs().count();
        let panel = key.limb(i, q_limbs);
        tally::add(
            Work::KeyByte,
            2 * self.count() * Panel::row_bytes(range.len(), panel.bits()),
        );
        let digits: Vec<&[u64]> = (0..self.count()).map(|j| self.limb(j, i)).collect();
        let sum = KeySum {
            panel,
            digits: &digits,
            plus: then.plus,
            automorphism: then.automorphism,
            add: then.add,
        };
        let prime = match i.checked_sub(q_limbs) {
            None => i as u16,
            Some(special) => context.special().start + special as u16,
        };
        context
            .kernels()
            .key_sum(context.modulus(prime), out, &sum, range);
    }
}

/// What is done with a product of digits and key before it is stored.
#[derive(Clone, Copy, Default)]
pub(crate) struct Then<'a> {
    /// A limb times a word is added to the first half.
    pub(crate) plus: Option<(&'a [u64], u64)>,
    /// An automorphism is applied to both halves.
    pub(crate) automorphism: Option<&'a Automorphism>,
    /// Both are added to what is there.
    pub(crate) add: bool,
}

/// Decomposes a polynomial at `level` for keys made for `key_level`.
pub(crate) fn decompose<'a>(
    context: &Context,
    key_level: usize,
    level: usize,
    source: &'a Poly<Ntt>,
) -> Digits<'a> {
    let mut coefficients = Limbs::scratch(context.degree(), source.limbs().count());
    let limbs = coefficients
        .split_mut()
        .into_iter()
        .zip(source.limbs().iter())
        .enumerate()
        .collect();
    parallel::for_each(limbs, |(i, (limb, values)): (usize, (&mut [u64], &[u64]))| {
        limb.copy_from_slice(values);
        context.ring().ntt(i as u16).inverse(limb);
    });
    raise(context, key_level, level, source, &coefficients)
}

/// [`decompose`] where the coefficients are at hand.
pub(crate) fn raise<'a>(
    context: &Context,
    key_level: usize,
    level: usize,
    source: &'a Poly<Ntt>,
    coefficients: &Limbs,
) -> Digits<'a> {
    let raising = context.raising(key_level, level);
    let mut raised: Vec<Limbs> = raising
        .digits
        .iter()
        .map(|digit| Limbs::scratch(context.degree(), digit.others.len()))
        .collect();
    for (digit, raised) in raising.digits.iter().zip(&mut raised) {
        let own: Vec<&[u64]> = digit.own.clone().map(|i| coefficients.limb(i)).collect();
        convert(context, &digit.conversion, &own, raised.split_mut());
        // Digit by digit: what was converted is still in a cache.
        let limbs = digit.others.iter().zip(raised.split_mut()).collect();
        parallel::for_each(limbs, |(&prime, limb): (&u16, &mut [u64])| {
            context.ring().ntt(prime).forward(limb)
        });
    }
    Digits {
        source,
        raising,
        raised,
    }
}

/// Inner product of digits with a key, modulo the primes of the level and the special ones.
pub(crate) fn multiply(
    context: &Context,
    level: usize,
    digits: &Digits<'_>,
    key: &SwitchKey,
) -> [Poly<Ntt>; 2] {
    let primes = context.primes(level, true);
    let mut out = [0, 1].map(|_| Poly::<Ntt>::scratch(context.ring(), &primes));
    let [r0, r1] = &mut out;
    let limbs = r0
        .limbs_mut()
        .split_mut()
        .into_iter()
        .zip(r1.limbs_mut().split_mut())
        .enumerate()
        .collect();
    parallel::for_each(limbs, |(i, (r0, r1)): (usize, (&mut [u64], &mut [u64]))| {
        digits.multiply_limb(context, key, i, [r0, r1], Then::default(), 0..context.degree());
    });
    out
}

/// Divides a polynomial on the primes of level `from` (and the special ones, where `special`) by all but the primes of level `to`,
/// rounding exactly.
pub(crate) fn divide(
    context: &Context,
    from: usize,
    to: usize,
    special: bool,
    mut x: Poly<Ntt>,
) -> Poly<Ntt> {
    let division = context.division(from, to, special);
    let mut rest = Limbs::scratch(context.degree(), division.kept);
    {
        let mut limbs = x.limbs_mut().split_mut();
        let mut removed = limbs.split_off(division.kept);
        let pairs = division.removed.iter().zip(&mut removed).collect();
        parallel::for_each(pairs, |(&prime, limb): (&u16, &mut &mut [u64])| {
            context.ring().ntt(prime).inverse(limb)
        });
        let removed: Vec<&[u64]> = removed.iter().map(|limb| &**limb).collect();
        convert(context, &division.conversion, &removed, rest.split_mut());
        let pairs = limbs.into_iter().zip(rest.split_mut()).enumerate().collect();
        parallel::for_each(pairs, |(i, (x, rest)): (usize, (&mut [u64], &mut [u64]))| {
            let q = context.modulus(i as u16);
            context.ring().ntt(i as u16).forward(rest);
            context
                .kernels()
                .sub_mul_scalar_assign(q, x, rest, division.inverses[i]);
        });
    }
    x.truncate(division.kept);
    x
}

/// A base conversion, cut along the coefficients for several threads.
pub(crate) fn convert(
    context: &Context,
    conversion: &BaseConversion,
    src: &[&[u64]],
    mut dst: Vec<&mut [u64]>,
) {
    let threads = parallel::threads();
    let n = context.degree();
    if threads == 1 || n < 1024 {
        conversion.convert(context.kernels(), src, &mut dst);
        return;
    }
    let piece = n.div_ceil(threads).next_multiple_of(512);
    let mut pieces: Vec<(usize, Vec<&mut [u64]>)> = (0..n).step_by(piece).map(|at| (at, vec![])).collect();
    for limb in dst {
        for (limb, (_, piece)) in limb.chunks_mut(piece).zip(&mut pieces) {
            piece.push(limb);
        }
    }
    parallel::for_each(pieces, |(at, mut dst): (usize, Vec<&mut [u64]>)| {
        let src: Vec<&[u64]> = src.iter().map(|limb| &limb[at..(at + piece).min(n)]).collect();
        conversion.convert(context.kernels(), &src, &mut dst);
    });
}
