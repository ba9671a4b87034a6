//! Keys of encapsulation: their secret, their moduli, their wire form.

use super::{small, small_bench};
use crate::bootstrap::{BootstrapSpec, EncapsulationKeys};
use crate::ckks::{Context, SecretKey};
use crate::error::Error;
use crate::math::sample::Seed;
use crate::params::{SPARSE_WEIGHT, Secret, log2_product};

#[test]
fn the_sparse_secret_has_its_weight_and_a_small_modulus() {
    let sparse = crate::ckks::sparse_ternary(&Seed::new([9; 32]), 1 << 15);
    assert_eq!(sparse.iter().filter(|&&c| c != 0).count(), SPARSE_WEIGHT);
    assert!(sparse.contains(&1) && sparse.contains(&-1));
    // Of a ring too small for it no key is published.
    let chain = BootstrapSpec { log_n: 14, ..small() }
        .chain()
        .build_insecure()
        .unwrap();
    let context = Context::secure_for_test(chain);
    let secret = SecretKey::from_seed(&context, &Seed::new([1; 32]));
    assert!(matches!(
        secret.encapsulation_keys(&context),
        Err(Error::Insecure { .. })
    ));
}

#[test]
fn keys_have_the_moduli_that_are_said_to_be_published() {
    let b = small_bench();
    let context = &b.context;
    let chain = context.chain();
    let published = small().published(chain);
    // The key to the sparse secret itself stands on q0 and p0, and on nothing else.
    let expected = [0, chain.q_count()].map(|i| chain.primes()[i]);
    let half = &b.encapsulation.to_sparse()[0];
    let found: Vec<u64> = half
        .primes()
        .iter()
        .map(|&p| context.modulus(p).value())
        .collect();
    assert_eq!(found, expected);
    let modulus = |level| {
        let primes = context.encapsulation_primes(level);
        let moduli: Vec<u64> = primes.iter().map(|&p| context.modulus(p).value()).collect();
        log2_product(&moduli)
    };
    assert!(matches!(published[0].secret, Secret::Sparse { weight: 32 }));
    for (sample, level) in published.iter().zip([0, context.top_level()]) {
        assert!((sample.log2_modulus - modulus(level)).abs() < 1e-9, "{sample:?}");
    }
}

#[test]
fn encapsulation_keys_travel() {
    let b = small_bench();
    let context = &b.context;
    let bytes = b.encapsulation.to_bytes(context);
    assert_eq!(bytes.len(), EncapsulationKeys::wire_bytes(context));
    // Seeded in memory too, but for the key to the sparse secret.
    assert!((bytes.len()..2 * bytes.len()).contains(&b.encapsulation.bytes()));
    let read = EncapsulationKeys::from_bytes(context, &bytes).unwrap();
    assert_eq!(read.to_bytes(context), bytes);
    let x: Vec<f64> = (0..context.slots()).map(|k| (k as f64).sin()).collect();
    let encrypted = b.encrypt(&x);
    let refresh = |keys| {
        let refreshed = b.bootstrapper.refresh(&b.keys, keys, &encrypted, &mut |_| {});
        refreshed.unwrap().to_bytes(context)
    };
    assert_eq!(refresh(&read), refresh(&b.encapsulation));
    for length in [0, 3, 4, 35, 36, 100, bytes.len() - 1] {
        let error = EncapsulationKeys::from_bytes(context, &bytes[..length])
            .err()
            .unwrap();
        assert!(matches!(error, Error::Truncated { .. }), "{length}: {error}");
    }
    let longer = [&bytes[..], &[0]].concat();
    let mut newer = bytes.clone();
    newer[0] = 3;
    // A word of ones is below no prime.
    let mut wide = bytes.clone();
    wide[36..50].fill(0xff);
    let mut wide_turn = bytes.clone();
    let last = bytes.len();
    wide_turn[last - 14..].fill(0xff);
    for wrong in [longer, newer, wide, wide_turn] {
        let error = EncapsulationKeys::from_bytes(context, &wrong).err().unwrap();
        assert!(matches!(error, Error::Corrupted { .. }), "{error}");
    }
}
