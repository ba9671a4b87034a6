//! A client against itself: what it encrypts comes back as a reply that has computed nothing.

use std::collections::BTreeMap;

use he_core::ckks::{Ciphertext, Context, KeySpec, SeededCiphertext};
use he_core::params::ChainSpec;
use he_core::tile::arrangement::{Arrangement, Axis};
use proptest::prelude::*;

use super::{Client, ClientSpec, Encryptor, InputPort, OutputPort, Sharing};
use crate::error::Error;
use crate::wire::{EvaluationKeys, Form, PublicKey, Reply, Request, SharedBytes};

const ELEMENTS: u32 = 3;
const BATCH: u32 = 4;

/// The identity on `[3]`, four samples a request, one after the other with period 8, on the smallest secure ring.
fn spec() -> ClientSpec {
    let chain = ChainSpec {
        log_n: 12,
        base_bits: 37,
        level_bits: vec![30],
        special_bits: vec![37],
        terminal_bits: vec![],
        log2_scale: 30.0,
    };
    let chain = chain.build().unwrap();
    let arrangement = Arrangement::new(
        &[BATCH, ELEMENTS],
        vec![Axis::along(1, 8, 1), Axis::along(0, BATCH, 1)],
        vec![],
    );
    let input = InputPort {
        name: "x".into(),
        shape: vec![ELEMENTS],
        range: 1.0,
        level: 1,
        arrangement,
        complex: false,
    };
    let output = OutputPort {
        name: "output".into(),
        shape: vec![ELEMENTS],
        level: 1,
        scale: chain.scale(1),
        tiles: 1,
        period: 8,
        places: (0..ELEMENTS).map(|e| Some((0, e))).collect(),
        factor: 2.0,
    };
    ClientSpec {
        model: "twice".into(),
        plan_digest: [7; 32],
        chain,
        batch: BATCH,
        inputs: vec![input],
        outputs: vec![output],
        keys: KeySpec {
            relin_level: Some(1),
            rotations: BTreeMap::from([(1, 1), (8, 0)]),
            conjugation: None,
        },
        encapsulation: false,
    }
}

/// A server that gives back what it gets.
fn echo(spec: &ClientSpec, request: &Request) -> Reply {
    let context = Context::new(spec.chain.clone()).unwrap();
    let full = |tile: &Vec<u8>| match request.form {
        Form::Full => Ciphertext::from_bytes(&context, tile).unwrap(),
        Form::Seeded => SeededCiphertext::from_bytes(&context, tile)
            .unwrap()
            .expand(&context),
    };
    let tiles = request
        .tiles
        .iter()
        .map(|tile| full(tile).to_bytes(&context))
        .collect();
    Reply {
        owner: request.owner,
        samples: request.samples,
        tiles,
    }
}

fn assert_close(found: &[f32], sent: &[f32]) {
    assert_eq!(found.len(), sent.len());
    for (found, sent) in found.iter().zip(sent) {
        // Fresh noise at scale 2^30 on this ring stays below 2^-16 in every slot.
        assert!((found - 2.0 * sent).abs() < 3e-5, "{found} for {sent}");
    }
}

#[test]
fn what_is_encrypted_is_decrypted() {
    let spec = ClientSpec::from_bytes(&spec().to_bytes()).unwrap();
    assert_eq!(spec, self::spec());
    let client = Client::new(&spec).unwrap();
    for samples in 1..=BATCH as usize {
        let values: Vec<f32> = (0..samples * 3).map(|i| i as f32 / 12.0 - 0.5).collect();
        let request = Request::from_bytes(&client.encrypt(&values).unwrap().to_bytes()).unwrap();
        assert_eq!((request.samples(), request.key_id()), (samples, client.key_id()));
        let reply = Reply::from_bytes(&echo(&spec, &request).to_bytes()).unwrap();
        assert_close(&client.decrypt(&reply).unwrap(), &values);
    }
}

#[test]
fn others_encrypt_with_the_public_key() {
    let spec = spec();
    let client = Client::new(&spec).unwrap();
    let key = PublicKey::from_bytes(&client.public_key().to_bytes()).unwrap();
    let encryptor = Encryptor::new(&spec, &key).unwrap();
    let request = Request::from_bytes(&encryptor.encrypt(&[0.1, 0.2, -0.3]).unwrap().to_bytes()).unwrap();
    assert_close(
        &client.decrypt(&echo(&spec, &request)).unwrap(),
        &[0.1, 0.2, -0.3],
    );
    let seeded = client.encrypt(&[0.1, 0.2, -0.3]).unwrap().to_bytes().len();
    assert!(
        request.to_bytes().len() > seeded * 19 / 10,
        "half of a seeded ciphertext does not travel"
    );
}

