//! The bundled networks in the clear: the graph, and the stages folded from it, reproduce the logits stored beside the weights.

use he_nn::affine::Stages;
use he_nn::prelude::*;
use he_nn::{Checkpoint, Error, Model};
use safetensors::SafeTensors;

/// CryptoNets on MNIST (Gilad-Bachrach et al., ICML 2016).
#[he_nn::model(input = [1, 28, 28], depth = 5)]
fn crypto_nets(x: Tensor, w: Weights) -> Tensor {
    let x = conv2d(x, w.at("conv1"), Conv2d::out(5).kernel(5).stride(2).padding(1));
    let x = square(x);
    let x = linear(flatten(x), w.at("fc1"), Linear::out(100));
    let x = square(x);
    linear(x, w.at("fc2"), Linear::out(10))
}

#[he_nn::model(input = [1, 28, 28], depth = 3)]
fn mlp_square(x: Tensor, w: Weights) -> Tensor {
    let x = square(linear(flatten(x), w.at("fc1"), Linear::out(128)));
    linear(x, w.at("fc2"), Linear::out(10))
}

#[he_nn::model(input = [1, 28, 28], depth = 13)]
fn lenet5(x: Tensor, w: Weights) -> Tensor {
    let x = conv2d(x, w.at("conv1"), Conv2d::out(6).kernel(5).padding(2));
    let x = avg_pool2d(polynomial(x, w.at("act1"), 3), 2);
    let x = conv2d(x, w.at("conv2"), Conv2d::out(16).kernel(5));
    let x = flatten(avg_pool2d(polynomial(x, w.at("act2"), 3), 2));
    let x = polynomial(linear(x, w.at("fc1"), Linear::out(120)), w.at("act3"), 3);
    let x = polynomial(linear(x, w.at("fc2"), Linear::out(84)), w.at("act4"), 3);
    linear(x, w.at("fc3"), Linear::out(10))
}

#[he_nn::model(input = [15], depth = 1, range = 700.0)]
fn logreg_heart(x: Tensor, w: Weights) -> Tensor {
    linear(standardize(x, w.at("scaler")), w.at("linear"), Linear::out(1))
}

#[he_nn::model(input = [30], depth = 1, range = 5000.0)]
fn logreg_breast_cancer(x: Tensor, w: Weights) -> Tensor {
    linear(standardize(x, w.at("scaler")), w.at("linear"), Linear::out(1))
}

struct Bundle {
    checkpoint: Checkpoint,
    inputs: Vec<f32>,
    labels: Vec<i64>,
    logits: Vec<f32>,
}

fn bundle(folder: &str) -> Bundle {
    let path = format!("{}/data/{folder}", env!("CARGO_MANIFEST_DIR"));
    let bytes = std::fs::read(format!("{path}/test.safetensors")).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let floats = |name: &str| -> Vec<f32> {
        let data = file.tensor(name).unwrap().data();
        data.as_chunks()
            .0
            .iter()
            .map(|&b| f32::from_le_bytes(b))
            .collect()
    };
    let labels = file
        .tensor("y")
        .unwrap()
        .data()
        .as_chunks()
        .0
        .iter()
        .map(|&b| i64::from_le_bytes(b));
    let inputs = match file.tensor("x") {
        Ok(pixels) => pixels.data().iter().map(|&p| f32::from(p) / 255.0).collect(),
        Err(_) => floats("x_raw"),
    };
    let checkpoint = Checkpoint::open(format!("{path}/model.safetensors")).unwrap();
    Bundle {
        checkpoint,
        inputs,
        labels: labels.collect(),
        logits: floats("logits"),
    }
}

