//! Arithmetic modulo one prime `q < 2^50`.
//!
//! Notation: a *Shoup* factor is a constant `w < q` together with `floor(w 2^64 / q)`, so that `x w mod q` costs two products and no
//! division (V. Shoup, NTL; D. Harvey, "Faster arithmetic for number-theoretic transforms", 2014, section 2). Its upper 52 bits are
//! `floor(w 2^52 / q)`, which is what the 52-bit multipliers of AVX-512 IFMA want.

/// One above the largest modulus: values of the lazy range `[0, 4q)` must fit the 52-bit multipliers.
pub const MODULUS_LIMIT: u64 = 1 << 50;

/// A constant factor modulo some `q`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shoup {
    /// The factor, below `q`.
    pub w: u64,
    /// `floor(w 2^64 / q)`.
    pub quotient: u64,
}

/// A modulus with the constants of its reductions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Modulus {
    q: u64,
    /// 1 as a Shoup factor: reduces a word.
    one: Shoup,
    /// `2^64 mod q` as a Shoup factor: reduces the upper word of a double word.
    two_64: Shoup,
    /// `2^52` and `2^104` modulo `q`: the same for words of 52 bits.
    two_52: Shoup,
    two_104: Shoup,
}

impl Modulus {
    /// The modulus `q`.
    ///
    /// # Panics
    /// If `q` is not in `3..2^50`. Whether it is prime is the caller's affair ([`crate::math::prime::is_prime`]); only [`Self::inv`]
    /// needs it.
    pub const fn new(q: u64) -> Self {
        assert!(q > 2 && q < MODULUS_LIMIT, "a modulus must be in 3..2^50");
        let one = shoup(q, 1);
        let two_64 = shoup(q, ((1u128 << 64) % q as u128) as u64);
        let two_52 = shoup(q, (1 << 52) % q);
        let two_104 = shoup(q, ((1u128 << 104) % q as u128) as u64);
        Self {
            q,
            one,
            two_64,
            two_52,
            two_104,
        }
    }

    /// 1, `2^52` and `2^104` as constant factors: what reduces numbers in words of 52 bits.
    #[cfg(target_arch = "x86_64")]
    pub(super) const fn powers_of_two_52(&self) -> [Shoup; 3] {
        [self.one, self.two_52, self.two_104]
    }

    /// The number itself.
    #[inline]
    pub const fn value(&self) -> u64 {
        self.q
    }

    /// Bits of the number: the least `b` with `q < 2^b`.
    pub const fn bits(&self) -> u32 {
        64 - self.q.leading_zeros()
    }

    /// `a + b` for reduced operands.
    #[inline]
    pub const fn add(&self, a: u64, b: u64) -> u64 {
        subtract_once(a + b, self.q)
    }

    /// `a - b` for reduced operands.
    #[inline]
    pub const fn sub(&self, a: u64, b: u64) -> u64 {
        subtract_once(a + self.q - b, self.q)
    }

    /// `-a` for a reduced operand.
    #[inline]
    pub const fn neg(&self, a: u64) -> u64 {
        subtract_once(self.q - a, self.q)
    }

    /// `a b` for any two words.
    #[inline]
    pub const fn mul(&self, a: u64, b: u64) -> u64 {
        self.reduce_u128(a as u128 * b as u128)
    }

    /// `x mod q` for any word.
    #[inline]
    pub const fn reduce(&self, x: u64) -> u64 {
        subtract_once(self.mul_lazy(x, self.one), self.q)
    }

    /// `x mod q` for any double word.
    #[inline]
    pub const fn reduce_u128(&self, x: u128) -> u64 {
        let sum = self.mul_lazy((x >> 64) as u64, self.two_64) + self.mul_lazy(x as u64, self.one);
        subtract_once(subtract_once(sum, 2 * self.q), self.q)
    }

    /// `x w mod q`, in `[0, 2q)`, for any word `x`.
    #[inline]
    const fn mul_lazy(&self, x: u64, w: Shoup) -> u64 {
        let quotient = ((x as u128 * w.quotient as u128) >> 64) as u64;
        x.wrapping_mul(w.w).wrapping_sub(quotient.wrapping_mul(self.q))
    }

    /// `x w mod q` for any word `x`.
    #[inline]
    pub const fn mul_shoup(&self, x: u64, w: Shoup) -> u64 {
        subtract_once(self.mul_lazy(x, w), self.q)
    }

    /// `w` (any word) as a constant factor.
    pub const fn shoup(&self, w: u64) -> Shoup {
        shoup(self.q, w % self.q)
    }

    /// `floor(w q / 2^64)`, unless `w q mod 2^64 < 2^64 mod q`: a uniform word scaled to `[0, q)`, exactly (see [`super::uniform`]).
    #[inline]
    pub const fn scale(&self, w: u64) -> Option<u64> {
        let product = w as u128 * self.q as u128;
        if (product as u64) < self.two_64.w {
            return None;
        }
        Some((product >> 64) as u64)
    }

