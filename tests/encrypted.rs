//! Whole networks on ciphertexts: client and server exchange bytes, answers are held against the clear model and the derived bound.

use std::ops::ControlFlow;
use std::sync::OnceLock;

use he_nn::plan::{Goal, Plan};
use he_nn::prelude::*;
use he_nn::{
    Checkpoint, Client, ClientSpec, Encryptor, Error, EvaluationKeys, Model, PublicKey, Reply, Request,
    Server, ServerKeys,
};
use safetensors::SafeTensors;

#[he_nn::model(input = [784], depth = 3)]
fn mlp_square(x: Tensor, w: Weights) -> Tensor {
    let x = square(linear(x, w.at("fc1"), Linear::out(128)));
    linear(x, w.at("fc2"), Linear::out(10))
}

#[he_nn::model(input = [1, 28, 28], depth = 5)]
fn crypto_nets(x: Tensor, w: Weights) -> Tensor {
    let x = conv2d(x, w.at("conv1"), Conv2d::out(5).kernel(5).stride(2).padding(1));
    let x = square(x);
    let x = linear(flatten(x), w.at("fc1"), Linear::out(100));
    let x = square(x);
    linear(x, w.at("fc2"), Linear::out(10))
}

const PIXELS: usize = 784;

struct Deployment {
    model: &'static Model,
    checkpoint: Checkpoint,
    spec: ClientSpec,
    server: Server,
    digits: Vec<f32>,
    labels: Vec<i64>,
}

impl Deployment {
    fn new(model: &'static Model, folder: &str, goal: Goal) -> Self {
        let path = |file: &str| format!("{}/data/{folder}/{file}", env!("CARGO_MANIFEST_DIR"));
        let checkpoint = Checkpoint::open(path("model.safetensors")).unwrap();
        let bytes = std::fs::read(path("test.safetensors")).unwrap();
        let tensors = SafeTensors::deserialize(&bytes).unwrap();
        let digits: Vec<f32> = tensors
            .tensor("x")
            .unwrap()
            .data()
            .iter()
            .map(|&p| f32::from(p) / 255.0)
            .collect();
        let labels = tensors.tensor("y").unwrap();
        let labels = labels
            .data()
            .chunks(8)
            .map(|b| i64::from_le_bytes(b.try_into().unwrap()))
            .collect();
        let ranges = model.calibrate(&checkpoint, &digits).unwrap();
        let plan: Plan = model.plan(&goal.ranges(&ranges)).unwrap();
        let server = Server::new(&plan, &checkpoint).unwrap();
        let spec = ClientSpec::from_bytes(&plan.client_spec().to_bytes()).unwrap();
        Deployment {
            model,
            checkpoint,
            spec,
            server,
            digits,
            labels,
        }
    }

    fn digits(&self, first: usize, count: usize) -> &[f32] {
        &self.digits[first * PIXELS..(first + count) * PIXELS]
    }

    fn client(&self) -> (Client, ServerKeys) {
        let client = Client::new(&self.spec).unwrap();
        let keys = EvaluationKeys::from_bytes(&client.evaluation_keys().to_bytes()).unwrap();
        let keys = self.server.load_keys(keys).unwrap();
        (client, keys)
    }

    /// Sends digits through bytes and back.
    fn ask(&self, client: &Client, keys: &ServerKeys, digits: &[f32]) -> Vec<f32> {
        let request = Request::from_bytes(&client.encrypt(digits).unwrap().to_bytes()).unwrap();
        let reply = self.server.infer(keys, &request).unwrap();
        client
            .decrypt(&Reply::from_bytes(&reply.to_bytes()).unwrap())
            .unwrap()
    }

    /// Every answer lies within the bound of the clear model's, and the bound says something.
    fn assert_within(&self, found: &[f32], digits: &[f32], bound: f64) {
        let clear: Vec<f32> = digits
            .chunks(PIXELS)
            .flat_map(|digit| self.model.run_clear(&self.checkpoint, digit).unwrap())
            .collect();
        assert_eq!(found.len(), clear.len());
        let largest = clear.iter().fold(0.0f32, |m, v| m.max(v.abs()));
        assert!(
            bound < f64::from(largest) / 4.0,
            "a bound of {bound} on numbers up to {largest}"
        );
        for (found, clear) in found.iter().zip(&clear) {
            assert!(
                f64::from((found - clear).abs()) <= bound,
                "{found} for {clear}, bound {bound}"
            );
        }
    }

