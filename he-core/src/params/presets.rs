//! The four sets by which libraries are compared, with all primes below 2^50.
//!
//! They keep the number of rescales and the scale of the sets published for SEAL, OpenFHE and Lattigo in
//! `benches/primitives.rs`'s comparison; base and special primes of 60 bits become primes of 50 bits.
//!
//! And a set whose levels are not nested, for tests of what reads levels.

use super::ChainSpec;

/// N = 2^13, Q = 50 + 3 x 35 bits, P = 50: three rescales at scale 2^35.
pub fn set_a() -> ChainSpec {
    ChainSpec {
        log_n: 13,
        base_bits: 50,
        level_bits: vec![35; 3],
        special_bits: vec![50],
        terminal_bits: vec![],
        log2_scale: 35.0,
    }
}

/// N = 2^14, Q = 50 + 5 x 45 bits, P = 3 x 50: five rescales at scale 2^45.
pub fn set_b() -> ChainSpec {
    ChainSpec {
        log_n: 14,
        base_bits: 50,
        level_bits: vec![45; 5],
        special_bits: vec![50; 3],
        terminal_bits: vec![],
        log2_scale: 45.0,
    }
}

/// N = 2^15, Q = 50 + 12 x 45 bits, P = 5 x 50: twelve rescales at scale 2^45.
pub fn set_c() -> ChainSpec {
    ChainSpec {
        log_n: 15,
        base_bits: 50,
        level_bits: vec![45; 12],
        special_bits: vec![50; 5],
        terminal_bits: vec![],
        log2_scale: 45.0,
    }
}

/// N = 2^16, Q = 50 + 22 x 50 bits, P = 9 x 50: twenty-two rescales at scale 2^49.97, which leaves room for primes above it.
pub fn set_d() -> ChainSpec {
    ChainSpec {
        log_n: 16,
        base_bits: 50,
        level_bits: vec![50; 22],
        special_bits: vec![50; 9],
        terminal_bits: vec![],
        log2_scale: 49.97,
    }
}

/// N = 2^14, Q = 50 + 5 x 40 bits, P = 2 x 50: five rescales at scale 2^40, on terminals of 40, 30 and 30 bits. Every other level lacks
/// a prime of the level below.
pub fn rational() -> ChainSpec {
    ChainSpec {
        log_n: 14,
        base_bits: 50,
        level_bits: vec![40; 5],
        special_bits: vec![50; 2],
        terminal_bits: vec![40, 30, 30],
        log2_scale: 40.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;
    use crate::params::{Chain, Security};

    #[test]
    fn presets_are_secure_and_their_scales_steady() {
        for (spec, rescales, digits) in [
            (set_a(), 3, 4),
            (set_b(), 5, 2),
            (set_c(), 12, 3),
            (set_d(), 22, 3),
        ] {
            let chain = spec.build().unwrap();
            assert_eq!(chain.top_level(), rescales);
            assert_eq!(chain.digits(rescales).len(), digits);
            for (level, scale) in chain.scales().iter().enumerate() {
                let drift = (scale.log2() - spec.log2_scale).abs();
                assert!(
                    drift < 1.0 / 1024.0,
                    "N = 2^{}: level {level} drifts by {drift:e}",
                    spec.log_n
                );
                if level > 0 {
                    assert!(chain.multiplies(level));
                }
            }
            let cap = f64::from(Security::Bits128.cap_bits(chain.log_n()));
            assert!(chain.log_qp() <= cap);
        }
    }

    #[test]
    fn too_large_a_modulus_is_refused() {
        let mut spec = set_a();
        spec.level_bits.push(35);
        assert!(
            matches!(spec.build(), Err(Error::Insecure { cap_bits: 214, .. })),
            "{:?}",
            spec.build()
        );
        assert!(matches!(
            set_a().build_at(Security::Bits192),
            Err(Error::Insecure { cap_bits: 147, .. })
        ));
        assert_eq!(spec.build_insecure().unwrap().chain().top_level(), 4);
    }

    #[test]
    fn two_primes_a_level() {
        let spec = ChainSpec {
            log_n: 14,
            base_bits: 70,
            level_bits: vec![60; 4],
            special_bits: vec![45; 2],
            terminal_bits: vec![],
            log2_scale: 60.0,
        };
        let chain = spec.build().unwrap();
        assert_eq!(
            (0..=4).map(|l| chain.limbs(l)).collect::<Vec<_>>(),
            [2, 4, 6, 8, 10]
        );
        assert!(
            chain
                .scales()
                .iter()
                .all(|s| (s.log2() - 60.0).abs() < 1.0 / 1024.0)
        );
    }

    #[test]
    fn small_levels_keep_the_scale() {
        let spec = ChainSpec {
            log_n: 13,
            base_bits: 45,
            level_bits: vec![30, 20, 30],
            special_bits: vec![50],
            terminal_bits: vec![],
            log2_scale: 30.0,
        };
        let chain = spec.build().unwrap();
        assert!(chain.multiplies(1) && !chain.multiplies(2) && chain.multiplies(3));
        assert_eq!(chain.scale(1), chain.scale(2));
        assert!((chain.plain_scale(2).log2() - 20.0).abs() < 0.1);
    }

    #[test]
    fn a_serialised_chain_is_checked_again() {
        let chain = set_a().build().unwrap();
        let bytes = postcard::to_stdvec(&chain).unwrap();
        assert_eq!(postcard::from_bytes::<Chain>(&bytes).unwrap(), chain);
        let mut spec = set_a();
        spec.level_bits.push(35);
        let insecure = spec.build_insecure().unwrap();
        let bytes = postcard::to_stdvec(insecure.chain()).unwrap();
        assert!(postcard::from_bytes::<Chain>(&bytes).is_err());
    }

    #[test]
    fn digits_partition_the_primes_below_the_margin() {
        for spec in [set_a(), set_b(), set_c(), set_d()] {
            let chain = spec.build().unwrap();
            for level in 0..=chain.top_level() {
                let digits = chain.digits(level);
                let mut next = 0;
                for digit in &digits {
                    assert_eq!(digit.start, next);
                    next = digit.end;
                    let bits = crate::params::log2_product(&chain.primes()[digit.clone()]);
                    assert!(digit.len() == 1 || bits <= chain.log_p() - 4.0);
                }
                assert_eq!(next, chain.limbs(level));
            }
        }
    }
}
