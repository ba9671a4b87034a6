//! What `he-nn` reads from bytes: specifications, messages, plans, ranges, checkpoints.

use std::sync::OnceLock;

use he_core::bootstrap::BootstrapSpec;
use he_core::ckks::KeySpec;
use he_core::tile::arrangement::{Arrangement, Axis};
use he_nn::client::{InputPort, OutputPort};
use he_nn::plan::Goal;
use he_nn::prelude::*;
use he_nn::{Checkpoint, Client, ClientSpec, EvaluationKeys, Plan, PublicKey, Ranges, Reply, Request, wire};

use super::{resealed, smallest, unsealed};

/// Three numbers through nothing, on the smallest ring in which that is secure.
fn spec() -> &'static ClientSpec {
    static SPEC: OnceLock<ClientSpec> = OnceLock::new();
    SPEC.get_or_init(|| {
        let chain = smallest().build().unwrap();
        let axes = vec![Axis::along(1, 4, 1), Axis::along(0, 2, 1)];
        let input = InputPort {
            name: "x".into(),
            shape: vec![3],
            range: 1.0,
            level: 0,
            arrangement: Arrangement::new(&[2, 3], axes, vec![]),
            complex: false,
        };
        let output = OutputPort {
            name: "output".into(),
            shape: vec![3],
            level: 0,
            scale: chain.scale(0),
            tiles: 1,
            period: 4,
            places: (0..3).map(|e| Some((0, e))).collect(),
            factor: 1.0,
        };
        ClientSpec {
            model: "same".into(),
            plan_digest: [7; 32],
            chain,
            batch: 2,
            inputs: vec![input],
            outputs: vec![output],
            keys: KeySpec {
                rotations: [(1, 0)].into(),
                ..KeySpec::default()
            },
            encapsulation: false,
        }
    })
}

/// The same behind a refresh, on the smallest ring that carries a sparse secret. Keys are so large there that no entry makes any.
fn refreshing_spec() -> ClientSpec {
    let bootstrap = BootstrapSpec::b15();
    let mut spec = ClientSpec {
        model: "refreshed".into(),
        chain: bootstrap.chain().build().unwrap(),
        keys: bootstrap.key_spec(),
        encapsulation: true,
        ..spec().clone()
    };
    spec.inputs[0].level = bootstrap.refreshed_level() as u32;
    spec.outputs[0].level = 1;
    spec.outputs[0].scale = spec.chain.scale(1);
    spec
}

/// One client for all: its secret key was drawn when the corpus was, and protects nothing.
fn client() -> &'static Client {
    static CLIENT: OnceLock<Client> = OnceLock::new();
    CLIENT.get_or_init(|| Client::from_secret_bytes(&resealed(SECRET), spec()).unwrap())
}

/// A secret message without its digest.
const SECRET: &[u8] = include_bytes!("../corpus/secret/0");

pub fn client_spec(bytes: &[u8]) {
    if let Ok(spec) = ClientSpec::from_bytes(&resealed(bytes)) {
        assert_eq!(ClientSpec::from_bytes(&spec.to_bytes()).unwrap(), spec);
        let _ = (
            spec.request_bytes(),
            spec.reply_bytes(),
            spec.evaluation_key_bytes(),
        );
        if spec.chain.log_n() <= 10 {
            // No ring so small carries a sparse secret.
            match Client::new(&spec) {
                Ok(client) => {
                    assert!(!spec.encapsulation);
                    let elements = spec.inputs[0].elements();
                    let _ = client.encrypt(&vec![0.0; elements.min(1 << 12)]);
                }
                Err(error) => assert!(spec.encapsulation, "{error}"),
            }
        }
    }
}

pub fn client_specs() -> Vec<Vec<u8>> {
    [spec(), &refreshing_spec()]
        .map(|spec| {
            let bytes = spec.to_bytes();
            assert!(ClientSpec::from_bytes(&bytes).is_ok());
            unsealed(&bytes)
        })
        .to_vec()
}

