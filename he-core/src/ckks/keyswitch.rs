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
use crate::math::kernels::{KeyLimb, KeySum};
use crate::math::panel::Panel;
use crate::math::poly::{Ntt, Poly};
use crate::math::tally::{self, Work};
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
        multiply_limbs(context, key, i, &mut [out], &[(self, then)], range);
    }
}

/// Position i of the inner products of several digits with one key, over a range of coefficients.
pub(crate) fn multiply_limbs(
    context: &Context,
    key: &SwitchKey,
    i: usize,
    outs: &mut [[&mut [u64]; 2]],
    products: &[(&Digits<'_>, Then<'_>)],
    range: Range<usize>,
) {
    let Some((first, _)) = products.first() else {
        return;
    };
    let prime = first.raising.primes[i];
    let digits: Vec<Vec<&[u64]>> = products
        .iter()
        .map(|(digits, _)| digits.limbs(i, digits.raising.positions(i).map(|at| digits.raised.limb(at))))
        .collect();
    let products: Vec<_> = digits
        .iter()
        .map(Vec::as_slice)
        .zip(products.iter().map(|p| p.1))
        .collect();
    sums(context, key.limb(context, prime), prime, &products, outs, range);
}

/// Inner products of digits with one key modulo a prime.
pub(crate) fn sums(
    context: &Context,
    key: KeyLimb<'_>,
    prime: u16,
    products: &[(&[&[u64]], Then<'_>)],
    outs: &mut [[&mut [u64]; 2]],
    range: Range<usize>,
) {
    let rows = products
        .iter()
        .map(|(digits, _)| 2 * digits.len())
        .max()
        .unwrap_or(0);
    tally::add(
        Work::KeyByte,
        rows * Panel::row_bytes(range.len(), key.panel.bits()),
    );
    let sums: Vec<KeySum<'_>> = products
        .iter()
        .map(|&(digits, then)| KeySum {
            digits,
            plus: then.plus,
            automorphism: then.automorphism,
            add: then.add,
        })
        .collect();
    context
        .kernels()
        .key_sums(context.modulus(prime), outs, key, &sums, range);
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

/// Key switching: the inner product of digits with a key, with what `then` says of each position, divided by P and the quotient of the
/// two levels' moduli.
pub(crate) fn switch<'t>(
    context: &Context,
    key: &SwitchKey,
    levels: [usize; 2],
    raised: Raised<'_>,
    then: impl Fn(usize) -> Then<'t> + Sync + Send,
) -> [Poly<Ntt>; 2] {
    let mut results = [room(context, &context.primes(levels[1], false))];
    let then = |_, i| then(i);
    switch_to(
        context,
        key,
        levels,
        vec![raised],
        then,
        |_, _, _| {},
        &mut results,
    );
    let [result] = results;
    result
}

/// [`switch`] of several with one key, of which each piece is read once: `then` and `after` are given which of them it is, and the
/// position; `after` has a say about both sums of it.
pub(crate) fn switch_all<'t>(
    context: &Context,
    key: &SwitchKey,
    levels: [usize; 2],
    raised: Vec<Raised<'_>>,
    then: impl Fn(usize, usize) -> Then<'t> + Sync + Send,
    after: impl Fn(usize, usize, [&mut [u64]; 2]) + Sync + Send,
) -> Vec<[Poly<Ntt>; 2]> {
    let to = context.primes(levels[1], false);
    let mut results: Vec<_> = raised.iter().map(|_| room(context, &to)).collect();
    switch_to(context, key, levels, raised, then, after, &mut results);
    results
}

/// Everything modulo one prime is done at once, while its tables and the limbs are in a cache.
fn switch_to<'t>(
    context: &Context,
    key: &SwitchKey,
    [level, to]: [usize; 2],
    raised: Vec<Raised<'_>>,
    then: impl Fn(usize, usize) -> Then<'t> + Sync + Send,
    after: impl Fn(usize, usize, [&mut [u64]; 2]) + Sync + Send,
    results: &mut [[Poly<Ntt>; 2]],
) {
    let primes = context.primes(level, true);
    let mut digits: Vec<Digits<'_>> = raised.into_iter().map(|Raised(digits)| digits).collect();
    let mut limbs: Vec<Limbs> = digits
        .iter_mut()
        .map(|digits| std::mem::replace(&mut digits.raised, Limbs::scratch(0, 0)))
        .collect();
    let mut of_each: Vec<_> = limbs
        .iter_mut()
        .zip(&digits)
        .map(|(limbs, digits)| digits.raising.by_prime(limbs.split_mut()).into_iter())
        .collect();
    let work = primes
        .iter()
        .map(|_| {
            of_each
                .iter_mut()
                .map(|limbs| limbs.next().unwrap_or_default())
                .collect()
        })
        .collect();
    let mut x: Vec<_> = digits.iter().map(|_| room(context, &primes)).collect();
    divide_made(
        context,
        &context.division(level, to, true),
        &mut x,
        results,
        work,
        |i, mut raised: Vec<Vec<&mut [u64]>>, outs| {
            let transform = |limb: &mut &mut [u64]| context.ring().ntt(primes[i]).forward(limb);
            parallel::for_each(raised.iter_mut().flatten().collect(), transform);
            let limbs: Vec<Vec<&[u64]>> = digits
                .iter()
                .zip(&raised)
                .map(|(digits, raised)| digits.limbs(i, raised.iter().map(|limb| &**limb)))
                .collect();
            let products: Vec<_> = limbs
                .iter()
                .enumerate()
                .map(|(which, limbs)| (limbs.as_slice(), then(which, i)))
                .collect();
            let key = key.limb(context, primes[i]);
            sums(context, key, primes[i], &products, outs, 0..context.degree());
            for (which, out) in outs.iter_mut().enumerate() {
                after(which, i, out.each_mut().map(|half| &mut **half));
            }
        },
    );
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
    let division = context.division(from, to, special);
    let mut results = [room(context, &division.to)];
    let work = division.from.iter().map(|_| ()).collect();
    divide_made(context, &division, &mut [x], &mut results, work, |_, (), _| {});
    let [result] = results;
    result
}