    /// `2^64 mod q`.
    #[cfg(target_arch = "x86_64")]
    pub(super) const fn two_64(&self) -> u64 {
        self.two_64.w
    }

    /// `a^exponent`.
    pub const fn pow(&self, a: u64, mut exponent: u64) -> u64 {
        let mut base = self.reduce(a);
        let mut result = self.reduce(1);
        while exponent > 0 {
            if exponent & 1 == 1 {
                result = self.mul(result, base);
            }
            base = self.mul(base, base);
            exponent >>= 1;
        }
        result
    }

    /// `a^-1`; `None` for multiples of `q`. Needs `q` prime.
    pub const fn inv(&self, a: u64) -> Option<u64> {
        if self.reduce(a) == 0 {
            None
        } else {
            Some(self.pow(a, self.q - 2))
        }
    }

    /// `x mod q` of a signed word. Constant time: it lifts secrets.
    #[inline]
    pub const fn from_i64(&self, x: i64) -> u64 {
        // x = low - 2^63 (x < 0), and 2^63 mod q is subtracted under a mask.
        let low = self.reduce(x as u64 & (u64::MAX >> 1));
        let sign = (x >> 63) as u64;
        self.sub(low, self.reduce(1 << 63) & sign)
    }

    /// `x mod q` of a signed double word. Constant time: it lifts messages.
    pub const fn from_i128(&self, x: i128) -> u64 {
        // As in `from_i64`, with 2^127.
        let low = self.reduce_u128(x as u128 & (u128::MAX >> 1));
        let sign = (x >> 127) as u64;
        self.sub(low, self.reduce_u128(1 << 127) & sign)
    }

    /// The representative of a reduced `a` in `(-q/2, q/2)`. Constant time: it reads messages.
    #[inline]
    pub const fn centred(&self, a: u64) -> i64 {
        // q is odd: above (q - 1) / 2 the difference is negative.
        let above = ((self.q / 2) as i64 - a as i64) >> 63;
        a as i64 - (self.q as i64 & above)
    }
}

const fn shoup(q: u64, w: u64) -> Shoup {
    Shoup {
        w,
        quotient: (((w as u128) << 64) / q as u128) as u64,
    }
}

/// `x - m` if that is not negative, else `x`, without a branch: for `x < 2^63` the wrapped difference is the larger of the two.
#[inline]
const fn subtract_once(x: u64, m: u64) -> u64 {
    let difference = x.wrapping_sub(m);
    let mask = ((difference as i64) >> 63) as u64;
    difference.wrapping_add(m & mask)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MODULI: [u64; 6] = [
        3,
        257,
        1068236801,
        1088139821057,
        1111361812955137,
        (1 << 50) - 27,
    ];

    proptest! {
        #[test]
        fn agrees_with_big_integers(a: u64, b: u64, wide: u128, signed: i64, wide_signed: i128) {
            for q in MODULI {
                let m = Modulus::new(q);
                let big = q as u128;
                let (x, y) = (a % q, b % q);
                prop_assert_eq!(m.add(x, y), (x + y) % q);
                prop_assert_eq!(m.sub(x, y), (x + q - y) % q);
                prop_assert_eq!(m.neg(x), (q - x) % q);
                prop_assert_eq!(m.mul(a, b) as u128, a as u128 * b as u128 % big);
                prop_assert_eq!(m.mul_shoup(a, m.shoup(b)) as u128, a as u128 * y as u128 % big);
                prop_assert_eq!(m.reduce(a), x);
                prop_assert_eq!(m.reduce_u128(wide) as u128, wide % big);
                prop_assert_eq!(m.from_i64(signed) as i128, (signed as i128).rem_euclid(q as i128));
                prop_assert_eq!(m.from_i128(wide_signed) as i128, wide_signed.rem_euclid(q as i128));
                prop_assert_eq!(m.from_i64(m.centred(x)), x);
                prop_assert!(m.centred(x).unsigned_abs() <= q / 2);
            }
        }
    }

    #[test]
    fn extremes() {
        for q in MODULI {
            let m = Modulus::new(q);
            for x in [0, 1, q - 1, q, u64::MAX] {
                assert_eq!(m.reduce(x), x % q);
            }
            assert_eq!(m.reduce_u128(u128::MAX) as u128, u128::MAX % q as u128);
            for x in [i64::MIN, -1, 0, 1, i64::MAX] {
                assert_eq!(m.from_i64(x) as i128, (x as i128).rem_euclid(q as i128));
            }
            assert_eq!(m.from_i128(i128::MIN) as i128, i128::MIN.rem_euclid(q as i128));
        }
    }

    #[test]
    fn inverses_multiply_to_one() {
        let m = Modulus::new(1111361812955137);
        for a in [1, 2, 3, m.value() - 1, 123456789] {
            assert_eq!(m.inv(a).map(|inverse| m.mul(a, inverse)), Some(1));
        }
        assert_eq!(m.inv(0), None);
        assert_eq!(m.inv(m.value()), None);
    }
}
