//! Encryption and decryption.
//!
//! Notation: s secret, a uniform, v ternary, e errors (centred binomial), m the encoded plaintext.
//! Secret key: `(m + e - a s, a)`, a from a seed. Public key (b, a): `([v b + e0] / P + m, [v a + e1] / P)`.
//! Decryption computes `c0 + c1 s` modulo as few primes as hold the message.
//!
//! Nothing here branches on, or indexes by, a secret.

use zeroize::Zeroize;

use super::ciphertext::{Ciphertext, SeededCiphertext, uniform_limb};
use super::context::Context;
use super::encode::Plaintext;
use super::keys::{PublicKey, SecretKey};
use super::{domain, keyswitch, parallel};
use crate::complex::Complex;
use crate::error::{Error, Result};
use crate::math::buffer::Limbs;
use crate::math::modulus::Modulus;
use crate::math::poly::{Ntt, Poly};
use crate::math::sample::{Seed, Stream};
use crate::params::Secret;

fn fresh_seed() -> Result<Seed> {
    Seed::from_os().map_err(|e| Error::Entropy(e.to_string()))
}

impl SecretKey {
    /// Encrypts a plaintext at its level and scale.
    pub fn encrypt(&self, context: &Context, plaintext: &Plaintext) -> Result<SeededCiphertext> {
        self.encrypt_from(context, plaintext, &fresh_seed()?)
    }

    /// [`encrypt`](Self::encrypt) with the randomness of a seed, which must stay secret and serve once: two ciphertexts of one seed
    /// reveal the difference of their messages.
    pub fn encrypt_from(
        &self,
        context: &Context,
        plaintext: &Plaintext,
        seed: &Seed,
    ) -> Result<SeededCiphertext> {
        let level = plaintext.level();
        let primes = context.primes(level, false);
        context.check_published(&primes, Secret::Ternary)?;
        let public = domain::published_seed(seed);
        let mut error = vec![0; context.degree()];
        Stream::new(seed, domain::CIPHERTEXT_ERROR, 0).cbd21(&mut error);
        let mut c0 = Poly::<Ntt>::scratch(context.ring(), &primes);
        let limbs = primes
            .iter()
            .zip(c0.limbs_mut().split_mut())
            .enumerate()
            .collect();
        parallel::for_each(limbs, |(i, (&prime, limb)): (usize, (&u16, &mut [u64]))| {
            let (kernels, q) = (context.kernels(), context.modulus(prime));
            kernels.reduce_i8(q, limb, &error);
            context.ring().ntt(prime).forward(limb);
            plaintext.add_to(q, i, limb);
            let mut product = Limbs::scratch(context.degree(), 1);
            let product = product.limb_mut(0);
            uniform_limb(context, &public, prime, product);
            kernels.mul_assign(q, product, self.limb(prime));
            kernels.sub_assign(q, limb, product);
            product.zeroize();
        });
        error.zeroize();
        Ok(SeededCiphertext {
            c0,
            seed: public,
            level,
            scale: plaintext.scale(),
        })
    }

    /// Decrypts to slots. The result carries the noise of the computation, from which the secret key can be found: it is for the key's
    /// owner only, never for whoever computed the ciphertext (Li and Micciancio, EUROCRYPT 2021).
    pub fn decrypt(&self, context: &Context, ciphertext: &Ciphertext) -> Vec<Complex> {
        let mut coefficients = self.decrypt_coefficients(context, ciphertext);
        let slots = context.decode_coefficients(&coefficients, ciphertext.scale());
        coefficients.zeroize();
        slots
    }

    /// Decrypts to the real parts of the slots.
    pub fn decrypt_real(&self, context: &Context, ciphertext: &Ciphertext) -> Vec<f64> {
        self.decrypt(context, ciphertext)
            .into_iter()
            .map(|slot| slot.re)
            .collect()
    }

