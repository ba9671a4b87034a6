//! What `he-core` reads from bytes: ciphertexts, keys, chains, arrangements, programs.

use std::sync::{Arc, OnceLock};

use he_core::bootstrap::BootstrapSpec;
use he_core::ckks::{
    Ciphertext, Context, EncapsulationKeys, KeyMemory, KeySpec, PublicKey, SecretKey, SeededCiphertext,
    SeededEvaluationKeys,
};
use he_core::math::sample::Seed;
use he_core::params::{Chain, ChainSpec, presets};
use he_core::program::{Builder, ChainView, KeySet, PlainClass, Program, codec, verify};
use he_core::tile::arrangement::{Arrangement, Axis};

use super::{resealed, smallest};

/// A ring so small that messages are short. Nothing secret is ever encrypted in it.
fn context() -> &'static Arc<Context> {
    static CONTEXT: OnceLock<Arc<Context>> = OnceLock::new();
    CONTEXT.get_or_init(|| {
        let spec = ChainSpec {
            log_n: 5,
            base_bits: 45,
            level_bits: vec![35; 2],
            special_bits: vec![45],
            terminal_bits: vec![],
            log2_scale: 35.0,
        };
        Context::new_insecure(spec.build_insecure().unwrap()).unwrap()
    })
}

fn secret() -> SecretKey {
    SecretKey::from_seed(context(), &Seed::new([1; 32]))
}

fn encrypted() -> SeededCiphertext {
    let plaintext = context()
        .encode(&[0.5, -0.25], context().scale(2), 2, false)
        .unwrap();
    secret()
        .encrypt_from(context(), &plaintext, &Seed::new([2; 32]))
        .unwrap()
}

pub fn ciphertext(bytes: &[u8]) {
    if let Ok(x) = Ciphertext::from_bytes(context(), bytes) {
        assert_eq!(x.to_bytes(context()), bytes);
        assert!(x.level() <= context().top_level() && x.scale() >= 1.0);
        assert_eq!(secret().decrypt(context(), &x).len(), context().slots());
    }
}

pub fn ciphertexts() -> Vec<Vec<u8>> {
    vec![encrypted().expand(context()).to_bytes(context())]
}

pub fn seeded_ciphertext(bytes: &[u8]) {
    if let Ok(x) = SeededCiphertext::from_bytes(context(), bytes) {
        assert_eq!(x.to_bytes(context()), bytes);
        assert!(x.expand(context()).level() <= context().top_level());
    }
}

pub fn seeded_ciphertexts() -> Vec<Vec<u8>> {
    vec![encrypted().to_bytes(context())]
}

pub fn secret_key(bytes: &[u8]) {
    if let Ok(key) = SecretKey::from_bytes(context(), bytes) {
        assert_eq!(*key.to_bytes(), bytes);
    }
}

pub fn secret_keys() -> Vec<Vec<u8>> {
    vec![secret().to_bytes().to_vec()]
}

pub fn public_key(bytes: &[u8]) {
    if let Ok(key) = PublicKey::from_bytes(context(), bytes) {
        assert_eq!(key.to_bytes(context()), bytes);
    }
}

pub fn public_keys() -> Vec<Vec<u8>> {
    let key = secret().public_key_from(context(), &Seed::new([3; 32])).unwrap();
    vec![key.to_bytes(context())]
}

pub fn evaluation_keys(bytes: &[u8]) {
    if let Ok(keys) = SeededEvaluationKeys::from_bytes(context(), bytes) {
        assert_eq!(keys.to_bytes(), bytes);
        // Words are checked here.
        let _ = keys.expand(context(), KeyMemory::Seeded);
    }
}

pub fn evaluation_key_sets() -> Vec<Vec<u8>> {
    let spec = KeySpec {
        relin_level: Some(1),
        rotations: [(1, 2), (3, 0)].into(),
        conjugation: Some(0),
    };
    let keys = secret()
        .evaluation_keys_from(context(), &spec, &Seed::new([4; 32]))
        .unwrap();
    vec![keys.to_bytes()]
}

pub fn encapsulation_keys(bytes: &[u8]) {
    if let Ok(keys) = EncapsulationKeys::from_bytes(context(), bytes) {
        assert_eq!(keys.to_bytes(context()), bytes);
    }
}

pub fn encapsulation_key_sets() -> Vec<Vec<u8>> {
    let keys = secret()
        .encapsulation_keys_from(context(), &Seed::new([5; 32]))
        .unwrap();
    let bytes = keys.to_bytes(context());
    assert!(EncapsulationKeys::from_bytes(context(), &bytes).is_ok());
    vec![bytes]
}

