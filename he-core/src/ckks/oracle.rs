//! Key switching and division held against schoolbook arithmetic on long integers, in a tiny ring.
//!
//! All primes are short, so that Q P fits a double word: residues are put together to integers, divided with exact rounding, and taken
//! apart again. Words must be equal, not close.

use super::keys::{KeyMemory, SeededSwitchKey, SwitchKey};
use super::keyswitch::{self, Then};
use super::{Context, SecretKey};
use crate::math::automorphism::galois_of_rotation;
use crate::math::poly::{Ntt, Poly};
use crate::math::sample::Seed;
use crate::math::uniform::UniformStream;
use crate::params::ChainSpec;
use std::sync::Arc;

const N: usize = 16;

fn built(spec: &ChainSpec) -> Arc<Context> {
    Context::new_insecure(spec.build_insecure().unwrap()).unwrap()
}

fn context() -> Arc<Context> {
    built(&ChainSpec {
        log_n: 4,
        base_bits: 22,
        level_bits: vec![20; 2],
        special_bits: vec![25],
        terminal_bits: vec![],
        log2_scale: 20.0,
    })
}

/// Levels that are not nested.
fn rational() -> Arc<Context> {
    let context = built(&ChainSpec {
        log_n: 4,
        base_bits: 22,
        level_bits: vec![12; 4],
        special_bits: vec![18; 2],
        terminal_bits: vec![12, 13],
        log2_scale: 20.0,
    });
    let chain = context.chain();
    assert!((0..4).any(|level| !chain.contains(level + 1, level)));
    assert!((0..4).any(|level| chain.contains(level + 1, level)));
    context
}

/// A uniform polynomial on the primes of a level.
fn uniform(context: &Context, level: usize, special: bool, index: u64) -> Poly<Ntt> {
    let primes = context.primes(level, special);
    let mut poly = Poly::zeroed(context.ring(), &primes);
    for (&prime, limb) in primes.iter().zip(poly.limbs_mut().split_mut()) {
        let stream = UniformStream::new(&Seed::new([9; 32]), index, prime.into());
        stream.fill(context.kernels(), context.modulus(prime), 0, limb);
    }
    poly
}

/// Half 0 or 1 of digit j of a key, modulo a prime.
fn half(context: &Context, key: &SwitchKey, prime: u16, j: usize, half: usize) -> Vec<u64> {
    let kernels = context.kernels();
    let mut words = vec![0; N];
    let key = key.limb(context, prime);
    match (key.uniform, half) {
        (None, _) => key.panel.read(kernels, 2 * j + half, &mut words),
        (Some(_), 0) => key.panel.read(kernels, j, &mut words),
        (Some(streams), _) => streams[j].fill(kernels, context.modulus(prime), 0, &mut words),
    }
    words
}

/// Coefficients modulo the product of the primes at `positions`, centred.
fn integers(context: &Context, poly: &Poly<Ntt>, positions: std::ops::Range<usize>) -> Vec<i128> {
    let coefficients = poly.clone().to_coeff(context.ring());
    let moduli: Vec<_> = positions
        .clone()
        .map(|i| *context.modulus(poly.primes()[i]))
        .collect();
    let product: i128 = moduli.iter().map(|q| i128::from(q.value())).product();
    (0..N)
        .map(|k| {
            let mut sum = 0i128;
            for (i, q) in positions.clone().zip(&moduli) {
                let others = product / i128::from(q.value());
                let inverse = q.inv(q.from_i128(others)).unwrap();
                sum += others * i128::from(q.mul(coefficients.limb(i)[k], inverse));
            }
            let x = sum % product;
            if 2 * x > product { x - product } else { x }
        })
        .collect()
}

/// `x / divisor`, rounded to nearest.
fn rounded(x: i128, divisor: i128) -> i128 {
    (2 * x + divisor).div_euclid(2 * divisor)
}

fn residues(context: &Context, x: &[i128], level: usize) -> Poly<Ntt> {
    let primes = context.primes(level, false);
    let mut poly = Poly::zeroed(context.ring(), &primes);
    for (&prime, limb) in primes.iter().zip(poly.limbs_mut().split_mut()) {
        limb.iter_mut()
            .zip(x)
            .for_each(|(out, &x)| *out = context.modulus(prime).from_i128(x));
        context.ring().ntt(prime).forward(limb);
    }
    poly
}

#[test]
fn division_rounds_to_nearest() {
    for context in [context(), rational()] {
        let chain = context.chain();
        let levels = (0..=chain.top_level()).flat_map(|from| (0..=from).map(move |to| (from, to)));
        let cases = levels.flat_map(|(from, to)| [(from, to, false), (from, to, true)]);
        for (from, to, special) in cases.filter(|&(from, to, special)| special || from != to) {
            let x = uniform(&context, from, special, 1);
            let result = context.primes(to, false);
            let product = |primes: &[u16], others: &[u16]| -> i128 {
                let own = primes.iter().filter(|p| !others.contains(p));
                own.map(|&p| i128::from(context.modulus(p).value())).product()
            };
            let (gone, come) = (product(x.primes(), &result), product(&result, x.primes()));
            let expected: Vec<_> = integers(&context, &x, 0..x.primes().len())
                .into_iter()
                .map(|x| rounded(x * come, gone))
                .collect();
            let [found] = keyswitch::divide(&context, from, to, special, [x]);
            assert_eq!(
                found,
                residues(&context, &expected, to),
                "from level {from} to {to}, special {special}"
            );
        }
    }
}

