//! A polynomial modulo several primes, whose type says in which domain it stands.

use super::automorphism::Automorphism;
use super::buffer::Limbs;
use super::ring::Ring;
use std::marker::PhantomData;
use zeroize::Zeroize;

/// Values at the roots of `X^N + 1`, in bit-reversed order: products are word by word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ntt {}

/// Coefficients in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coeff {}

/// One limb for each prime it lives on. Primes are named by their position in the [`Ring`].
///
/// # Panics
/// Operations on two polynomials panic if these live on different primes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Poly<Domain> {
    limbs: Limbs,
    primes: Vec<u16>,
    domain: PhantomData<Domain>,
}

impl<Domain> Poly<Domain> {
    /// Zero on the primes given.
    pub fn zeroed(ring: &Ring, primes: &[u16]) -> Self {
        Self::from_limbs(Limbs::zeroed(ring.n(), primes.len()), primes.to_vec())
    }

    /// Limbs of any content on the primes given, for those who write all of them.
    pub fn scratch(ring: &Ring, primes: &[u16]) -> Self {
        Self::from_limbs(Limbs::scratch(ring.n(), primes.len()), primes.to_vec())
    }

    /// Limbs that stand in this domain, one for each prime.
    ///
    /// # Panics
    /// If the numbers of limbs and primes differ.
    pub fn from_limbs(limbs: Limbs, primes: Vec<u16>) -> Self {
        assert_eq!(limbs.count(), primes.len(), "limbs and primes");
        Self {
            limbs,
            primes,
            domain: PhantomData,
        }
    }

    /// The primes, in the order of the limbs.
    pub fn primes(&self) -> &[u16] {
        &self.primes
    }

    /// The limbs.
    pub fn limbs(&self) -> &Limbs {
        &self.limbs
    }

    /// The limbs, to write.
    pub fn limbs_mut(&mut self) -> &mut Limbs {
        &mut self.limbs
    }

    /// Limb at position `i` (not: of prime `i`).
    pub fn limb(&self, i: usize) -> &[u64] {
        self.limbs.limb(i)
    }

    /// Limb at position `i`, to write.
    pub fn limb_mut(&mut self, i: usize) -> &mut [u64] {
        self.limbs.limb_mut(i)
    }

    /// The limb of prime `index`, if the polynomial lives on it.
    pub fn limb_of(&self, index: u16) -> Option<&[u64]> {
        self.primes
            .iter()
            .position(|&prime| prime == index)
            .map(|i| self.limbs.limb(i))
    }

    /// Keeps the first `count` limbs.
    pub fn truncate(&mut self, count: usize) {
        self.limbs.truncate(count);
        self.primes.truncate(count);
    }

    /// The same polynomial on some of its primes, given in their order.
    ///
    /// # Panics
    /// If it does not live on one of them.
    pub fn restricted(mut self, ring: &Ring, primes: &[u16]) -> Self {
        if self.primes.starts_with(primes) {
            self.truncate(primes.len());
            return self;
        }
        let mut out = Self::scratch(ring, primes);
        for (&prime, out) in primes.iter().zip(out.limbs.split_mut()) {
            let limb = self.limb_of(prime);
            assert!(limb.is_some(), "prime {prime} is none of the polynomial's");
            out.copy_from_slice(limb.unwrap_or(&[]));
        }
        out
    }

    /// `self += other`.
    pub fn add_assign(&mut self, ring: &Ring, other: &Self) {
        self.update(other, |index, a, b| {
            ring.kernels().add_assign(ring.modulus(index), a, b)
        });
    }

    /// `self -= other`.
    pub fn sub_assign(&mut self, ring: &Ring, other: &Self) {
        self.update(other, |index, a, b| {
            ring.kernels().sub_assign(ring.modulus(index), a, b)
        });
    }

    /// `self = -self`.
    pub fn neg_assign(&mut self, ring: &Ring) {
        self.each(|index, a| ring.kernels().neg_assign(ring.modulus(index), a));
    }

    /// `self *= w`, an integer given by a function of the prime's index.
    pub fn mul_scalar_assign(&mut self, ring: &Ring, w: impl Fn(u16) -> u64) {
        self.each(|index, a| ring.kernels().mul_scalar_assign(ring.modulus(index), a, w(index)));
    }

    /// Runs `f(index of the prime, limb)` on every limb.
    pub fn each(&mut self, f: impl Fn(u16, &mut [u64])) {
        for (&index, limb) in self.primes.iter().zip(self.limbs.split_mut()) {
            f(index, limb);
        }
    }

