//! Plans of random networks on ciphertexts, in secure rings: within the derived bound, and at the predicted counts.

use he_core::ckks::{Context, KeySpec, SecretKey};
use he_core::math::sample::Seed;
use he_core::program::count::Counts;
use he_core::program::store::encode_input;
use he_core::program::{Executor, PlainStore, Slots};

use super::random::network;
use crate::affine::tests::{Numbers, model, weights};
use crate::graph::NodeId;
use crate::layer::*;
use crate::lower::FilledWeights;
use crate::model::Model;
use crate::plan::Goal;
use crate::{Client, Server};

fn sample(model: &Model, seed: u64) -> Vec<f32> {
    let mut numbers = Numbers(!seed);
    (0..model.node(NodeId(0)).shape.elements())
        .map(|_| numbers.next() as f32)
        .collect()
}

/// The error of the answer to one sample, and its bound.
fn error_and_bound(model: &'static Model, seed: u64) -> (f64, f64) {
    let checkpoint = weights(model, seed, false);
    let x = sample(model, seed);
    let ranges = model.calibrate(&checkpoint, &x).expect("ranges");
    let plan = model
        .plan(&Goal::latency().ranges(&ranges).error(1e-3))
        .expect("a plan");
    let server = Server::new(&plan, &checkpoint).expect("a server");
    let client = Client::new(server.client_spec()).expect("a client");
    let keys = server.load_keys(client.evaluation_keys()).expect("keys");
    let request = client.encrypt(&x).expect("a request");
    let found = client
        .decrypt(&server.infer(&keys, &request).expect("a reply"))
        .expect("an answer");
    let expected = model.run_clear(&checkpoint, &x).expect("runs");
    assert_eq!(found.len(), expected.len());
    let error = found
        .iter()
        .zip(&expected)
        .fold(0.0f64, |most, (a, b)| most.max(f64::from((a - b).abs())));
    (error, server.predicted_error())
}

#[test]
fn random_networks_stay_within_their_bound() {
    // Those of the first with at most five levels that multiply at all.
    let chosen = (0..50u64)
        .map(|seed| (seed, network(seed)))
        .filter(|(seed, model)| {
            let planned = (2..=5)
                .contains(&model.depth())
                .then(|| model.plan(&Goal::latency().ranges(&crate::Ranges::assumed(model, 4.0))));
            planned.is_some_and(|plan| plan.is_ok_and(|plan| plan.chain().log_n() <= 13)) && *seed > 0
        });
    let mut held = 0;
    for (seed, model) in chosen.take(3) {
        let (error, bound) = error_and_bound(model, seed);
        eprintln!(
            "network {seed}, depth {}: error {error:.1e}, bound {bound:.1e}",
            model.depth()
        );
        assert!(error <= bound, "network {seed}: {error} beyond {bound}");
        held += 1;
    }
    assert_eq!(held, 3);
}

#[test]
fn a_planned_network_does_what_was_counted() {
    let model = model(&[64], |x, w| {
        let x = square(linear(x, w.at("fc1"), Linear::out(16)));
        linear(x, w.at("fc2"), Linear::out(10))
    });
    let checkpoint = weights(model, 5, false);
    let plan = model.plan(&Goal::latency()).expect("a plan");
    let (program, context) = (
        plan.program(),
        Context::new(plan.chain().clone()).expect("tables"),
    );
    let numbers = plan.weights(&checkpoint).expect("weights fit");
    let plains = PlainStore::encode(program, &context, &FilledWeights::new(plan.recipes(), &numbers))
        .expect("encodes");
    let secret = SecretKey::from_seed(&context, &Seed::new([1; 32]));
    let spec: KeySpec = plan.key_spec();
    let keys = secret
        .evaluation_keys(&context, &spec)
        .expect("keys")
        .expand(&context)
        .expect("expands");
    let tiles = program.values[program.inputs[0].value.0 as usize].tiles;
    let input = (0..tiles).map(|_| {
        let plain = encode_input(program, &context, 0, &Slots::zeros(context.slots())).expect("encodes");
        secret
            .encrypt(&context, &plain)
            .expect("encrypts")
            .expand(&context)
    });
    let inputs = vec![input.collect()];
    let executor = Executor {
        context: &context,
        keys: &keys,
        program,
        plains: &plains,
    };
    let mut done = Counts::default();
    executor.run_counted(inputs, &(), &mut done).expect("runs");
    let calls = |c: &Counts| {
        [
            c.rotations,
            c.key_switches,
            c.ct_multiplications,
            c.pt_multiplications,
            c.rescales,
        ]
    };
    assert_eq!(calls(&plan.bill().total), calls(&done), "predicted against done");
    assert_eq!(plan.bill().resident_plain_bytes, plains.bytes() as u64);
    assert_eq!(plan.bill().resident_key_bytes, keys.bytes() as u64);
}