    fn correct(&self, logits: &[f32], first: usize) -> usize {
        let class = |scores: &[f32]| {
            scores
                .iter()
                .enumerate()
                .max_by(|a, b| a.1.total_cmp(b.1))
                .unwrap()
                .0 as i64
        };
        logits
            .chunks(10)
            .enumerate()
            .filter(|(i, scores)| class(scores) == self.labels[first + i])
            .count()
    }
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
        let logits = mlp.ask(&client, &keys, mlp.digits(i, 1));
        mlp.assert_within(&logits, mlp.digits(i, 1), mlp.server.predicted_error());
    }
}

#[test]
fn inputs_at_the_ends_of_their_range_stay_within_the_bound() {
    let mlp = mlp();
    let (client, keys) = mlp.client();
    for digit in [vec![0.0; PIXELS], (0..PIXELS).map(|i| (i % 2) as f32).collect()] {
        mlp.assert_within(
            &mlp.ask(&client, &keys, &digit),
            &digit,
            mlp.server.predicted_error(),
        );
    }
}

#[test]
fn two_clients_at_once_do_not_interfere() {
    let mlp = mlp();
    std::thread::scope(|scope| {
        for i in [10, 20] {
            scope.spawn(move || {
                let (client, keys) = mlp.client();
                for digit in i..i + 2 {
                    let logits = mlp.ask(&client, &keys, mlp.digits(digit, 1));
                    mlp.assert_within(&logits, mlp.digits(digit, 1), mlp.server.predicted_error());
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
    let request = client.encrypt(mlp.digits(0, 1)).unwrap();
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
    mlp.assert_within(&logits, mlp.digits(0, 1), mlp.server.predicted_error());
}

#[test]
fn a_stranger_encrypts_with_the_public_key() {
    let mlp = mlp();
    let (client, keys) = mlp.client();
    let public = PublicKey::from_bytes(&client.public_key().to_bytes()).unwrap();
    let request = Encryptor::new(&mlp.spec, &public)
        .unwrap()
        .encrypt(mlp.digits(5, 1))
        .unwrap();
    let reply = mlp
        .server
        .infer(&keys, &Request::from_bytes(&request.to_bytes()).unwrap())
        .unwrap();
    // Public-key encryption is noisier: ten times the bound of the secret key's owner has ample room.
    let bound = 10.0 * mlp.server.predicted_error();
    mlp.assert_within(&client.decrypt(&reply).unwrap(), mlp.digits(5, 1), bound);
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
    let request = stranger.encrypt(mlp.digits(0, 1)).unwrap();
    assert!(matches!(
        mlp.server.infer(&keys, &request),
        Err(Error::PlanMismatch { .. })
    ));
    let reply = mlp
        .server
        .infer(&keys, &client.encrypt(mlp.digits(0, 1)).unwrap())
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
    let request = client.encrypt(mlp.digits(0, 1)).unwrap().to_bytes();
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
    let request = client.encrypt(mlp.digits(0, 1)).unwrap();
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
    let ranges = mlp.model.calibrate(&mlp.checkpoint, &mlp.digits).unwrap();
    let plan = mlp.model.plan(&Goal::latency().ranges(&ranges)).unwrap();
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
        let logits = batch.ask(&client, &keys, batch.digits(30, count));
        batch.assert_within(&logits, batch.digits(30, count), batch.server.predicted_error());
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
        let mut correct = 0;
        for i in 0..100 {
            let logits = network.ask(&client, &keys, network.digits(i, 1));
            network.assert_within(&logits, network.digits(i, 1), network.server.predicted_error());
            correct += network.correct(&logits, i);
        }
        assert!(correct >= right, "{folder}: {correct} of 100");
    }
}