#[test]
fn shared_replies_lose_the_precision_that_is_predicted() {
    let spec = spec();
    let client = Client::new(&spec).unwrap();
    let values: Vec<f32> = (0..12).map(|i| i as f32 / 12.0 - 0.5).collect();
    let reply = echo(&spec, &client.encrypt(&values).unwrap());
    let own = client.decrypt(&reply).unwrap();
    let sharing = Sharing::new(3e-5, 200, 1.0).bits(4);
    // sqrt(12 queries numbers) 2^(bits / 2): 9.4 bits of precision.
    let sigma = sharing.deviation(own.len()).unwrap();
    assert!((sigma / 3e-5 - 4.0 * (12.0 * 200.0 * 12.0f64).sqrt()).abs() < 1e-6);
    let mut square = 0.0;
    for _ in 0..200 {
        let shared = client.decrypt_shared(&reply, &sharing).unwrap();
        square += own
            .iter()
            .zip(&shared)
            .map(|(a, b)| f64::from(a - b).powi(2))
            .sum::<f64>();
    }
    // 2400 samples: a relative standard error of sqrt(2/2400) = 0.029.
    let found = square / 2400.0 / (sigma * sigma);
    assert!((found - 1.0).abs() < 0.15, "variance {found} of the predicted");
    assert_eq!(client.shared_replies(), 200);
    assert!(matches!(
        client.decrypt_shared(&reply, &sharing),
        Err(Error::SharedTooOften { expected: 200 })
    ));
    assert!(client.decrypt(&reply).is_ok(), "the owner may still look");
}

#[test]
fn precision_that_does_not_allow_the_security_is_refused() {
    let spec = spec();
    let client = Client::new(&spec).unwrap();
    let reply = echo(&spec, &client.encrypt(&[0.0; 3]).unwrap());
    let refused = client.decrypt_shared(&reply, &Sharing::new(3e-5, 1, 1e-3));
    let Err(Error::SharedPrecision { found, needed, .. }) = refused else {
        panic!("forty bits take noise of 189: {refused:?}")
    };
    assert!(
        (found / (6.0 * 2f64.powi(20) * 3e-5) - 1.0).abs() < 1e-9,
        "{found}"
    );
    // What is asked for does, and what was refused does not count.
    let precise = Sharing::new(needed, 1, 1e-3);
    assert!(precise.deviation(3).unwrap() <= 1e-3);
    assert_eq!(client.shared_replies(), 0);
    assert!(client.decrypt_shared(&reply, &precise).is_ok());
    assert!(matches!(
        client.decrypt_shared(&reply, &precise.bits(1)),
        Err(Error::SharedOtherwise { .. })
    ));
    for nonsense in [Sharing::new(1e-9, 0, 1.0), precise.bits(65)] {
        assert!(
            matches!(nonsense.deviation(3), Err(Error::Engine(_))),
            "{nonsense:?}"
        );
    }
    let none = Client::new(&spec).unwrap();
    let reply = echo(&spec, &none.encrypt(&[0.0; 3]).unwrap());
    for error in [f64::NAN, -1.0, 0.0] {
        assert!(
            none.decrypt_shared(&reply, &Sharing::new(error, 1, 1.0)).is_err(),
            "{error}"
        );
    }
    assert_eq!(none.shared_replies(), 0);
}

#[test]
fn a_secret_key_is_saved_once_and_loaded() {
    let spec = spec();
    let client = Client::new(&spec).unwrap();
    let path = std::env::temp_dir().join(format!("he-nn-secret-{}", client.key_id()));
    client.save_secret(&path).unwrap();
    #[cfg(unix)]
    assert_eq!(
        std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(&path).unwrap()) & 0o777,
        0o600
    );
    assert!(
        matches!(client.save_secret(&path), Err(Error::Io { .. })),
        "an existing file stays"
    );
    let loaded = Client::load_secret(&path, &spec).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert_eq!(loaded.key_id(), client.key_id());
    let reply = echo(&spec, &client.encrypt(&[1.0, -1.0, 0.5]).unwrap());
    assert_close(&loaded.decrypt(&reply).unwrap(), &[1.0, -1.0, 0.5]);
    let other = ClientSpec {
        plan_digest: [8; 32],
        ..spec
    };
    let refused = Client::from_secret_bytes(&client.secret_bytes(), &other).err();
    assert!(matches!(refused, Some(Error::PlanMismatch { .. })), "{refused:?}");
}