/// The negacyclic product modulo every prime, coefficient by coefficient.
fn product(context: &Context, digit: &[i128], key: &[&[u64]], primes: &[u16]) -> Vec<Vec<u64>> {
    primes
        .iter()
        .zip(key)
        .map(|(&prime, key)| {
            let q = context.modulus(prime);
            let mut coefficients = key.to_vec();
            context.ring().ntt(prime).inverse(&mut coefficients);
            let mut out = vec![0; N];
            for (i, &d) in digit.iter().enumerate() {
                for (j, &k) in coefficients.iter().enumerate() {
                    let term = q.mul(q.from_i128(d), k);
                    let at = &mut out[(i + j) % N];
                    *at = if i + j < N {
                        q.add(*at, term)
                    } else {
                        q.sub(*at, term)
                    };
                }
            }
            context.ring().ntt(prime).forward(&mut out);
            out
        })
        .collect()
}

#[test]
fn key_switching_is_the_schoolbook_algorithm() {
    for context in [context(), rational()] {
        check_key_switching(&context);
    }
}

fn check_key_switching(context: &Context) {
    let secret = SecretKey::from_seed(context, &Seed::new([1; 32]));
    let galois = galois_of_rotation(N, 3);
    let public = Seed::new([2; 32]);
    let both = |level| [(level, KeyMemory::Seeded), (level, KeyMemory::Expanded)];
    for (key_level, memory) in (0..=context.top_level()).flat_map(both) {
        let seeded =
            SeededSwitchKey::generate(context, &secret, galois, key_level, &public, &Seed::new([3; 32]))
                .unwrap();
        let key = SwitchKey::load(context, &public, seeded, memory).unwrap();
        for level in 0..=key_level {
            let primes = context.primes(level, true);
            let q_primes = context.chain().primes_of(level);
            let x = uniform(context, level, false, 4);
            let digits = keyswitch::decompose(context, level, &x);
            let mut found = [0, 1].map(|_| Poly::<Ntt>::zeroed(context.ring(), &primes));
            let [f0, f1] = &mut found;
            for i in 0..primes.len() {
                let out = [f0.limb_mut(i), f1.limb_mut(i)];
                digits.multiply_limb(context, &key, i, out, Then::default(), 0..N);
            }
            let mut expected = [0, 1].map(|_| Poly::<Ntt>::zeroed(context.ring(), &primes));
            let partition = context.chain().digits(key_level);
            for (j, own) in partition.into_iter().enumerate() {
                let position = |prime: usize| q_primes.partition_point(|&p| usize::from(p) < prime);
                let own = position(own.start)..position(own.end);
                if own.is_empty() {
                    continue;
                }
                let digit = integers(context, &x, own);
                for (half, expected) in expected.iter_mut().enumerate() {
                    let rows: Vec<Vec<u64>> = (0..primes.len())
                        .map(|i| self::half(context, &key, primes[i], j, half))
                        .collect();
                    let limbs: Vec<&[u64]> = rows.iter().map(Vec::as_slice).collect();
                    let products = product(context, &digit, &limbs, &primes);
                    for ((&prime, out), product) in
                        primes.iter().zip(expected.limbs_mut().split_mut()).zip(products)
                    {
                        context
                            .kernels()
                            .add_assign(context.modulus(prime), out, &product);
                    }
                }
            }
            assert_eq!(found, expected, "key level {key_level}, level {level}");
        }
    }
}

#[test]
fn a_key_decrypts_to_its_payload() {
    // b + a t - g w is the error: small in every digit.
    let context = context();
    let secret = SecretKey::from_seed(&context, &Seed::new([5; 32]));
    let public = Seed::new([6; 32]);
    let seeded = SeededSwitchKey::generate(&context, &secret, 1, 2, &public, &Seed::new([7; 32])).unwrap();
    let key = SwitchKey::load(&context, &public, seeded, KeyMemory::Expanded).unwrap();
    let primes = context.primes(2, true);
    for (j, own) in context.chain().digits(2).into_iter().enumerate() {
        let mut error = Poly::<Ntt>::zeroed(context.ring(), &primes);
        for (i, (&prime, limb)) in primes.iter().zip(error.limbs_mut().split_mut()).enumerate() {
            let (q, s) = (context.modulus(prime), secret.limb(prime));
            let [b, a] = [0, 1].map(|half| self::half(&context, &key, prime, j, half));
            let gadget = if own.contains(&i) {
                context.special_product(prime)
            } else {
                0
            };
            for k in 0..N {
                let payload = q.mul(q.mul(s[k], s[k]), gadget);
                limb[k] = q.sub(q.add(b[k], q.mul(a[k], s[k])), payload);
            }
        }
        // The centred binomial of 42 coins is at most 21.
        assert!(
            integers(&context, &error, 0..primes.len())
                .iter()
                .all(|e| e.abs() <= 21)
        );
    }
}

#[test]
fn uniform_halves_never_repeat() {
    let context = context();
    let secret = SecretKey::from_seed(&context, &Seed::new([5; 32]));
    let public = Seed::new([6; 32]);
    let mut seen = std::collections::BTreeSet::new();
    for galois in [1, 5, 25, 2 * N as u64 - 1] {
        let seeded =
            SeededSwitchKey::generate(&context, &secret, galois, 2, &public, &Seed::new([7; 32])).unwrap();
        let key = SwitchKey::load(&context, &public, seeded, KeyMemory::Expanded).unwrap();
        for j in 0..context.chain().digits(2).len() {
            for i in 0..4 {
                assert!(
                    seen.insert(half(&context, &key, i, j, 1)),
                    "key {galois}, digit {j}, limb {i}"
                );
            }
        }
    }
}
