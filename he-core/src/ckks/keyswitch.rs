//! Key switching: decompose, multiply with a key, divide by P.
//!
//! Notation: beta digits D_j, l limbs at the level, k special primes. Decomposing a transformed polynomial takes l inverse transforms,
//! one exact centred base conversion a digit, and beta (l + k) - l transforms, since on its own primes a digit *is* the polynomial. The
//! inner product with the key stays modulo Q P; dividing both halves by P takes 2 k inverse transforms and 2 l transforms. In all
//! (beta + 2)(l + k). The division may remove a level's primes along with P: a rescale for less than nothing. Primes that come back by
//! it take a transform each.
//!
//! Source: Han and Ki, CT-RSA 2020; exact conversion: Halevi, Polyakov, Shoup, CT-RSA 2019.

use super::context::{Context, Division, Raising};
use super::keys::SwitchKey;
use super::parallel;
use crate::math::automorphism::Automorphism;
use crate::math::base_conversion::BaseConversion;
use crate::math::buffer::Limbs;
use crate::math::kernels::KeySum;
use crate::math::panel::Panel;
use crate::math::poly::{Ntt, Poly};
use crate::math::tally::{self, Work};
use crate::math::uniform::UniformStream;
use std::ops::Range;
use std::sync::Arc;

/// The digits of a polynomial, raised to all primes of its level and the special ones.
pub(crate) struct Digits<'a> {
    source: &'a Poly<Ntt>,
    raising: Arc<Raising>,
    /// Prime by prime, the limbs of all digits outside their own primes.
    raised: Limbs,
}

impl Raising {
    /// The digit that has prime i.
    fn owner(&self, i: usize) -> Option<usize> {
        self.digits.iter().position(|digit| digit.own.contains(&i))
    }

    /// Where the limbs of prime i stand among all limbs of digits outside their own primes.
    fn positions(&self, i: usize) -> Range<usize> {
        let q_limbs = self.digits.last().map_or(0, |digit| digit.own.end);
        let count = self.digits.len();
        match i.checked_sub(q_limbs) {
            None => i * (count - 1)..(i + 1) * (count - 1),
            Some(special) => {
                let start = q_limbs * (count - 1) + special * count;
                start..start + count
            }
        }
    }

    /// Number of those limbs.
    fn limbs(&self) -> usize {
        self.digits.iter().map(|digit| digit.others.len()).sum()
    }

    /// Those limbs, prime by prime.
    fn by_prime<'l>(&self, limbs: Vec<&'l mut [u64]>) -> Vec<Vec<&'l mut [u64]>> {
        let mut limbs = limbs.into_iter().peekable();
        let mut primes = vec![];
        while limbs.peek().is_some() {
            let count = self.positions(primes.len()).len();
            primes.push(limbs.by_ref().take(count).collect());
        }
        primes
    }
}

/// [`Digits`] whose limbs outside their own primes are not transformed yet.
pub(crate) struct Raised<'a>(Digits<'a>);

impl Digits<'_> {
    /// Position i of every digit, given those of them that are not the polynomial itself.
    fn limbs<'l>(&'l self, i: usize, raised: impl Iterator<Item = &'l [u64]>) -> Vec<&'l [u64]> {
        let mut digits: Vec<&[u64]> = raised.collect();
        if let Some(own) = self.raising.owner(i) {
            digits.insert(own, self.source.limb(i));
        }
        digits
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
        let raised = self.raising.positions(i).map(|at| self.raised.limb(at));
        let digits = self.limbs(i, raised);
        let prime = self.raising.primes[i];
        sum(
            context,
            key.limb(context, prime),
            prime,
            &digits,
            out,
            then,
            range,
        );
    }
}

/// The inner product of digits with a key modulo a prime: its panel, and what makes the uniform halves that this does not have.
pub(crate) fn sum(
    context: &Context,
    (panel, uniform): (&Panel, Option<&[UniformStream]>),
    prime: u16,
    digits: &[&[u64]],
    out: [&mut [u64]; 2],
    then: Then<'_>,
    range: Range<usize>,
) {
    tally::add(
        Work::KeyByte,
        2 * digits.len() * Panel::row_bytes(range.len(), panel.bits()),
    );
    let sum = KeySum {
        panel,
        uniform,
        digits,
        plus: then.plus,
        automorphism: then.automorphism,
        add: then.add,
    };
    context
        .kernels()
        .key_sum(context.modulus(prime), out, &sum, range);
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

/// Decomposes a polynomial at `level` for keys made for that level or any above it.
pub(crate) fn decompose<'a>(context: &Context, level: usize, source: &'a Poly<Ntt>) -> Digits<'a> {
    let Raised(mut digits) = raise(context, level, source);
    let primes = context.primes(level, true);
    let work = digits.raising.by_prime(digits.raised.split_mut());
    // Prime by prime: its twiddles are still in a cache.
    parallel::for_each(
        primes.into_iter().zip(work).collect(),
        |(prime, limbs): (u16, Vec<&mut [u64]>)| {
            parallel::for_each(limbs, |limb: &mut [u64]| context.ring().ntt(prime).forward(limb));
        },
    );
    digits
}