/// [`divide`] of two polynomials whose limbs `make` writes, position by position.
pub(crate) fn make_and_divide(
    context: &Context,
    division: &Division,
    make: impl Fn(usize, [&mut [u64]; 2]) + Sync + Send,
) -> [Poly<Ntt>; 2] {
    let mut results = [room(context, &division.to)];
    make_and_divide_to(context, division, &mut results, |i, outs| {
        for out in outs {
            make(i, out.each_mut().map(|half| &mut **half));
        }
    });
    let [result] = results;
    result
}

/// [`make_and_divide`] of as many as there are results: `make` writes one position of all of them.
pub(crate) fn make_and_divide_to(
    context: &Context,
    division: &Division,
    results: &mut [[Poly<Ntt>; 2]],
    make: impl Fn(usize, &mut [[&mut [u64]; 2]]) + Sync + Send,
) {
    let mut x: Vec<_> = results.iter().map(|_| room(context, &division.from)).collect();
    let work = division.from.iter().map(|_| ()).collect();
    divide_made(context, division, &mut x, results, work, |i, (), outs| {
        make(i, outs)
    });
}

/// Polynomials to be written.
pub(crate) fn room<const PARTS: usize>(context: &Context, primes: &[u16]) -> [Poly<Ntt>; PARTS] {
    [0; PARTS].map(|_| Poly::scratch(context.ring(), primes))
}

/// [`divide`] of several, whose limbs are made just before: `make` is given each position, its item of `work`, and the limbs of all.
fn divide_made<const PARTS: usize, T: Send>(
    context: &Context,
    division: &Division,
    x: &mut [[Poly<Ntt>; PARTS]],
    results: &mut [[Poly<Ntt>; PARTS]],
    work: Vec<T>,
    make: impl Fn(usize, T, &mut [[&mut [u64]; PARTS]]) + Sync + Send,
) {
    let (mut kept, mut gone) = (vec![], vec![]);
    for (i, (limbs, work)) in by_position(x).into_iter().zip(work).enumerate() {
        let prime = division.from[i];
        let stays = division.to.contains(&prime);
        if stays { &mut kept } else { &mut gone }.push((i, prime, limbs, work));
    }
    type Operand<'l, T, const PARTS: usize> = (usize, u16, Vec<[&'l mut [u64]; PARTS]>, T);
    let gone = gone.into_iter().zip(&division.premultipliers).collect();
    let gone = parallel::map(
        gone,
        |((i, prime, mut limbs, work), &premultiplier): (Operand<'_, T, PARTS>, &u64)| {
            make(i, work, &mut limbs);
            let ntt = context.ring().ntt(prime);
            let parts = limbs.iter_mut().flatten().collect();
            parallel::for_each(parts, |limb: &mut &mut [u64]| {
                ntt.inverse_scaled(limb, premultiplier);
            });
            limbs
        },
    );
    let parts = results.iter_mut().enumerate();
    let parts = parts.flat_map(|(which, parts)| {
        parts
            .iter_mut()
            .enumerate()
            .map(move |(k, part)| ([which, k], part))
    });
    let conversions = parts.map(|([which, k], part)| Conversion {
        by: &division.conversion,
        src: gone.iter().map(|limbs| &*limbs[which][k]).collect(),
        dst: part.limbs_mut().split_mut(),
    });
    convert(context, conversions);
    let mut kept = kept.into_iter();
    let pieces = by_position(results)
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
        |(prime, results, stays): (u16, Vec<[&mut [u64]; PARTS]>, Stays<'_, T, PARTS>)| {
            let (ntt, q) = (context.ring().ntt(prime), context.modulus(prime));
            let results = results.into_iter().flatten();
            let Some((factor, (i, _, mut limbs, work))) = stays else {
                parallel::for_each(results.collect(), |result: &mut [u64]| ntt.forward(result));
                return;
            };
            make(i, work, &mut limbs);
            let parts = results.zip(limbs.into_iter().flatten()).collect();
            parallel::for_each(parts, |(result, limb): (&mut [u64], &mut [u64])| {
                ntt.forward(result);
                context.kernels().sub_mul_scalar_assign(q, result, limb, factor);
            });
        },
    );
}

/// The limbs of several groups of polynomials, position by position.
pub(crate) fn by_position<const PARTS: usize>(
    all: &mut [[Poly<Ntt>; PARTS]],
) -> Vec<Vec<[&mut [u64]; PARTS]>> {
    let mut positions: Vec<Vec<[&mut [u64]; PARTS]>> = vec![];
    for parts in all {
        let mut parts = parts
            .each_mut()
            .map(|part| part.limbs_mut().split_mut().into_iter());
        let count = parts.iter().map(ExactSizeIterator::len).min().unwrap_or(0);
        positions.resize_with(count, Vec::new);
        for position in &mut positions {
            position.push(parts.each_mut().map(|part| part.next().unwrap_or_default()));
        }
    }
    positions
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
