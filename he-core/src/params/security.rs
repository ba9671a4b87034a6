//! The largest modulus a ring degree carries at a security level.
//!
//! Source: Bossuat et al., *Security Guidelines for Implementing Homomorphic Encryption*, IACR CiC 1(4) 2024 (ePrint 2024/463),
//! Table 5.2: uniform ternary secret, error deviation 3.19, classical attacks. What must be compared with it is `log2(Q P)` over
//! **all** limbs on which any published sample is defined: key-switching keys live on Q and P together.

use serde::{Deserialize, Serialize};

/// Security level against classical attacks, in bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Security {
    /// 128 bits.
    Bits128,
    /// 192 bits.
    Bits192,
    /// 256 bits.
    Bits256,
}

/// Smallest ring degree of the table, as a logarithm.
pub const LOG_N_MIN: u32 = 10;
/// Largest ring degree of the table, as a logarithm.
pub const LOG_N_MAX: u32 = 17;

/// Columns 128, 192, 256; rows N = 2^10 ..= 2^17. Zero: no modulus reaches the level.
const CAPS_BITS: [[u32; 3]; 8] = [
    [26, 0, 0],
    [53, 36, 27],
    [106, 73, 56],
    [214, 147, 114],
    [430, 297, 230],
    [868, 597, 462],
    [1747, 1199, 929],
    [3523, 2411, 1866],
];

impl Security {
    /// The level in bits.
    pub const fn bits(self) -> u32 {
        match self {
            Security::Bits128 => 128,
            Security::Bits192 => 192,
            Security::Bits256 => 256,
        }
    }

    /// Largest `log2(Q P)` for ring degree `2^log_n`; zero where the table has none.
    pub const fn cap_bits(self, log_n: u32) -> u32 {
        if log_n < LOG_N_MIN || log_n > LOG_N_MAX {
            return 0;
        }
        let column = match self {
            Security::Bits128 => 0,
            Security::Bits192 => 1,
            Security::Bits256 => 2,
        };
        CAPS_BITS[(log_n - LOG_N_MIN) as usize][column]
    }
}

/// `log2(x)` for `x >= 1`, usable in constants: integer part by leading zeros, fraction by repeated squaring (error below 2^-40).
pub const fn log2(x: u64) -> f64 {
    let whole = 63 - x.leading_zeros();
    let mut mantissa = x as f64 / (1u64 << whole) as f64;
    let mut result = whole as f64;
    let mut weight = 0.5;
    let mut i = 0;
    while i < 42 {
        mantissa *= mantissa;
        if mantissa >= 2.0 {
            mantissa *= 0.5;
            result += weight;
        }
        weight *= 0.5;
        i += 1;
    }
    result
}

/// `log2` of the product of `primes`.
pub const fn log2_product(primes: &[u64]) -> f64 {
    let mut sum = 0.0;
    let mut i = 0;
    while i < primes.len() {
        sum += log2(primes[i]);
        i += 1;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn const_log2_agrees_with_the_float_unit() {
        for x in [
            1u64,
            2,
            3,
            5,
            1 << 20,
            (1 << 49) + 12345,
            (1 << 50) - 27,
            u64::MAX >> 8,
        ] {
            assert!(
                (log2(x) - (x as f64).log2()).abs() < 1e-10,
                "{x}: {} against {}",
                log2(x),
                (x as f64).log2()
            );
        }
    }

    #[test]
    fn caps_grow_with_the_ring_and_shrink_with_the_level() {
        for log_n in LOG_N_MIN..=LOG_N_MAX {
            let caps = [Security::Bits128, Security::Bits192, Security::Bits256].map(|s| s.cap_bits(log_n));
            assert!(caps[0] > caps[1] && (caps[1] > caps[2] || caps[1] == 0));
            assert!(
                Security::Bits128.cap_bits(log_n + 1) == 0
                    || Security::Bits128.cap_bits(log_n + 1) >= 2 * caps[0]
            );
        }
        assert_eq!(Security::Bits128.cap_bits(9), 0);
        assert_eq!(Security::Bits128.cap_bits(18), 0);
    }
}
