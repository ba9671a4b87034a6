//! Transforms of a ciphertext whose modulus was just raised: `sum of rot_k(plain_k . x)` over turns k.
//!
//! Notation: s' sparse secret, s dense one, q0 base modulus, p0 first special prime, x = (c_0, c_1) under s' on all primes of a level.
//!
//! The second part is a single digit below q0: it is nothing but multiplied with a turn's key from s' to s, on one special prime. So
//! each product with a plaintext comes first, and is turned while it is added to the sum: `rot_k(plain_k c_1 key_k + p0 plain_k c_0)`.
//! Nothing is decomposed, no rotated operand is kept, and the sum is divided once, by p0 and the level's primes together. The noise is
//! that of rotating first: the digit is multiplied with the errors of the key and with the plaintext either way.

use super::weights::Weights;
use crate::ckks::context::{Context, Division};
use crate::ckks::keys::EncapsulationKeys;
use crate::ckks::keyswitch::{self, Then};
use crate::math::buffer::Limbs;
use crate::math::poly::{Ntt, Poly};

/// Words of a product that are made at a time: they stay in the nearest caches until they are turned.
const PIECE_WORDS: usize = 1 << 11;

/// A ciphertext under the sparse secret, its modulus raised.
pub(crate) struct Raised {
    /// c_0, on the primes of a level.
    pub(crate) low: Poly<Ntt>,
    /// c_1, on these and p0.
    pub(crate) digit: Poly<Ntt>,
}

/// The plaintexts of a transform, and its division.
pub(crate) struct Turned {
    /// Plaintexts with the turns that they are used in, rotated back by these; they stand on p0 too.
    terms: Vec<(Vec<usize>, Weights)>,
    division: Division,
}

impl Turned {
    /// A transform from a level to another.
    pub(crate) fn new(context: &Context, [level, to]: [usize; 2], terms: Vec<(Vec<usize>, Weights)>) -> Self {
        let (from, to) = (context.encapsulation_primes(level), context.primes(to, false));
        Self {
            terms,
            division: Division::new(context, from, to),
        }
    }

    /// Bytes of the plaintexts.
    pub(crate) fn bytes(&self) -> usize {
        self.terms.iter().map(|(_, weights)| weights.bytes()).sum()
    }

    /// The transform of several, under s: each piece of a key is read once for all.
    pub(crate) fn apply(
        &self,
        context: &Context,
        keys: &EncapsulationKeys,
        all: &[Raised],
    ) -> Vec<[Poly<Ntt>; 2]> {
        let n = context.degree();
        let step = PIECE_WORDS.min(n);
        let automorphism =
            |turn: usize| (turn > 0).then(|| context.automorphism(EncapsulationKeys::galois(context, turn)));
        let turns = EncapsulationKeys::turns(context.slots());
        let automorphisms: Vec<_> = (0..turns).map(automorphism).collect();
        let p0 = context.modulus(context.special().start).value();
        let mut results: Vec<_> = all
            .iter()
            .map(|_| keyswitch::room(context, &self.division.to))
            .collect();
        keyswitch::make_and_divide_to(context, &self.division, &mut results, |i, outs| {
            let prime = self.division.from[i];
            let is_special = context.is_special(prime);
            let p0 = context.modulus(prime).reduce(p0);
            // Of each, the digit and the lower part times a plaintext.
            let mut products: Vec<Limbs> = all.iter().map(|_| Limbs::scratch(n, 2)).collect();
            let position = context.position(context.top_level(), prime);
            for (k, (turns, weights)) in self.terms.iter().enumerate() {
                for at in (0..n).step_by(step) {
                    let range = at..at + step;
                    for (x, products) in all.iter().zip(&mut products) {
                        // Times p0, the first part vanishes modulo p0.
                        let low = if is_special {
                            x.digit.limb(i)
                        } else {
                            x.low.limb(i)
                        };
                        let mut halves = products.split_mut();
                        let [digit, into] = &mut halves[..] else { continue };
                        let made = [&mut digit[range.clone()], &mut into[range.clone()]];
                        weights.sum(context, prime, &[[x.digit.limb(i), low]], made, range.clone());
                    }
                    let digits: Vec<[&[u64]; 1]> =
                        products.iter().map(|products| [products.limb(0)]).collect();
                    for (m, &turn) in turns.iter().enumerate() {
                        let then = |products| Then {
                            plus: (!is_special).then_some((Limbs::limb(products, 1), p0)),
                            automorphism: automorphisms[turn].as_deref(),
                            add: k + m > 0,
                        };
                        let terms: Vec<_> = digits
                            .iter()
                            .zip(&products)
                            .map(|(digits, products)| (&digits[..], then(products)))
                            .collect();
                        keyswitch::sums(
                            context,
                            keys.turn(turn, position),
                            prime,
                            &terms,
                            outs,
                            range.clone(),
                        );
                    }
                }
            }
        });
        results
    }
}
