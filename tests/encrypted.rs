//! Whole networks on ciphertexts: client and server exchange bytes, answers are held against the clear model and the derived bound.

use std::ops::ControlFlow;
use std::sync::OnceLock;

use he_nn::checkpoint::TensorData;
use he_nn::plan::Goal;
use he_nn::{Checkpoint, Client, ClientSpec, Encryptor, Error, EvaluationKeys, PublicKey, Request};

mod support;
use support::Bundle;
use support::deployment::Deployment;
use support::models::{crypto_nets, mlp_square};

const PIXELS: usize = 784;

/// How many answers name the right digit.
fn correct(network: &Deployment, logits: &[f32], first: usize) -> usize {
    let class = |scores: &[f32]| (0..10).max_by(|&a, &b| scores[a].total_cmp(&scores[b]));
    logits
        .chunks(10)
        .enumerate()
        .filter(|(i, scores)| {
            let label = network.bundle.data.label(first + i).unwrap();
            class(scores) == Some(label as usize)
        })
        .count()
}

/// One deployment serves all tests of this file, as one server serves many clients.
fn mlp() -> &'static Deployment {
    static MLP: OnceLock<Deployment> = OnceLock::new();
    MLP.get_or_init(|| Deployment::new(mlp_square(), "mlp_square_mnist", Goal::latency()))
}

#[test]
fn encrypted_digits_are_classified_within_the_bound() {
    let mlp = mlp();
    let (client, keys) = mlp.client();
    for i in 0..3 {
        let logits = mlp.ask(&client, &keys, mlp.samples(i, 1));
        mlp.assert_within(&logits, mlp.samples(i, 1), mlp.server.predicted_error());
    }
}

/// Inputs that look for trouble: all at one end, a single pixel, alternating, dots, and a ramp.
fn adversaries() -> Vec<Vec<f32>> {
    let by_pixel = |value: fn(usize) -> f32| (0..PIXELS).map(value).collect::<Vec<f32>>();
    vec![
        vec![0.0; PIXELS],
        vec![1.0; PIXELS],
        vec![-1.0; PIXELS],
        by_pixel(|i| f32::from(u8::from(i == 0))),
        by_pixel(|i| f32::from(u8::from(i == PIXELS - 1))),
        by_pixel(|i| [0.0, 1.0][i % 2]),
        by_pixel(|i| [1.0, -1.0][i % 2]),
        by_pixel(|i| [1.0, -1.0][i / 28 % 2]),
        by_pixel(|i| f32::from(u8::from(i % 7 == 3))),
        by_pixel(|i| i as f32 / PIXELS as f32),
    ]
}

#[test]
fn adversarial_inputs_stay_within_the_bound() {
    // The bound holds for values within the calibrated ranges, so these inputs take part in the calibration.
    let bundle = Bundle::open(mlp_square(), "mlp_square_mnist");
    let seen = [bundle.data.inputs.clone(), adversaries().concat()].concat();
    let ranges = bundle.model.calibrate(&bundle.checkpoint, &seen).unwrap();
    let mlp = Deployment::with(bundle, Goal::latency().ranges(&ranges));
    let (client, keys) = mlp.client();
    for (i, digit) in adversaries().iter().enumerate() {
        let (error, bound) = (mlp.error(&client, &keys, digit), mlp.server.predicted_error());
        assert!(error <= bound, "input {i}: error {error:.1e}, bound {bound:.1e}");
    }
}

/// Zero rows, columns, channels and whole layers: other libraries take a zero product for an error.
#[test]
fn zero_weights_are_weights() {
    let perceptron = || Bundle::open(mlp_square(), "mlp_square_mnist");
    for zeroed in ["rows of fc1", "columns of fc2", "fc1", "fc2"] {
        holds_with_zeros(perceptron(), zeroed);
    }
    holds_with_zeros(
        Bundle::open(crypto_nets(), "cryptonets_mnist"),
        "channels of conv1",
    );
}

fn holds_with_zeros(mut bundle: Bundle, zeroed: &str) {
    bundle.checkpoint = with_zeros(&bundle.checkpoint, zeroed);
    let ranges = bundle
        .model
        .calibrate(&bundle.checkpoint, &bundle.data.inputs)
        .unwrap();
    let network = Deployment::with(bundle, Goal::latency().ranges(&ranges));
    let (client, keys) = network.client();
    let error = network.error(&client, &keys, network.samples(0, 1));
    let bound = network.server.predicted_error();
    assert!(error <= bound, "{zeroed}: error {error:.1e}, bound {bound:.1e}");
}