/// A message of any kind.
pub fn message(bytes: &[u8]) {
    let bytes = &resealed(bytes);
    if let Ok(request) = Request::from_bytes(bytes) {
        assert_eq!(request.to_bytes(), *bytes);
    }
    if let Ok(reply) = Reply::from_bytes(bytes) {
        assert_eq!(reply.to_bytes(), *bytes);
    }
    if let Ok(keys) = EvaluationKeys::from_bytes(bytes) {
        assert_eq!(keys.to_bytes(), *bytes);
    }
    if let Ok(key) = PublicKey::from_bytes(bytes) {
        assert_eq!(key.to_bytes(), *bytes);
        let _ = he_nn::Encryptor::new(spec(), &key);
    }
}

pub fn messages() -> Vec<Vec<u8>> {
    let request = client().encrypt(&[0.25; 3]).unwrap();
    let keys = client().evaluation_keys().to_bytes();
    // Frames cut short: whole ones would be most of the corpus, and are read by other entries.
    let mut messages = [request.to_bytes(), client().public_key().to_bytes(), keys.clone()]
        .map(|bytes| shortened(&bytes))
        .to_vec();
    // A plan that refreshes has a second frame, of encapsulation keys.
    let encapsulation = &super::engine::encapsulation_key_sets()[0][..40];
    let refreshing = reframed(&keys, &[first_bytes(&keys), encapsulation]);
    assert!(EvaluationKeys::from_bytes(&resealed(&refreshing)).is_ok());
    messages.push(refreshing);
    messages
}

/// Length of what stands before the header.
const PREFIX_BYTES: usize = 20;

fn header_bytes(message: &[u8]) -> usize {
    u32::from_le_bytes(message[8..12].try_into().unwrap()) as usize
}

/// The message with other frames, without its digest.
fn reframed(message: &[u8], frames: &[&[u8]]) -> Vec<u8> {
    let mut out = message[..PREFIX_BYTES + header_bytes(message)].to_vec();
    let bytes: usize = frames.iter().map(|frame| frame.len() + 8).sum();
    out[12..20].copy_from_slice(&(bytes as u64).to_le_bytes());
    for frame in frames {
        out.extend((frame.len() as u64).to_le_bytes());
        out.extend(*frame);
    }
    out
}

/// The first bytes of the message's first frame.
fn first_bytes(message: &[u8]) -> &[u8] {
    let start = PREFIX_BYTES + header_bytes(message) + 8;
    &message[start..start + 40]
}

/// The message with the first bytes of its first frame only, without its digest.
fn shortened(message: &[u8]) -> Vec<u8> {
    reframed(message, &[first_bytes(message)])
}

/// A message from a stream.
pub fn stream(bytes: &[u8]) {
    let limit = 1 << 16;
    if let Ok(message) = wire::receive(&mut &bytes[..], limit) {
        assert!(message.len() as u64 <= limit && bytes.starts_with(&message));
    }
}

pub fn streams() -> Vec<Vec<u8>> {
    vec![spec().to_bytes()]
}

/// A reply to this client whose only ciphertext is these bytes.
pub fn reply(bytes: &[u8]) {
    static ENVELOPE: OnceLock<Vec<u8>> = OnceLock::new();
    let envelope = ENVELOPE.get_or_init(|| {
        // A request and a reply differ in their kind, and in the last byte of their header: the form.
        let mut bytes = client().encrypt(&[0.0; 3]).unwrap().to_bytes();
        let header = header_bytes(&bytes);
        bytes[6] += 1;
        bytes[8..12].copy_from_slice(&(header as u32 - 1).to_le_bytes());
        bytes.remove(PREFIX_BYTES + header - 1);
        bytes
    });
    let reply = Reply::from_bytes(&resealed(&reframed(envelope, &[bytes]))).unwrap();
    if let Ok(values) = client().decrypt(&reply) {
        assert_eq!(values.len(), 3);
    }
}

pub fn replies() -> Vec<Vec<u8>> {
    // Level 0, the scale of the output, and zeros.
    let mut bytes = 0u32.to_le_bytes().to_vec();
    bytes.extend(spec().outputs[0].scale.to_le_bytes());
    bytes.resize(spec().reply_bytes() as usize, 0);
    vec![bytes]
}

/// A secret key for this specification.
pub fn secret(bytes: &[u8]) {
    if let Ok(client) = Client::from_secret_bytes(&resealed(bytes), spec()) {
        assert_eq!(*client.secret_bytes(), resealed(bytes));
    }
}

pub fn secrets() -> Vec<Vec<u8>> {
    vec![SECRET.to_vec()]
}