    /// Runs `f(index of the prime, limb, limb of other)` on every limb.
    pub fn update<Other>(&mut self, other: &Poly<Other>, f: impl Fn(u16, &mut [u64], &[u64])) {
        assert_eq!(self.primes, other.primes, "operands live on different primes");
        for ((&index, limb), other) in self
            .primes
            .iter()
            .zip(self.limbs.split_mut())
            .zip(other.limbs.iter())
        {
            f(index, limb, other);
        }
    }

    fn into_domain<To>(self) -> Poly<To> {
        Poly {
            limbs: self.limbs,
            primes: self.primes,
            domain: PhantomData,
        }
    }
}

impl Poly<Coeff> {
    /// The polynomial with these signed coefficients. Constant time.
    pub fn from_i64(ring: &Ring, primes: &[u16], coefficients: &[i64]) -> Self {
        let mut poly = Self::zeroed(ring, primes);
        poly.each(|index, limb| ring.kernels().reduce_i64(ring.modulus(index), limb, coefficients));
        poly
    }

    /// The polynomial with these small signed coefficients. Constant time.
    pub fn from_i8(ring: &Ring, primes: &[u16], coefficients: &[i8]) -> Self {
        let mut poly = Self::zeroed(ring, primes);
        poly.each(|index, limb| ring.kernels().reduce_i8(ring.modulus(index), limb, coefficients));
        poly
    }

    /// Transforms every limb.
    pub fn to_ntt(mut self, ring: &Ring) -> Poly<Ntt> {
        self.each(|index, limb| ring.ntt(index).forward(limb));
        self.into_domain()
    }
}

impl Poly<Ntt> {
    /// `self *= other`.
    pub fn mul_assign(&mut self, ring: &Ring, other: &Self) {
        self.update(other, |index, a, b| {
            ring.kernels().mul_assign(ring.modulus(index), a, b)
        });
    }

    /// `self += a b`.
    pub fn mul_add_assign(&mut self, ring: &Ring, a: &Self, b: &Self) {
        assert_eq!(self.primes, b.primes, "operands live on different primes");
        for (i, b) in b.limbs.iter().enumerate() {
            let q = ring.modulus(self.primes[i]);
            ring.kernels()
                .inner_product_add(q, self.limbs.limb_mut(i), &[(a.limb(i), b)]);
        }
    }

    /// `a(X^g)`.
    pub fn automorphism(&self, ring: &Ring, automorphism: &Automorphism) -> Self {
        let mut out = Self::zeroed(ring, &self.primes);
        out.update(self, |_, out, a| automorphism.apply(ring.kernels(), out, a));
        out
    }

    /// Transforms every limb back.
    pub fn to_coeff(mut self, ring: &Ring) -> Poly<Coeff> {
        self.each(|index, limb| ring.ntt(index).inverse(limb));
        self.into_domain()
    }
}

impl<Domain> Zeroize for Poly<Domain> {
    fn zeroize(&mut self) {
        self.limbs.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn x_times_its_power_wraps_to_minus_one() {
        let ring = Ring::new(16, &[1111361812955137, 1088139821057, 1068236801]).unwrap();
        let monomial = |k: usize, c: i64| {
            let mut coefficients = [0; 16];
            coefficients[k] = c;
            Poly::from_i64(&ring, &[0, 2], &coefficients).to_ntt(&ring)
        };
        let mut product = monomial(1, 3);
        product.mul_assign(&ring, &monomial(15, -2));
        assert_eq!(product, monomial(0, 6));
        product.mul_add_assign(&ring, &monomial(4, 1), &monomial(12, 5));
        assert_eq!(product, monomial(0, 1));
        product.sub_assign(&ring, &monomial(3, 1));
        product.neg_assign(&ring);
        product.add_assign(&ring, &monomial(0, 1));
        assert_eq!(product, monomial(3, 1));
        let cubed = product.automorphism(&ring, &Automorphism::new(16, 3));
        assert_eq!(cubed, monomial(9, 1));
        let mut coefficients = cubed.to_coeff(&ring);
        coefficients.mul_scalar_assign(&ring, |_| 7);
        assert_eq!(coefficients.limb_of(2).map(|limb| limb[9]), Some(7));
        assert_eq!(coefficients.limb_of(1), None);
        coefficients.truncate(1);
        assert_eq!(coefficients.primes(), [0]);
        assert_eq!(
            Poly::from_i8(&ring, &[0], &[-1; 16]),
            Poly::from_i64(&ring, &[0], &[-1; 16])
        );
    }
}