/// [`decompose`], before the transforms.
pub(crate) fn raise<'a>(context: &Context, level: usize, source: &'a Poly<Ntt>) -> Raised<'a> {
    let raising = context.raising(level);
    let mut coefficients = Limbs::scratch(context.degree(), source.limbs().count());
    let limbs = coefficients
        .split_mut()
        .into_iter()
        .zip(source.limbs().iter())
        .enumerate()
        .collect();
    parallel::for_each(limbs, |(i, (limb, values)): (usize, (&mut [u64], &[u64]))| {
        let premultiplier = raising.owner(i).map_or(1, |own| {
            let digit = &raising.digits[own];
            digit.conversion.premultiplier(i - digit.own.start)
        });
        context
            .ring()
            .ntt(raising.primes[i])
            .inverse_scaled_to(limb, values, premultiplier);
    });
    let mut raised = Limbs::scratch(context.degree(), raising.limbs());
    let mut to: Vec<Vec<&mut [u64]>> = raising.digits.iter().map(|_| vec![]).collect();
    for (i, limbs) in raising.by_prime(raised.split_mut()).into_iter().enumerate() {
        let own = raising.owner(i);
        let others = (0..raising.digits.len()).filter(|&j| Some(j) != own);
        for (j, limb) in others.zip(limbs) {
            to[j].push(limb);
        }
    }
    let conversions = raising.digits.iter().zip(to).map(|(digit, dst)| Conversion {
        by: &digit.conversion,
        src: digit.own.clone().map(|i| coefficients.limb(i)).collect(),
        dst,
    });
    convert(context, conversions);
    Raised(Digits {
        source,
        raising,
        raised,
    })
}

/// Key switching: the inner product of digits with a key, with what `then` says of each position and `after` does to it, divided by P
/// and the quotient of the two levels' moduli. Everything modulo one prime is done at once, while its tables and the limbs are in a cache.
pub(crate) fn switch<'t>(
    context: &Context,
    key: &SwitchKey,
    [level, to]: [usize; 2],
    Raised(mut digits): Raised<'_>,
    then: impl Fn(usize) -> Then<'t> + Sync + Send,
    after: impl Fn(usize, [&mut [u64]; 2]) + Sync + Send,
) -> [Poly<Ntt>; 2] {
    let primes = context.primes(level, true);
    let mut raised = std::mem::replace(&mut digits.raised, Limbs::scratch(0, 0));
    let work = digits.raising.by_prime(raised.split_mut());
    let out = [0, 1].map(|_| Poly::scratch(context.ring(), &primes));
    divide_made(
        context,
        &context.division(level, to, true),
        out,
        work,
        |i, mut limbs: Vec<&mut [u64]>, [r0, r1]| {
            let transform = |limb: &mut &mut [u64]| context.ring().ntt(primes[i]).forward(limb);
            parallel::for_each(limbs.iter_mut().collect(), transform);
            let limbs = digits.limbs(i, limbs.iter().map(|limb| &**limb));
            let all = 0..context.degree();
            let out = [&mut *r0, &mut *r1];
            let key = key.limb(context, primes[i]);
            sum(context, key, primes[i], &limbs, out, then(i), all);
            after(i, [r0, r1]);
        },
    )
}

/// Divides polynomials on the primes of level `from` (and the special ones, where `special`) to ones on the primes of level `to`: by
/// the quotient of the two moduli, rounding exactly.
pub(crate) fn divide<const PARTS: usize>(
    context: &Context,
    from: usize,
    to: usize,
    special: bool,
    x: [Poly<Ntt>; PARTS],
) -> [Poly<Ntt>; PARTS] {
    let work = context.primes(from, special).iter().map(|_| ()).collect();
    divide_made(
        context,
        &context.division(from, to, special),
        x,
        work,
        |_, (), _| {},
    )
}

/// [`divide`] of two polynomials whose limbs `make` writes, position by position.
pub(crate) fn make_and_divide(
    context: &Context,
    division: &Division,
    make: impl Fn(usize, [&mut [u64]; 2]) + Sync + Send,
) -> [Poly<Ntt>; 2] {
    let x = [0, 1].map(|_| Poly::scratch(context.ring(), &division.from));
    let work = division.from.iter().map(|_| ()).collect();
    divide_made(context, division, x, work, |i, (), out| make(i, out))
}