    /// Centred coefficients of `c0 + c1 s`.
    pub(crate) fn decrypt_coefficients(&self, context: &Context, ciphertext: &Ciphertext) -> Vec<f64> {
        let count = message_limbs(context, ciphertext);
        let [c0, c1] = ciphertext.parts();
        let mut message = Limbs::scratch(context.degree(), count);
        let primes = &c0.primes()[..count];
        let limbs = message.split_mut().into_iter().zip(primes).enumerate().collect();
        parallel::for_each(limbs, |(i, (limb, &prime)): (usize, (&mut [u64], &u16))| {
            limb.copy_from_slice(c0.limb(i));
            context.kernels().inner_product_add(
                context.modulus(prime),
                limb,
                &[(c1.limb(i), self.limb(prime))],
            );
            context.ring().ntt(prime).inverse(limb);
        });
        let coefficients = centred(&context.moduli(primes), &message);
        message.zeroize();
        coefficients
    }
}

impl PublicKey {
    /// Encrypts a plaintext at its level and scale.
    pub fn encrypt(&self, context: &Context, plaintext: &Plaintext) -> Result<Ciphertext> {
        self.encrypt_from(context, plaintext, &fresh_seed()?)
    }

    /// [`encrypt`](Self::encrypt) with the randomness of a seed, which must stay secret and serve once.
    pub fn encrypt_from(&self, context: &Context, plaintext: &Plaintext, seed: &Seed) -> Result<Ciphertext> {
        let level = plaintext.level();
        let primes = context.primes(level, true);
        let mut small = vec![vec![0; context.degree()]; 3];
        for (i, error) in small.iter_mut().enumerate().take(2) {
            Stream::new(seed, domain::CIPHERTEXT_ERROR, i as u64).cbd21(error);
        }
        Stream::new(seed, domain::EPHEMERAL, 0).ternary(&mut small[2]);
        let mut raised = [0, 1].map(|_| Poly::<Ntt>::scratch(context.ring(), &primes));
        let [r0, r1] = &mut raised;
        let limbs = r0
            .limbs_mut()
            .split_mut()
            .into_iter()
            .zip(r1.limbs_mut().split_mut())
            .zip(&primes)
            .collect();
        parallel::for_each(limbs, |((r0, r1), &prime): ((&mut [u64], &mut [u64]), &u16)| {
            let (kernels, q) = (context.kernels(), context.modulus(prime));
            let mut ephemeral = Limbs::scratch(context.degree(), 1);
            let v = ephemeral.limb_mut(0);
            for (limb, small) in [&mut *r0, &mut *r1, &mut *v].into_iter().zip(&small) {
                kernels.reduce_i8(q, limb, small);
                context.ring().ntt(prime).forward(limb);
            }
            let [b, a] = self.limbs(prime);
            kernels.inner_product_pair_add(q, [r0, r1], &[(v, b, a)]);
            v.zeroize();
        });
        small.zeroize();
        let mut parts = keyswitch::divide(context, level, level, true, raised);
        let q_primes = context.chain().primes_of(level).iter();
        for (i, (limb, &prime)) in parts[0]
            .limbs_mut()
            .split_mut()
            .into_iter()
            .zip(q_primes)
            .enumerate()
        {
            plaintext.add_to(context.modulus(prime), i, limb);
        }
        Ok(Ciphertext {
            parts,
            level,
            scale: plaintext.scale(),
        })
    }
}

/// Limbs that hold the message: those with the headroom above the scale that level 0 has, at most all of the level.
fn message_limbs(context: &Context, ciphertext: &Ciphertext) -> usize {
    let chain = context.chain();
    let headroom = chain.log_q(0) - chain.scale(0).log2();
    let needed = ciphertext.scale().log2() + headroom.max(0.0) - 0.5;
    let primes = chain.primes_of(ciphertext.level());
    let mut bits = 0.0;
    for (i, &prime) in primes.iter().enumerate() {
        if i > 0 && bits >= needed {
            return i;
        }
        bits += (chain.primes()[usize::from(prime)] as f64).log2();
    }
    primes.len()
}