#[test]
fn inputs_that_cannot_be_sent_are_named() {
    let client = Client::new(&spec()).unwrap();
    let refused = |values: &[f32]| client.encrypt(values).err();
    assert!(matches!(
        refused(&[]),
        Some(Error::Length {
            found: 0,
            expected: 3,
            ..
        })
    ));
    assert!(matches!(
        refused(&[0.0; 4]),
        Some(Error::Length {
            found: 4,
            expected: 3,
            ..
        })
    ));
    let Some(Error::Shape { found, expected, .. }) = refused(&[0.0; 15]) else {
        panic!("a full batch is four")
    };
    assert_eq!((found, expected), (vec![5, 3], vec![4, 3]));
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        assert!(
            matches!(refused(&[0.0, 0.0, bad]), Some(Error::NonFinite { index: 2, .. })),
            "{bad}"
        );
    }
    let beyond = refused(&[0.0, -1.01, 0.0]);
    assert!(
        matches!(beyond, Some(Error::OutOfRange { expected: 1.0, .. })),
        "{beyond:?}"
    );
    assert!(
        client.encrypt(&[1.0, -1.0, 0.0]).is_ok(),
        "the ends of the range belong to it"
    );
    let zeros: &[f32] = &[0.0; 3];
    for inputs in [vec![("y", zeros)], vec![], vec![("x", zeros), ("x", zeros)]] {
        assert!(
            matches!(client.encrypt_named(&inputs), Err(Error::UnknownInput { .. })),
            "{inputs:?}"
        );
    }
}

#[test]
fn replies_of_others_are_refused() {
    let spec = spec();
    let [client, other] = [(); 2].map(|()| Client::new(&spec).unwrap());
    let reply = echo(&spec, &client.encrypt(&[0.0; 3]).unwrap());
    let error = other.decrypt(&reply).unwrap_err();
    assert!(matches!(&error, Error::KeyMismatch { found, expected, .. }
        if *found == client.key_id().to_string() && *expected == other.key_id().to_string()));
    let mut elsewhere = reply.clone();
    elsewhere.owner.plan = [9; 32];
    assert!(matches!(
        client.decrypt(&elsewhere),
        Err(Error::PlanMismatch { .. })
    ));
    let mut more = reply.clone();
    more.tiles.push(vec![]);
    assert!(matches!(client.decrypt(&more), Err(Error::Corrupted { .. })));
    let mut none = reply.clone();
    none.samples = 0;
    assert!(matches!(client.decrypt(&none), Err(Error::Corrupted { .. })));
    let mut many = reply;
    many.samples = BATCH + 1;
    assert!(matches!(client.decrypt(&many), Err(Error::Corrupted { .. })));
}

#[test]
fn evaluation_keys_are_equal_each_time_and_differ_between_clients() {
    let spec = spec();
    let [client, other] = [(); 2].map(|()| Client::new(&spec).unwrap());
    let keys = client.evaluation_keys();
    assert_eq!(keys, client.evaluation_keys());
    assert_eq!(EvaluationKeys::from_bytes(&keys.to_bytes()).unwrap(), keys);
    assert_ne!(keys.packed, other.evaluation_keys().packed);
}

#[test]
fn evaluation_keys_are_saved_once_and_read_in_place() {
    let client = Client::new(&spec()).unwrap();
    let path = std::env::temp_dir().join(format!("he-nn-keys-{}", client.key_id()));
    client.save_evaluation_keys(&path).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    // A server may have mapped the first.
    let again = client.save_evaluation_keys(&path);
    std::fs::remove_file(&path).unwrap();
    assert!(matches!(again, Err(Error::Io { path: found, .. }) if found == path));
    let keys = client.evaluation_keys();
    assert_eq!(bytes, keys.to_bytes());
    let message = SharedBytes::from(bytes);
    let read = EvaluationKeys::from_shared(message.clone()).unwrap();
    assert_eq!(read, keys);
    assert!(message.as_ptr_range().contains(&read.packed.as_ptr()));
    #[cfg(feature = "server")]
    assert_eq!(read.digest(), keys.digest());
}

