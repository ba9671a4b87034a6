//! Everything that is read from bytes: round trips, and no panic and no wrong word from bytes that are broken.

use proptest::prelude::*;

use super::fixture::{Fixture, slots};
use super::{Ciphertext, Context, KeyMemory, PublicKey, SeededCiphertext, SeededEvaluationKeys};
use crate::error::{Error, Result};
use crate::math::sample::Seed;

/// Whether all words of a ciphertext are below their primes.
fn is_reduced(context: &Context, x: &Ciphertext) -> bool {
    x.parts().iter().all(|part| {
        part.primes()
            .iter()
            .zip(part.limbs().iter())
            .all(|(&p, l)| l.iter().all(|&w| w < context.modulus(p).value()))
    })
}

/// Reads bytes in every way; whatever is accepted is well formed.
fn read_all(context: &Context, bytes: &[u8]) -> [Result<()>; 4] {
    let check = |x: Ciphertext| {
        assert!(x.level() <= context.top_level() && x.scale() >= 1.0 && is_reduced(context, &x));
    };
    [
        Ciphertext::from_bytes(context, bytes).map(check),
        SeededCiphertext::from_bytes(context, bytes).map(|x| check(x.expand(context))),
        PublicKey::from_bytes(context, bytes).map(|_| ()),
        evaluation_keys(context, bytes),
    ]
}

/// Reads evaluation keys from a copy and in place, which accept the same.
fn evaluation_keys(context: &Context, bytes: &[u8]) -> Result<()> {
    let copied = SeededEvaluationKeys::from_bytes(context, bytes)
        .and_then(|keys| keys.expand(context, KeyMemory::Seeded))
        .map(|_| ());
    let in_place = SeededEvaluationKeys::from_shared(context, &bytes.to_vec().into())
        .and_then(|keys| keys.expand(context, KeyMemory::Seeded))
        .map(|_| ());
    assert_eq!(copied, in_place);
    copied
}

fn samples(f: &Fixture) -> [Vec<u8>; 4] {
    let spec = super::KeySpec {
        relin_level: Some(1),
        rotations: [(1, 2), (3, 0)].into(),
        conjugation: None,
    };
    let keys = f.secret.evaluation_keys(&f.context, &spec).unwrap();
    assert_eq!(keys.to_bytes().len(), spec.wire_bytes(&f.context));
    let plaintext = f
        .context
        .encode_complex(&slots(16, 80), f.context.scale(2), 2, false)
        .unwrap();
    let seeded = f.secret.encrypt(&f.context, &plaintext).unwrap();
    let public = f.secret.public_key(&f.context).unwrap();
    [
        seeded.expand(&f.context).to_bytes(&f.context),
        seeded.to_bytes(&f.context),
        public.to_bytes(&f.context),
        keys.to_bytes(),
    ]
}

#[test]
fn round_trips() {
    let f = Fixture::new(5, &[]);
    let [full, seeded, public, keys] = samples(&f);
    let ciphertext = Ciphertext::from_bytes(&f.context, &full).unwrap();
    assert_eq!(ciphertext.to_bytes(&f.context), full);
    let short = SeededCiphertext::from_bytes(&f.context, &seeded).unwrap();
    assert_eq!(short.to_bytes(&f.context), seeded);
    assert_eq!(short.expand(&f.context), ciphertext);
    assert_eq!(
        PublicKey::from_bytes(&f.context, &public)
            .unwrap()
            .to_bytes(&f.context),
        public
    );
    assert_eq!(
        SeededEvaluationKeys::from_bytes(&f.context, &keys)
            .unwrap()
            .to_bytes(),
        keys
    );
    // Packed, not padded.
    let bits: u32 = f
        .context
        .primes(2, false)
        .iter()
        .map(|&prime| f.context.modulus(prime).bits())
        .sum();
    let packed = 32 * bits as usize / 8;
    assert_eq!((full.len(), seeded.len()), (12 + 2 * packed, 12 + 32 + packed));
}

#[test]
fn keys_are_written_one_by_one_as_all_at_once() {
    let f = Fixture::new(5, &[]);
    let spec = super::KeySpec {
        relin_level: Some(2),
        rotations: [(1, 2), (3, 0)].into(),
        conjugation: Some(1),
    };
    let seed = Seed::new([9; 32]);
    let made = f.secret.evaluation_keys_from(&f.context, &spec, &seed).unwrap();
    let mut written = vec![];
    let write = |piece: &[u8]| {
        written.extend_from_slice(piece);
        Ok::<_, Error>(())
    };
    f.secret
        .write_evaluation_keys_from(&f.context, &spec, &seed, write)
        .unwrap();
    assert_eq!(written, made.to_bytes());
    // The writer's error ends it.
    let mut pieces = 0;
    let fails = |_: &[u8]| {
        pieces += 1;
        Err(Error::Entropy("a full disk".into()))
    };
    let ended = f
        .secret
        .write_evaluation_keys_from(&f.context, &spec, &seed, fails);
    assert_eq!((ended, pieces), (Err(Error::Entropy("a full disk".into())), 1));
}

#[test]
fn a_count_of_keys_allocates_nothing_that_is_not_there() {
    let f = Fixture::new(5, &[]);
    let [.., mut keys] = samples(&f);
    keys[32..36].copy_from_slice(&u32::MAX.to_le_bytes());
    assert!(matches!(
        SeededEvaluationKeys::from_bytes(&f.context, &keys),
        Err(Error::Truncated { .. })
    ));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn broken_bytes_are_refused_or_well_formed(
        which in 0usize..4,
        cut in any::<prop::sample::Index>(),
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        extra in prop::collection::vec(any::<u8>(), 0..3),
    ) {
        let f = Fixture::new(5, &[]);
        let bytes = samples(&f)[which].clone();
        let truncated = &bytes[..cut.index(bytes.len())];
        for result in read_all(&f.context, truncated) {
            prop_assert!(result.is_err());
        }
        let mut longer = bytes.clone();
        longer.extend(&extra);
        prop_assert_eq!(read_all(&f.context, &longer)[which].is_ok(), extra.is_empty());
        let mut flipped = bytes;
        for (at, mask) in flips {
            let at = at.index(flipped.len());
            flipped[at] ^= mask;
        }
        let _ = read_all(&f.context, &flipped);
    }

    #[test]
    fn noise_is_refused_or_well_formed(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let f = Fixture::new(5, &[]);
        let _ = read_all(&f.context, &bytes);
    }
}