/// Centred values of coefficients given by their residues: mixed-radix digits (Garner), each centred, so that their sum is centred too
/// and loses nothing to cancellation when taken in floats.
fn centred(moduli: &[Modulus], residues: &Limbs) -> Vec<f64> {
    // Of each modulus, the inverse of the product of those before it.
    let inverses: Vec<u64> = (0..moduli.len())
        .map(|i| {
            moduli[i]
                .inv(moduli[..i].iter().fold(1, |p, q| moduli[i].mul(p, q.value())))
                .unwrap_or(0)
        })
        .collect();
    let mut digits = vec![0i64; moduli.len()];
    let value = |k: usize| {
        for (i, q) in moduli.iter().enumerate() {
            // The digits found so far, modulo q.
            let known = (0..i).rev().fold(0, |sum, j| {
                q.add(q.mul(sum, moduli[j].value()), q.from_i64(digits[j]))
            });
            digits[i] = q.centred(q.mul(q.sub(residues.limb(i)[k], known), inverses[i]));
        }
        digits
            .iter()
            .zip(moduli)
            .rev()
            .fold(0.0, |sum, (&digit, q)| sum * q.value() as f64 + digit as f64)
    };
    let coefficients = (0..residues.n()).map(value).collect();
    digits.zeroize();
    coefficients
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ckks::fixture::{Fixture, chain, distance, slots};
    use crate::ckks::noise;

    /// Mean square of the coefficients of decryptions of zero.
    fn measured(f: &Fixture, encrypt: impl Fn(&Plaintext) -> Ciphertext) -> f64 {
        let zero = f.context.encode(&[0.0], 1.0, 2, false).unwrap();
        let runs = 16;
        let square = |_| {
            let coefficients = f.secret.decrypt_coefficients(&f.context, &encrypt(&zero));
            coefficients.iter().map(|c| c * c).sum::<f64>() / coefficients.len() as f64
        };
        (0..runs).map(square).sum::<f64>() / f64::from(runs)
    }

    /// The mean square of 2^16 independent normal variables strays from the variance by a relative sqrt(2 / 2^16) = 0.0055; ten per
    /// cent are eighteen deviations.
    #[track_caller]
    fn within_ten_per_cent(found: f64, expected: f64) {
        assert!(
            (found / expected - 1.0).abs() < 0.1,
            "variance {found}, expected {expected}"
        );
    }

    #[test]
    fn fresh_noise_is_what_theory_says() {
        let f = Fixture::new(12, &[]);
        let secret = measured(&f, |p| {
            f.secret.encrypt(&f.context, p).unwrap().expand(&f.context)
        });
        within_ten_per_cent(secret, noise::fresh_secret());
        let public = f.secret.public_key(&f.context).unwrap();
        let found = measured(&f, |p| public.encrypt(&f.context, p).unwrap());
        within_ten_per_cent(
            found,
            noise::fresh_public(f.context.degree(), f.context.chain().log_p()),
        );
    }

    #[test]
    fn rounding_and_key_switching_noise_are_what_theory_says() {
        let f = Fixture::new(12, &[1]);
        let n = f.context.degree();
        let fresh = |p: &Plaintext| f.secret.encrypt(&f.context, p).unwrap().expand(&f.context);
        let rescaled = measured(&f, |p| crate::ckks::eval::rescale(&f.context, &fresh(p)).unwrap());
        within_ten_per_cent(
            rescaled,
            noise::rescale(noise::fresh_secret(), f.context.chain().divisor(2), n),
        );
        let rotated = measured(&f, |p| {
            crate::ckks::eval::rotate(&f.context, &f.keys, &fresh(p), 1).unwrap()
        });
        within_ten_per_cent(
            rotated,
            noise::fresh_secret() + noise::key_switch(f.context.chain(), 2),
        );
    }

    #[test]
    fn encryption_is_randomised_and_bound_to_its_key() {
        let f = Fixture::new(8, &[]);
        let x = slots(128, 70);
        let plaintext = f
            .context
            .encode_complex(&x, f.context.scale(4), 4, false)
            .unwrap();
        let [first, second] = [0, 1].map(|_| f.secret.encrypt(&f.context, &plaintext).unwrap());
        assert_ne!(first, second);
        assert_ne!(
            first.expand(&f.context).parts()[1],
            second.expand(&f.context).parts()[1]
        );
        let public = f.secret.public_key(&f.context).unwrap();
        let [third, fourth] = [0, 1].map(|_| public.encrypt(&f.context, &plaintext).unwrap());
        assert_ne!(third, fourth);
        for ciphertext in [first.expand(&f.context), second.expand(&f.context), third, fourth] {
            let v = noise::fresh_public(256, f.context.chain().log_p())
                + noise::fresh_secret()
                + noise::encoding();
            f.assert_slots(&ciphertext, &x, v);
            // Under another key the coefficients are uniform modulo the primes looked at, far above the scale.
            let other = SecretKey::generate(&f.context).unwrap();
            assert!(distance(&other.decrypt(&f.context, &ciphertext), &x) > 1.0);
        }
    }

    #[test]
    fn a_seed_fixes_the_ciphertext_but_not_its_published_seed() {
        let f = Fixture::new(5, &[]);
        let plaintext = f.context.encode(&[0.25], f.context.scale(1), 1, false).unwrap();
        let seed = Seed::new([3; 32]);
        let [first, second] = [0, 1].map(|_| f.secret.encrypt_from(&f.context, &plaintext, &seed).unwrap());
        assert_eq!(first, second);
        assert_ne!(first.seed, seed);
    }

    #[test]
    fn messages_of_any_length_are_found_in_as_few_limbs_as_hold_them() {
        let f = Fixture::new(5, &[]);
        let x = slots(16, 71);
        for (log2_scale, limbs) in [(39.0, 1), (60.0, 2), (85.0, 3), (123.0, 4)] {
            let scale = 2f64.powf(log2_scale);
            let plaintext = f.context.encode_complex(&x, scale, 4, false).unwrap();
            let ciphertext = f
                .secret
                .encrypt(&f.context, &plaintext)
                .unwrap()
                .expand(&f.context);
            assert_eq!(message_limbs(&f.context, &ciphertext), limbs);
            let bound = noise::slot_bound(noise::fresh_secret() + noise::encoding(), 32, scale) + 1e-13;
            assert!(distance(&f.decrypt(&ciphertext), &x) < bound);
        }
    }

    #[test]
    fn insecure_keys_and_ciphertexts_are_not_published() {
        let context = Context::secure_for_test(chain(6));
        let secret = SecretKey::from_seed(&context, &Seed::new([1; 32]));
        let spec = crate::ckks::KeySpec {
            relin_level: Some(1),
            ..Default::default()
        };
        assert!(matches!(
            secret.evaluation_keys(&context, &spec),
            Err(Error::Insecure { cap_bits: 0, .. })
        ));
        assert!(matches!(secret.public_key(&context), Err(Error::Insecure { .. })));
        let plaintext = context.encode(&[1.0], 1.0, 0, false).unwrap();
        assert!(matches!(
            secret.encrypt(&context, &plaintext),
            Err(Error::Insecure { .. })
        ));
    }

    #[test]
    fn the_secret_survives_its_bytes() {
        let f = Fixture::new(5, &[]);
        let bytes = f.secret.to_bytes();
        let again = SecretKey::from_bytes(&f.context, &bytes).unwrap();
        assert_eq!(*again.to_bytes(), *bytes);
        let mut broken = bytes.to_vec();
        broken[3] |= 3;
        assert!(matches!(
            SecretKey::from_bytes(&f.context, &broken),
            Err(Error::Corrupted { .. })
        ));
        assert!(matches!(
            SecretKey::from_bytes(&f.context, &bytes[1..]),
            Err(Error::Truncated { .. })
        ));
    }
}