#[he_nn::model(input = [1, 6, 6], depth = 3)]
fn small(x: Tensor, w: Weights) -> Tensor {
    let x = square(conv2d(x, w.at("conv"), Conv2d::out(2).kernel(3)));
    linear(flatten(x), w.at("fc"), Linear::out(3))
}

/// A plan is planned again as it is read.
pub fn plan(bytes: &[u8]) {
    if let Ok(plan) = Plan::from_bytes(small(), &resealed(bytes)) {
        assert_eq!(
            Plan::from_bytes(small(), &plan.to_bytes()).unwrap().digest(),
            plan.digest()
        );
    }
}

pub fn plans() -> Vec<Vec<u8>> {
    let ranges = Ranges::assumed(small(), 4.0);
    [
        Goal::latency().threads(1),
        Goal::throughput().threads(2).batch(3).ranges(&ranges),
    ]
    .map(|goal| unsealed(&small().plan(&goal).unwrap().to_bytes()))
    .to_vec()
}

pub fn ranges(bytes: &[u8]) {
    if let Ok(ranges) = Ranges::from_bytes(bytes) {
        // Bytes of equal ranges may differ in how numbers are written.
        assert_eq!(Ranges::from_bytes(&ranges.to_bytes()).unwrap(), ranges);
    }
}

pub fn ranges_files() -> Vec<Vec<u8>> {
    vec![Ranges::assumed(small(), 4.0).to_bytes()]
}

/// A safetensors or npz file, and the manifest it is held against.
pub fn checkpoint(bytes: &[u8]) {
    if let Ok(checkpoint) = Checkpoint::from_bytes(bytes) {
        for name in checkpoint.names() {
            let tensor = checkpoint.get(name).unwrap();
            assert_eq!(tensor.to_f64().len(), tensor.shape().iter().product::<usize>());
        }
        let _ = checkpoint.check(&small().manifest());
    }
}

pub fn checkpoints() -> Vec<Vec<u8>> {
    let header = r#"{"fc.bias":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"fc.weight":{"dtype":"F16","shape":[2,2],"data_offsets":[8,16]}}"#;
    let mut safetensors = (header.len() as u64).to_le_bytes().to_vec();
    safetensors.extend(header.as_bytes());
    safetensors.extend([
        0x00, 0x00, 0x80, 0x3f, 0, 0, 0, 0xc0, 0, 0x3c, 0, 0x40, 0, 0xc0, 0, 0x38,
    ]);
    vec![safetensors, archive(&npy_files()[0])]
}

/// An npy file, in an archive whose checksum fits.
pub fn npy(bytes: &[u8]) {
    checkpoint(&archive(bytes));
}

pub fn npy_files() -> Vec<Vec<u8>> {
    let header = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), }";
    let mut file = b"\x93NUMPY\x01\x00".to_vec();
    let padded = (10 + header.len() + 1).next_multiple_of(64) - 10;
    file.extend((padded as u16).to_le_bytes());
    file.extend(header.as_bytes());
    file.resize(10 + padded - 1, b' ');
    file.push(b'\n');
    file.extend([1.0f32, -2.0, 0.5, 3.0].map(f32::to_le_bytes).as_flattened());
    vec![file]
}

/// A zip archive of one stored file.
fn archive(content: &[u8]) -> Vec<u8> {
    const NAME: &[u8] = b"fc.weight.npy";
    let crc = content.iter().fold(u32::MAX, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            crc >> 1 ^ if crc & 1 == 1 { 0xedb8_8320 } else { 0 }
        })
    });
    let size = (content.len() as u32).to_le_bytes();
    let mut common = vec![20, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    common.extend((!crc).to_le_bytes());
    common.extend([size, size].as_flattened());
    common.extend((NAME.len() as u16).to_le_bytes());
    common.extend([0; 2]);
    let local = [b"PK\x03\x04", &common[..], NAME, content].concat();
    let central = [b"PK\x01\x02\x14\x00", &common[..], &[0; 14], NAME].concat();
    let end = [
        b"PK\x05\x06\0\0\0\0\x01\0\x01\0",
        &(central.len() as u32).to_le_bytes()[..],
        &(local.len() as u32).to_le_bytes(),
        &[0; 2],
    ]
    .concat();
    [local, central, end].concat()
}