/// A chain is checked as it is read; a context of a small one is made.
pub fn chain(bytes: &[u8]) {
    if let Ok(chain) = postcard::from_bytes::<Chain>(bytes) {
        assert!(chain.log_qp() <= f64::from(chain.security().cap_bits(chain.log_n())));
        let again = postcard::to_stdvec(&chain).unwrap();
        assert_eq!(postcard::from_bytes::<Chain>(&again).unwrap(), chain);
        if chain.log_n() <= 10 {
            let context = Context::new(chain).unwrap();
            let _ = context.encode(&[1.0], context.scale(0), 0, false);
        }
    }
}

pub fn chains() -> Vec<Vec<u8>> {
    [smallest(), presets::set_a(), presets::rational()]
        .map(|spec| postcard::to_stdvec(&spec.build().unwrap()).unwrap())
        .to_vec()
}

/// Sizes of a specification are wishes: no chain, or a chain that is secure.
pub fn chain_spec(bytes: &[u8]) {
    if let Ok(spec) = postcard::from_bytes::<ChainSpec>(bytes)
        && let Ok(chain) = spec.build()
    {
        assert!(chain.log_qp() <= f64::from(chain.security().cap_bits(chain.log_n())));
    }
}

pub fn chain_specs() -> Vec<Vec<u8>> {
    [presets::set_a(), presets::set_c()]
        .map(|spec| postcard::to_stdvec(&spec).unwrap())
        .to_vec()
}

pub fn arrangement(bytes: &[u8]) {
    if let Ok(arrangement) = postcard::from_bytes::<Arrangement>(bytes)
        && arrangement.is_valid(64, 16)
    {
        assert_eq!(arrangement.layout(64).tiles(), arrangement.tiles());
    }
}

pub fn arrangements() -> Vec<Vec<u8>> {
    let mut columns = Arrangement::new(
        &[2, 6],
        vec![Axis::along(1, 4, 1), Axis::along(1, 3, 1), Axis::along(0, 2, 1)],
        vec![Axis::along(1, 2, 4)],
    );
    columns.offset = vec![0, 1];
    columns.wrap = vec![0, 7];
    vec![postcard::to_stdvec(&columns).unwrap()]
}

/// The chains of the samples: of one that does not refresh, of one that does.
fn views() -> [ChainView; 2] {
    [3, refreshing_spec().levels() as u32].map(|levels| ChainView::uniform(levels, 40.0))
}

/// As few levels as refreshing takes, on 64 slots.
fn refreshing_spec() -> BootstrapSpec {
    BootstrapSpec {
        log_n: 7,
        work: 2,
        eval_bits: vec![50; 3],
        slots_to_coeffs: 1,
        coeffs_to_slots: 2,
        degree: 2,
        double_angles: 1,
        ..BootstrapSpec::b16_lite()
    }
}

/// A program under a digest that fits; what passes verification has keys and can be printed.
pub fn program(bytes: &[u8]) {
    if let Ok(program) = codec::decode(&resealed(bytes)) {
        for chain in views() {
            if verify::verify(&program, &chain).is_ok() {
                let keys = KeySet::of(&program);
                assert_eq!(keys.encapsulation, program.refreshing().is_some());
                let _ = program.to_string();
            }
        }
        // By their bytes: a scale may be no number.
        let again = codec::encode(&program).unwrap();
        let decoded = codec::decode(&again).unwrap();
        assert_eq!(codec::encode(&decoded).unwrap(), again);
    }
}

pub fn programs() -> Vec<Vec<u8>> {
    [computing(), refreshing()]
        .map(|program| super::unsealed(&codec::encode(&program).unwrap()))
        .to_vec()
}

/// Some of the operations.
fn computing() -> Program {
    let [chain, _] = views();
    let mut b = Builder::new(64, chain);
    b.layer("fc1");
    let x = b.input("image", 2, 3).unwrap();
    let plain = b.factor(x, PlainClass::Periodic { period: 8 }, true).unwrap();
    let terms = (0..4)
        .map(|i| he_core::program::Term {
            output: i / 2,
            giant: 0,
            input: i % 2,
            baby: 5,
            plain,
        })
        .collect();
    let y = b.linear(x, 2, terms).unwrap();
    let y = b.rotate_sum(y, &[vec![0, 1, 2, 3], vec![0, 16]]).unwrap();
    let y = b.square(y).unwrap();
    b.output("scores", y);
    b.finish().unwrap().0.into_program()
}

/// A square between two refreshes; three tiles, of which one is refreshed without another.
fn refreshing() -> Program {
    let [_, chain] = views();
    let mut b = Builder::new(64, chain).bootstrapping(refreshing_spec());
    b.layer("square");
    let x = b.input("x", 3, 3).unwrap();
    let x = b.refresh(x, 4.0).unwrap();
    let x = b.square(x).unwrap();
    let x = b.refresh(x, 16.0).unwrap();
    b.output("y", x);
    b.finish().unwrap().0.into_program()
}
