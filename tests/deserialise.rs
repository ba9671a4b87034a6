//! Everything that is read from bytes: the entry points of the fuzz targets, on samples, on damaged samples, and on noise.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use proptest::prelude::*;

#[path = "../fuzz/src/lib.rs"]
mod entries;
use entries::ENTRIES;

fn corpus(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/corpus")
        .join(name)
}

/// The samples of every entry, made once.
fn samples() -> &'static [Vec<Vec<u8>>] {
    static SAMPLES: OnceLock<Vec<Vec<Vec<u8>>>> = OnceLock::new();
    SAMPLES.get_or_init(|| ENTRIES.iter().map(|entry| (entry.samples)()).collect())
}

#[test]
fn samples_and_the_corpus_are_read() {
    for (entry, samples) in ENTRIES.iter().zip(samples()) {
        assert!(!samples.is_empty());
        samples.iter().for_each(|sample| (entry.read)(sample));
        let files = std::fs::read_dir(corpus(entry.name)).unwrap();
        let files: Vec<Vec<u8>> = files
            .map(|file| std::fs::read(file.unwrap().path()).unwrap())
            .collect();
        files.iter().for_each(|bytes| (entry.read)(bytes));
        // As long as what is written today, of which some is random: fuzzing starts behind the checks of lengths and versions.
        let written = |sample: &Vec<u8>| files.iter().any(|bytes| bytes.len() == sample.len());
        let is_written = samples.iter().all(written);
        assert!(
            is_written,
            "write the corpus of {} again: -- --ignored",
            entry.name
        );
    }
}

#[test]
#[ignore = "writes fuzz/corpus"]
fn write_the_corpus() {
    for entry in ENTRIES {
        std::fs::create_dir_all(corpus(entry.name)).unwrap();
        for (i, sample) in (entry.samples)().iter().enumerate() {
            std::fs::write(corpus(entry.name).join(i.to_string()), sample).unwrap();
        }
    }
}

/// What happens to bytes.
#[derive(Clone, Debug)]
enum Damage {
    Set(usize, u8),
    Flip(usize, u8),
    Cut(usize),
    Drop(usize, usize),
    Insert(usize, Vec<u8>),
    /// A length or count that lies.
    Number(usize, u64),
}

fn damage() -> impl Strategy<Value = Damage> {
    let at = 0usize..1 << 20;
    prop_oneof![
        (at.clone(), any::<u8>()).prop_map(|(at, value)| Damage::Set(at, value)),
        (at.clone(), 0u8..8).prop_map(|(at, bit)| Damage::Flip(at, bit)),
        at.clone().prop_map(Damage::Cut),
        (at.clone(), 1usize..9).prop_map(|(at, count)| Damage::Drop(at, count)),
        (at.clone(), prop::collection::vec(any::<u8>(), 1..9))
            .prop_map(|(at, bytes)| Damage::Insert(at, bytes)),
        (
            at,
            prop_oneof![Just(u64::MAX), Just(1 << 31), Just(0), any::<u64>()]
        )
            .prop_map(|(at, number)| Damage::Number(at, number)),
    ]
}

fn apply(bytes: &mut Vec<u8>, damage: &Damage) {
    let length = bytes.len().max(1);
    // Half of the places are among the first bytes, where lengths stand.
    let place = |at: usize| {
        if at.is_multiple_of(2) {
            at / 2 % length.min(64)
        } else {
            at / 2 % length
        }
    };
    match damage {
        Damage::Set(at, value) => bytes
            .iter_mut()
            .skip(place(*at))
            .take(1)
            .for_each(|b| *b = *value),
        Damage::Flip(at, bit) => bytes
            .iter_mut()
            .skip(place(*at))
            .take(1)
            .for_each(|b| *b ^= 1 << bit),
        Damage::Cut(at) => bytes.truncate(place(*at)),
        Damage::Drop(at, count) => {
            let at = place(*at).min(bytes.len());
            bytes.drain(at..(at + count).min(bytes.len()));
        }
        Damage::Insert(at, new) => {
            let at = place(*at).min(bytes.len());
            bytes.splice(at..at, new.iter().copied());
        }
        Damage::Number(at, number) => {
            let place = place(*at);
            let number = number.to_le_bytes();
            bytes.iter_mut().skip(place).zip(number).for_each(|(b, n)| *b = n);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn damaged_samples_never_panic(pick: usize, damages in prop::collection::vec(damage(), 1..4)) {
        for (entry, samples) in ENTRIES.iter().zip(samples()) {
            let mut bytes = samples[pick % samples.len()].clone();
            damages.iter().for_each(|damage| apply(&mut bytes, damage));
            (entry.read)(&bytes);
        }
    }

    #[test]
    fn noise_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        ENTRIES.iter().for_each(|entry| (entry.read)(&bytes));
    }
}
