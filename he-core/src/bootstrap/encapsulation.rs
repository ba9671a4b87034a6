//! Sparse-secret encapsulation and the raising of the modulus.
//!
//! Notation: s dense secret, s' ephemeral sparse one, q0 base modulus, p0 first special prime, Q_L all Q primes.
//!
//! Modulo q0 the ciphertext is switched to s' with a key on q0 p0, which is small enough for a secret of weight 32. Read modulo Q_L it
//! decrypts under s' to m + q0 I. Its second part, lifted, is a single digit below q0, so that one pair on Q_L p0 switches it back:
//! `b = -a s + e + p0 s'`.
//!
//! Source: Bossuat, Troncoso-Pastoriza, Hubaux, ACNS 2022.

use zeroize::Zeroize;

use crate::ckks::{Ciphertext, Context, SecretKey, domain};
use crate::error::{Error, Result};
use crate::math::base_conversion::BaseConversion;
use crate::math::buffer::Limbs;
use crate::math::poly::{Ntt, Poly};
use crate::math::sample::{Seed, Stream};
use crate::params::{SPARSE_WEIGHT, Secret, log2_product};

/// The two keys between a secret and its ephemeral sparse companion, which nobody keeps.
pub struct EncapsulationKeys {
    /// On q0 and p0.
    to_sparse: [Poly<Ntt>; 2],
    /// On Q_L and p0.
    to_dense: [Poly<Ntt>; 2],
}

impl SecretKey {
    /// Keys for bootstrapping besides those of the transforms.
    ///
    /// # Errors
    /// [`Error::Insecure`] if the modulus of the sparse secret's key is too large for the ring; [`Error::Entropy`].
    pub fn encapsulation_keys(&self, context: &Context) -> Result<EncapsulationKeys> {
        let seed = Seed::from_os().map_err(|e| Error::Entropy(e.to_string()))?;
        self.encapsulation_keys_from(context, &seed)
    }

    /// [`encapsulation_keys`](Self::encapsulation_keys) with the randomness of a seed, which must stay secret and serve once.
    pub fn encapsulation_keys_from(&self, context: &Context, seed: &Seed) -> Result<EncapsulationKeys> {
        let (low, all) = (primes(context, 0), primes(context, context.top_level()));
        context.check_published(&all)?;
        check_sparse(context, &low)?;
        let mut sparse = sparse_ternary(seed, context.degree());
        let mut hidden = Poly::from_i8(context.ring(), &all, &sparse).to_ntt(context.ring());
        sparse.zeroize();
        let dense = |prime: u16| self.limb(prime);
        let ephemeral = |prime: u16| {
            all.iter()
                .position(|&p| p == prime)
                .map_or(&[][..], |i| hidden.limb(i))
        };
        let keys = EncapsulationKeys {
            to_sparse: pair(context, seed, domain::TO_SPARSE, &low, ephemeral, dense),
            to_dense: pair(context, seed, domain::TO_DENSE, &all, dense, ephemeral),
        };
        hidden.zeroize();
        Ok(keys)
    }
}

/// The Q primes of a level and p0.
pub(super) fn primes(context: &Context, level: usize) -> Vec<u16> {
    let mut primes = context.primes(level, false);
    primes.push(context.special().start);
    primes
}

fn check_sparse(context: &Context, primes: &[u16]) -> Result<()> {
    let moduli: Vec<u64> = primes.iter().map(|&p| context.modulus(p).value()).collect();
    let (log_n, security) = (context.chain().log_n(), context.chain().security());
    let secret = Secret::Sparse {
        weight: SPARSE_WEIGHT,
    };
    let (found_bits, cap_bits) = (log2_product(&moduli), secret.cap_bits(log_n, security));
    if context.is_secure() && found_bits > f64::from(cap_bits) {
        return Err(Error::Insecure {
            log_n,
            found_bits,
            cap_bits,
            security_bits: security.bits(),
        });
    }
    Ok(())
}