/// Compares graph and stages with the stored logits, and the answers with the labels.
fn reproduces(model: &'static Model, folder: &str, rows: usize, correct: usize) {
    let Bundle {
        checkpoint,
        inputs,
        labels,
        logits,
    } = bundle(folder);
    assert_eq!(labels.len(), rows);
    let clear = model.run_clear(&checkpoint, &inputs).unwrap();
    assert_eq!(clear.len(), logits.len());
    // The reference was computed in float64 and stored in float32; the digits were divided by 255 in float32 here.
    let tolerance = |logit: f32| 2e-6 * logit.abs().max(10.0);
    for (i, (&found, &expected)) in clear.iter().zip(&logits).enumerate() {
        assert!(
            (found - expected).abs() <= tolerance(expected),
            "{folder} {i}: {found} {expected}"
        );
    }
    let answers = clear.chunks_exact(clear.len() / rows).map(|row| match row {
        &[logit] => i64::from(logit > 0.0),
        row => (0..row.len()).max_by(|&a, &b| row[a].total_cmp(&row[b])).unwrap() as i64,
    });
    assert_eq!(answers.zip(&labels).filter(|(a, b)| a == *b).count(), correct);

    let ranges = model.calibrate(&checkpoint, &inputs).unwrap();
    let stages = Stages::new(model, Some(&ranges)).unwrap();
    assert_eq!(stages.depth(), model.depth());
    let loaded = stages.load(&checkpoint).unwrap();
    let samples = inputs
        .chunks_exact(inputs.len() / rows)
        .zip(clear.chunks_exact(clear.len() / rows));
    for (x, expected) in samples.take(10) {
        let x: Vec<f64> = x.iter().map(|&x| f64::from(x)).collect();
        let found = loaded.outputs(&[&x]).unwrap().concat();
        for (found, &expected) in found.iter().zip(expected) {
            assert!(
                (*found as f32 - expected).abs() <= tolerance(expected),
                "{folder}: {found} {expected}"
            );
        }
    }
}

#[test]
fn cryptonets_reproduces_its_logits() {
    reproduces(crypto_nets(), "cryptonets_mnist", 100, 99);
}

#[test]
fn the_square_network_reproduces_its_logits() {
    reproduces(mlp_square(), "mlp_square_mnist", 100, 97);
}

#[test]
fn lenet_reproduces_its_logits() {
    reproduces(lenet5(), "lenet5_poly3_mnist", 100, 100);
}

#[test]
fn the_regressions_reproduce_their_logits() {
    reproduces(logreg_heart(), "logreg_heart", 276, 238);
    reproduces(logreg_breast_cancer(), "logreg_breast_cancer", 171, 163);
}

#[test]
fn weights_of_another_network_are_refused_with_a_list() {
    let other = bundle("mlp_square_mnist");
    let error = crypto_nets()
        .run_clear(&other.checkpoint, &other.inputs)
        .unwrap_err();
    let Error::Checkpoint { mismatches, .. } = &error else {
        panic!("{error}")
    };
    let list: Vec<String> = mismatches.iter().map(ToString::to_string).collect();
    assert_eq!(
        list,
        [
            "missing `conv1.weight`, expected [5, 1, 5, 5]",
            "missing `conv1.bias`, expected [5]",
            "mis-shaped `fc1.weight`, found [128, 784], expected [100, 845]",
            "mis-shaped `fc1.bias`, found [128], expected [100]",
            "mis-shaped `fc2.weight`, found [10, 128], expected [10, 100]",
        ]
    );
}

#[test]
fn calibration_finds_the_ranges_of_the_training_report() {
    let Bundle {
        checkpoint, inputs, ..
    } = bundle("cryptonets_mnist");
    let ranges = crypto_nets().calibrate(&checkpoint, &inputs).unwrap();
    let of = |label: &str| {
        ranges
            .sites()
            .iter()
            .find(|site| site.label == label)
            .unwrap()
            .largest
    };
    // Training set: 1.83 in front of the first square, 7.13 in front of the second; the margin is 1.5.
    assert!((2.0..1.5 * 1.84).contains(&of("conv1")), "{}", of("conv1"));
    assert!((7.5..1.5 * 7.28).contains(&of("fc1")), "{}", of("fc1"));
    assert_eq!(of("input"), 1.0);
}

#[test]
fn an_input_of_another_size_is_refused() {
    let Bundle {
        checkpoint, inputs, ..
    } = bundle("mlp_square_mnist");
    let error = mlp_square().run_clear(&checkpoint, &inputs[..783]).unwrap_err();
    assert!(
        matches!(
            error,
            Error::Length {
                found: 783,
                expected: 784,
                ..
            }
        ),
        "{error}"
    );
}
