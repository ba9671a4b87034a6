//! The public key, for those who encrypt without the secret one.
//!
//! `b = -a s + e` on all Q and special primes. Encryption multiplies by a ternary v and divides by P: the noise e v shrinks with it, so
//! that what is left is little more than the rounding.
//!
//! Wire: seed (32 bytes), then the limbs of b, packed.

use super::SecretKey;
use crate::ckks::ciphertext::{exactly, pack_poly, poly_bytes, unpack_limbs};
use crate::ckks::context::Context;
use crate::ckks::{domain, parallel};
use crate::error::{Error, Result};
use crate::math::buffer::Limbs;
use crate::math::poly::{Ntt, Poly};
use crate::math::sample::{Seed, Stream};
use crate::math::uniform::UniformStream;
use crate::params::Secret;
use zeroize::Zeroize;

/// A public key.
#[derive(Clone, Debug, PartialEq)]
pub struct PublicKey {
    seed: Seed,
    b: Poly<Ntt>,
    a: Poly<Ntt>,
}

impl SecretKey {
    /// A public key of this secret key.
    pub fn public_key(&self, context: &Context) -> Result<PublicKey> {
        let seed = Seed::from_os().map_err(|e| Error::Entropy(e.to_string()))?;
        self.public_key_from(context, &seed)
    }

    /// [`public_key`](Self::public_key) with the randomness of a seed, which must stay secret and serve once.
    pub fn public_key_from(&self, context: &Context, seed: &Seed) -> Result<PublicKey> {
        let primes = context.primes(context.top_level(), true);
        context.check_published(&primes, Secret::Ternary)?;
        let public = domain::published_seed(seed);
        let a = uniform_part(context, &public);
        let mut error = vec![0; context.degree()];
        Stream::new(seed, domain::PUBLIC_KEY_ERROR, 0).cbd21(&mut error);
        let mut b = Poly::from_i8(context.ring(), &primes, &error).to_ntt(context.ring());
        error.zeroize();
        let mut product = a.clone();
        for (&prime, limb) in primes.iter().zip(product.limbs_mut().split_mut()) {
            context
                .kernels()
                .mul_assign(context.modulus(prime), limb, self.limb(prime));
        }
        b.sub_assign(context.ring(), &product);
        Ok(PublicKey { seed: public, b, a })
    }
}

impl PublicKey {
    /// The limbs of b and a modulo a prime.
    pub(crate) fn limbs(&self, prime: u16) -> [&[u64]; 2] {
        [self.b.limb(usize::from(prime)), self.a.limb(usize::from(prime))]
    }

    /// The wire form.
    pub fn to_bytes(&self, context: &Context) -> Vec<u8> {
        let mut out = self.seed.bytes().to_vec();
        pack_poly(context, &self.b, &mut out);
        out
    }

    /// Reads the wire form; lengths and every word are checked.
    pub fn from_bytes(context: &Context, bytes: &[u8]) -> Result<Self> {
        let primes = context.primes(context.top_level(), true);
        let [seed, packed] = exactly("public key", bytes, [32, poly_bytes(context, &primes)])?;
        let mut seed_bytes = [0; 32];
        seed_bytes.copy_from_slice(seed);
        let seed = Seed::new(seed_bytes);
        let mut b = Limbs::zeroed(context.degree(), primes.len());
        unpack_limbs(context, &primes, packed, &mut b)?;
        let a = uniform_part(context, &seed);
        Ok(Self {
            seed,
            b: Poly::from_limbs(b, primes),
            a,
        })
    }
}

fn uniform_part(context: &Context, seed: &Seed) -> Poly<Ntt> {
    let primes = context.primes(context.top_level(), true);
    let mut a = Poly::zeroed(context.ring(), &primes);
    let limbs = primes.iter().zip(a.limbs_mut().split_mut()).collect();
    parallel::for_each(limbs, |(&prime, limb): (&u16, &mut [u64])| {
        let stream = UniformStream::new(seed, domain::PUBLIC_KEY_UNIFORM, prime.into());
        stream.fill(context.kernels(), context.modulus(prime), 0, limb);
    });
    a
}