/// A ternary polynomial of weight [`SPARSE_WEIGHT`]. Places are set by looking at all of them: memory shows none. A place that is taken
/// is drawn again, which shows that one was, not which.
pub(super) fn sparse_ternary(seed: &Seed, degree: usize) -> Vec<i8> {
    let stream = Stream::new(seed, domain::SPARSE_SECRET, 0);
    let mut out = vec![0i8; degree];
    let (mut set, mut block) = (0, 0u128);
    while set < SPARSE_WEIGHT {
        let mut word = [0u64; 2];
        stream.words(block, &mut word);
        block += 1;
        let place = word[0] & (degree as u64 - 1);
        let sign = ((word[1] & 1) as i8) * 2 - 1;
        let mut taken = 0;
        for (k, c) in out.iter().enumerate() {
            taken |= i32::from(*c != 0) & i32::from(k as u64 == place);
        }
        let free = 1 - taken as i8;
        for (k, c) in out.iter_mut().enumerate() {
            *c += sign * free * i8::from(k as u64 == place);
        }
        set += free as usize;
        word.zeroize();
    }
    out
}

/// `b = -a t + e + p0 w` and a, on the primes given, the last of them p0.
fn pair<'s>(
    context: &Context,
    seed: &Seed,
    domain: u64,
    primes: &[u16],
    target: impl Fn(u16) -> &'s [u64],
    payload: impl Fn(u16) -> &'s [u64],
) -> [Poly<Ntt>; 2] {
    let public = domain::published_seed(seed);
    let mut error = vec![0; context.degree()];
    Stream::new(seed, domain::key_error(domain), 0).cbd21(&mut error);
    let mut b = Poly::from_i8(context.ring(), primes, &error).to_ntt(context.ring());
    error.zeroize();
    let mut a = Poly::zeroed(context.ring(), primes);
    let p0 = context.modulus(primes[primes.len() - 1]).value();
    let mut product = Limbs::scratch(context.degree(), 1);
    for (i, &prime) in primes.iter().enumerate() {
        let (kernels, q) = (context.kernels(), context.modulus(prime));
        Stream::new(&public, domain::key_uniform(domain), prime.into()).uniform(kernels, q, a.limb_mut(i));
        let product = product.limb_mut(0);
        kernels.mul(q, product, a.limb(i), target(prime));
        kernels.sub_assign(q, b.limb_mut(i), product);
        if i + 1 < primes.len() {
            kernels.mul_scalar_add(q, b.limb_mut(i), payload(prime), q.reduce(p0));
        }
    }
    product.zeroize();
    [b, a]
}

/// Tables for raising a ciphertext from q0 to Q_L.
pub(super) struct ModRaise {
    /// q0 to p0.
    up: BaseConversion,
    /// q0 to the other primes of Q_L and p0.
    raise: BaseConversion,
    /// p0 to q0.
    down: BaseConversion,
    /// p0 to Q_L.
    down_all: BaseConversion,
}

impl ModRaise {
    pub(super) fn new(context: &Context) -> Self {
        let moduli = |primes: &[u16]| primes.iter().map(|&p| *context.modulus(p)).collect::<Vec<_>>();
        let all = primes(context, context.top_level());
        let (q0, p0) = (moduli(&all[..1]), moduli(&all[all.len() - 1..]));
        Self {
            up: BaseConversion::new(&q0, &p0),
            raise: BaseConversion::new(&q0, &moduli(&all[1..])),
            down: BaseConversion::new(&p0, &q0),
            down_all: BaseConversion::new(&p0, &moduli(&all[..all.len() - 1])),
        }
    }

    /// From level 0 to the top: the coefficients plus multiples of q0, at the scale of `x`.
    pub(super) fn apply(&self, context: &Context, keys: &EncapsulationKeys, x: &Ciphertext) -> Ciphertext {
        let [c0, c1] = x.parts();
        // Under the sparse secret.
        let digit = lifted(context, c1.limb(0), &self.up, &primes(context, 0));
        let [mut d0, d1] = switched(context, &digit, &keys.to_sparse, &self.down);
        d0.add_assign(context.ring(), c0);
        // Modulo all primes, and back.
        let all = primes(context, context.top_level());
        let digit = lifted(context, d1.limb(0), &self.raise, &all);
        let [mut e0, e1] = switched(context, &digit, &keys.to_dense, &self.down_all);
        let mut low = lifted(context, d0.limb(0), &self.raise, &all);
        low.truncate(all.len() - 1);
        e0.add_assign(context.ring(), &low);
        Ciphertext::from_parts([e0, e1], context.top_level(), x.scale())
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