#[test]
fn messages_are_as_long_as_the_specification_says() {
    let spec = spec();
    let client = Client::new(&spec).unwrap();
    let request = client.encrypt(&[0.0; 3]).unwrap();
    let reply = echo(&spec, &request);
    let packed = |tiles: &[Vec<u8>]| tiles.iter().map(|tile| tile.len() as u64).sum::<u64>();
    assert_eq!(packed(&request.tiles), spec.request_bytes());
    assert_eq!(packed(&reply.tiles), spec.reply_bytes());
    assert_eq!(
        client.evaluation_keys().packed.len() as u64,
        spec.evaluation_key_bytes()
    );
    assert!(request.to_bytes().len() as u64 - spec.request_bytes() < 1000);
}

#[test]
fn specifications_whose_parts_do_not_fit_are_refused() {
    type Fault = fn(&mut ClientSpec);
    let faults: [(&str, Fault); 11] = [
        ("batch", |spec| spec.batch = 0),
        ("another batch", |spec| spec.batch = 2),
        ("no outputs", |spec| spec.outputs.clear()),
        ("range", |spec| spec.inputs[0].range = f64::NAN),
        ("input level", |spec| spec.inputs[0].level = 2),
        ("arrangement", |spec| spec.inputs[0].arrangement.wrap.clear()),
        ("a layout of gigabytes", |spec| {
            spec.chain = he_core::params::presets::set_a().build().unwrap();
            spec.inputs[0].arrangement.tile_axes = vec![Axis::along(0, 1 << 16, 1)];
        }),
        ("place", |spec| spec.outputs[0].places[1] = Some((0, 2048 - 8))),
        ("tile", |spec| spec.outputs[0].places[1] = Some((1, 0))),
        ("places", |spec| spec.outputs[0].places.truncate(1)),
        ("keys", |spec| spec.keys.relin_level = Some(2)),
    ];
    for (name, fault) in faults {
        let mut spec = spec();
        fault(&mut spec);
        assert!(
            matches!(Client::new(&spec).err(), Some(Error::Corrupted { .. })),
            "{name}"
        );
        assert!(
            matches!(
                ClientSpec::from_bytes(&spec.to_bytes()),
                Err(Error::Corrupted { .. })
            ),
            "{name}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Damage under a digest that fits reaches the packed polynomials: refused, or another ciphertext, but never a panic.
    #[test]
    fn damaged_replies_never_panic(at in 0usize..60_000, value: u8, cut in 0usize..20) {
        let spec = spec();
        let client = Client::new(&spec).unwrap();
        let mut reply = echo(&spec, &client.encrypt(&[0.0; 3]).unwrap());
        let tile = &mut reply.tiles[0];
        let at = at % tile.len();
        tile[at] = value;
        tile.truncate(tile.len() - cut);
        match client.decrypt(&Reply::from_bytes(&reply.to_bytes()).unwrap()) {
            Ok(values) => prop_assert_eq!(values.len(), 3),
            Err(Error::Corrupted { .. } | Error::Truncated { .. }) => {}
            Err(other) => prop_assert!(false, "{}", other),
        }
    }
}

/// Three tiles merge into two ciphertexts: the third is the imaginary part of the first.
#[test]
fn merged_tiles_are_real_and_imaginary_parts() {
    let arrangement = Arrangement::new(&[6], vec![Axis::along(0, 2, 1)], vec![Axis::along(0, 3, 2)]);
    let layout = arrangement.layout(2);
    let parts = |complex| -> Vec<(Vec<f64>, Vec<f64>)> {
        let slots = InputPort::slots_of(&layout, complex, f64::from);
        slots.into_iter().map(|slots| (slots.re, slots.im)).collect()
    };
    let real = vec![
        (vec![0.0, 1.0], vec![]),
        (vec![2.0, 3.0], vec![]),
        (vec![4.0, 5.0], vec![]),
    ];
    assert_eq!(parts(false), real);
    let merged = vec![(vec![0.0, 1.0], vec![4.0, 5.0]), (vec![2.0, 3.0], vec![])];
    assert_eq!(parts(true), merged);
}