/// A checkpoint with a part set to zero.
fn with_zeros(checkpoint: &Checkpoint, part: &str) -> Checkpoint {
    let tensors = checkpoint.names().map(|name| {
        let tensor = checkpoint.get(name).unwrap();
        let row: usize = tensor.shape()[1..].iter().product();
        let keep = |i: usize| match (part, name) {
            ("rows of fc1", "fc1.weight" | "fc1.bias") => i / row % 4 != 1,
            ("columns of fc2", "fc2.weight") => !(i % row).is_multiple_of(3),
            ("channels of conv1", "conv1.weight" | "conv1.bias") => i / row != 2,
            ("fc1", name) => !name.starts_with("fc1"),
            ("fc2", name) => name != "fc2.weight",
            _ => true,
        };
        let values = tensor.to_f64().into_iter().enumerate();
        let values = values.map(|(i, v)| if keep(i) { v as f32 } else { 0.0 });
        let tensor = TensorData::new(tensor.shape(), values.collect()).unwrap();
        (name.to_owned(), tensor)
    });
    Checkpoint::from_tensors(tensors)
}

#[test]
fn two_clients_at_once_do_not_interfere() {
    let mlp = mlp();
    std::thread::scope(|scope| {
        for i in [10, 20] {
            scope.spawn(move || {
                let (client, keys) = mlp.client();
                for digit in i..i + 2 {
                    let logits = mlp.ask(&client, &keys, mlp.samples(digit, 1));
                    mlp.assert_within(&logits, mlp.samples(digit, 1), mlp.server.predicted_error());
                }
            });
        }
    });
}

#[test]
fn keys_are_expanded_once_and_belong_to_one_client() {
    let mlp = mlp();
    let (client, keys) = mlp.client();
    let (other, other_keys) = mlp.client();
    let request = client.encrypt(mlp.samples(0, 1)).unwrap();
    let refused = mlp.server.infer(&other_keys, &request).unwrap_err();
    assert!(matches!(&refused, Error::KeyMismatch { found, expected, .. }
        if *found == client.key_id().to_string() && *expected == other.key_id().to_string()));
    let reply = mlp.server.infer(&keys, &request).unwrap();
    assert!(matches!(other.decrypt(&reply), Err(Error::KeyMismatch { .. })));
    // Several sets of evaluation keys of one secret key work side by side.
    let again = Client::from_secret_bytes(&client.secret_bytes(), &mlp.spec).unwrap();
    let fresh = mlp.server.load_keys(again.evaluation_keys()).unwrap();
    let logits = client
        .decrypt(&mlp.server.infer(&fresh, &request).unwrap())
        .unwrap();
    mlp.assert_within(&logits, mlp.samples(0, 1), mlp.server.predicted_error());
}

#[test]
fn a_stranger_encrypts_with_the_public_key() {
    let mlp = mlp();
    let (client, keys) = mlp.client();
    let public = PublicKey::from_bytes(&client.public_key().to_bytes()).unwrap();
    let request = Encryptor::new(&mlp.spec, &public)
        .unwrap()
        .encrypt(mlp.samples(5, 1))
        .unwrap();
    let reply = mlp
        .server
        .infer(&keys, &Request::from_bytes(&request.to_bytes()).unwrap())
        .unwrap();
    // Public-key encryption is noisier: ten times the bound of the secret key's owner has ample room.
    let bound = 10.0 * mlp.server.predicted_error();
    mlp.assert_within(&client.decrypt(&reply).unwrap(), mlp.samples(5, 1), bound);
}

#[test]
fn messages_of_another_plan_are_refused() {
    let mlp = mlp();
    let other = ClientSpec {
        plan_digest: [1; 32],
        ..mlp.spec.clone()
    };
    let stranger = Client::new(&other).unwrap();
    let (client, keys) = mlp.client();
    let refused = mlp.server.load_keys(stranger.evaluation_keys()).err();
    assert!(matches!(refused, Some(Error::PlanMismatch { .. })), "{refused:?}");
    let request = stranger.encrypt(mlp.samples(0, 1)).unwrap();
    assert!(matches!(
        mlp.server.infer(&keys, &request),
        Err(Error::PlanMismatch { .. })
    ));
    let reply = mlp
        .server
        .infer(&keys, &client.encrypt(mlp.samples(0, 1)).unwrap())
        .unwrap();
    assert!(matches!(
        stranger.decrypt(&reply),
        Err(Error::PlanMismatch { .. })
    ));
    assert!(matches!(
        Encryptor::new(&other, &client.public_key()).err(),
        Some(Error::PlanMismatch { .. })
    ));
}