/// [`divide`] of polynomials whose limbs are made just before: `make` is given each position, its item of `work`, and its limbs.
fn divide_made<const PARTS: usize, T: Send>(
    context: &Context,
    division: &Division,
    mut x: [Poly<Ntt>; PARTS],
    work: Vec<T>,
    make: impl Fn(usize, T, [&mut [u64]; PARTS]) + Sync + Send,
) -> [Poly<Ntt>; PARTS] {
    let mut results = [0; PARTS].map(|_| Poly::scratch(context.ring(), &division.to));
    let (mut kept, mut gone) = (vec![], vec![]);
    let limbs = by_position(x.each_mut().map(|x| x.limbs_mut().split_mut()));
    for (i, (limbs, work)) in limbs.into_iter().zip(work).enumerate() {
        let prime = division.from[i];
        let stays = division.to.contains(&prime);
        if stays { &mut kept } else { &mut gone }.push((i, prime, limbs, work));
    }
    type Operand<'l, T, const PARTS: usize> = (usize, u16, [&'l mut [u64]; PARTS], T);
    let gone = gone.into_iter().zip(&division.premultipliers).collect();
    let gone = parallel::map(
        gone,
        |((i, prime, mut limbs, work), &premultiplier): (Operand<'_, T, PARTS>, &u64)| {
            make(i, work, limbs.each_mut().map(|limb| &mut **limb));
            let ntt = context.ring().ntt(prime);
            parallel::for_each(limbs.iter_mut().collect(), |limb: &mut &mut [u64]| {
                ntt.inverse_scaled(limb, premultiplier);
            });
            limbs
        },
    );
    let conversions = results.iter_mut().enumerate().map(|(part, result)| Conversion {
        by: &division.conversion,
        src: gone.iter().map(|limbs| &*limbs[part]).collect(),
        dst: result.limbs_mut().split_mut(),
    });
    convert(context, conversions);
    let mut kept = kept.into_iter();
    let limbs = by_position(results.each_mut().map(|result| result.limbs_mut().split_mut()));
    let pieces = limbs
        .into_iter()
        .zip(division.to.iter().zip(&division.factors))
        .map(|(results, (&prime, &factor))| {
            let stays = factor.and_then(|factor| Some((factor, kept.next()?)));
            (prime, results, stays)
        })
        .collect();
    type Stays<'l, T, const PARTS: usize> = Option<(u64, Operand<'l, T, PARTS>)>;
    parallel::for_each(
        pieces,
        |(prime, results, stays): (u16, [&mut [u64]; PARTS], Stays<'_, T, PARTS>)| {
            let (ntt, q) = (context.ring().ntt(prime), context.modulus(prime));
            let Some((factor, (i, _, mut limbs, work))) = stays else {
                parallel::for_each(results.into(), |result: &mut [u64]| ntt.forward(result));
                return;
            };
            make(i, work, limbs.each_mut().map(|limb| &mut **limb));
            let parts = results.into_iter().zip(limbs).collect();
            parallel::for_each(parts, |(result, limb): (&mut [u64], &mut [u64])| {
                ntt.forward(result);
                context.kernels().sub_mul_scalar_assign(q, result, limb, factor);
            });
        },
    );
    results
}

/// The limbs of several polynomials, position by position.
fn by_position<const PARTS: usize>(parts: [Vec<&mut [u64]>; PARTS]) -> Vec<[&mut [u64]; PARTS]> {
    let count = parts.iter().map(Vec::len).min().unwrap_or(0);
    let mut parts = parts.map(Vec::into_iter);
    (0..count)
        .map(|_| parts.each_mut().map(|part| part.next().unwrap_or_default()))
        .collect()
}

/// A base conversion to be done: from these limbs to those.
pub(crate) struct Conversion<'a> {
    pub(crate) by: &'a BaseConversion,
    pub(crate) src: Vec<&'a [u64]>,
    pub(crate) dst: Vec<&'a mut [u64]>,
}

/// Base conversions, each cut along the coefficients for several threads.
pub(crate) fn convert<'a>(context: &Context, conversions: impl Iterator<Item = Conversion<'a>>) {
    let stretches = parallel::stretches(context.degree());
    let mut pieces: Vec<(usize, Conversion<'a>)> = vec![];
    for Conversion { by, src, dst } in conversions {
        let first = pieces.len();
        pieces.extend(stretches.iter().map(|range| {
            let src = src.iter().map(|limb| &limb[range.clone()]).collect();
            (range.start, Conversion { by, src, dst: vec![] })
        }));
        for limb in dst {
            for ((_, piece), stretch) in pieces[first..].iter_mut().zip(parallel::cut(limb)) {
                piece.dst.push(stretch);
            }
        }
    }
    // The first stretches of all, then the second ones: a thread goes on where its cache is warm.
    pieces.sort_by_key(|&(start, _)| start);
    parallel::for_each(pieces, |(_, mut piece): (usize, Conversion<'_>)| {
        piece.by.convert(context.kernels(), &piece.src, &mut piece.dst);
    });
}