#[test]
fn damaged_keys_and_requests_are_refused() {
    let mlp = mlp();
    let client = Client::new(&mlp.spec).unwrap();
    let typed = |error: &Error| {
        matches!(
            error,
            Error::Corrupted { .. } | Error::Truncated { .. } | Error::Version { .. }
        )
    };
    let keys = client.evaluation_keys().to_bytes();
    let request = client.encrypt(mlp.samples(0, 1)).unwrap().to_bytes();
    // A stride that is prime to all lengths visits every part of a message.
    for at in (0..keys.len()).step_by(keys.len() / 23 + 1) {
        let mut damaged = keys.clone();
        damaged[at] ^= 1 << (at % 8);
        assert!(
            typed(&EvaluationKeys::from_bytes(&damaged).unwrap_err()),
            "byte {at}"
        );
        assert!(
            typed(&EvaluationKeys::from_bytes(&keys[..at]).unwrap_err()),
            "cut to {at}"
        );
    }
    for at in (0..request.len()).step_by(request.len() / 23 + 1) {
        let mut damaged = request.clone();
        damaged[at] ^= 1 << (at % 8);
        assert!(typed(&Request::from_bytes(&damaged).unwrap_err()), "byte {at}");
        assert!(
            typed(&Request::from_bytes(&request[..at]).unwrap_err()),
            "cut to {at}"
        );
    }
}

#[test]
fn a_run_can_be_watched_and_ended() {
    let mlp = mlp();
    let (client, keys) = mlp.client();
    let request = client.encrypt(mlp.samples(0, 1)).unwrap();
    let steps = std::sync::Mutex::new(vec![]);
    let watch = |layer: &str, done: usize, total: usize| {
        steps.lock().unwrap().push((layer.to_owned(), done, total));
        ControlFlow::Continue(())
    };
    mlp.server.infer_with(&keys, &request, &watch).unwrap();
    let steps = steps.into_inner().unwrap();
    assert!(
        steps
            .iter()
            .enumerate()
            .all(|(i, (_, done, total))| *done == i + 1 && *total == steps.len())
    );
    assert!(steps.iter().any(|(layer, ..)| layer.contains("fc2")), "{steps:?}");
    let end = |_: &str, done: usize, _: usize| {
        if done == 2 {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    };
    let ended = mlp.server.infer_with(&keys, &request, &end).unwrap_err();
    assert!(matches!(ended, Error::Cancelled { found: 2, .. }), "{ended}");
}

#[test]
fn specifications_do_not_depend_on_weights() {
    let mlp = mlp();
    let plan = mlp.model().plan(&Goal::latency().ranges(&mlp.ranges())).unwrap();
    assert_eq!(
        plan.client_spec().to_bytes(),
        mlp.spec.to_bytes(),
        "planning needs no weights and is repeatable"
    );
}

#[test]
fn a_batch_is_answered_sample_by_sample() {
    let batch = Deployment::new(mlp_square(), "mlp_square_mnist", Goal::throughput().batch(8));
    let (client, keys) = batch.client();
    for count in [8, 3] {
        let logits = batch.ask(&client, &keys, batch.samples(30, count));
        batch.assert_within(&logits, batch.samples(30, count), batch.server.predicted_error());
    }
}

/// `cargo test --release --test encrypted -- --ignored`
#[test]
#[ignore = "100 encrypted digits through two networks take a minute"]
fn accuracy_on_a_hundred_digits() {
    for (model, folder, right) in [
        (mlp_square(), "mlp_square_mnist", 97),
        (crypto_nets(), "cryptonets_mnist", 98),
    ] {
        let network = Deployment::new(model, folder, Goal::latency());
        let (client, keys) = network.client();
        let mut right_answers = 0;
        for i in 0..100 {
            let logits = network.ask(&client, &keys, network.samples(i, 1));
            network.assert_within(&logits, network.samples(i, 1), network.server.predicted_error());
            right_answers += correct(&network, &logits, i);
        }
        assert!(right_answers >= right, "{folder}: {right_answers} of 100");
    }
}
