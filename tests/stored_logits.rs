//! The bundled networks in the clear: the graph, and the stages folded from it, reproduce the logits stored beside the weights.

use he_nn::affine::Stages;
use he_nn::{Error, Model};

mod support;
use support::Bundle;
use support::data::Data;
use support::models::{crypto_nets, lenet5, logreg_breast_cancer, logreg_heart, mlp_square};

/// Compares graph and stages with the stored logits, and the answers with the labels.
fn reproduces(model: &'static Model, folder: &str, rows: usize, correct: usize) {
    let Bundle { checkpoint, data, .. } = Bundle::open(model, folder);
    let Data {
        inputs,
        labels,
        logits,
        ..
    } = data;
    let (labels, logits) = (labels.unwrap(), logits.unwrap());
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
    let other = Bundle::open(mlp_square(), "mlp_square_mnist");
    let error = crypto_nets()
        .run_clear(&other.checkpoint, &other.data.inputs)
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
    let nets = Bundle::open(crypto_nets(), "cryptonets_mnist");
    let ranges = crypto_nets()
        .calibrate(&nets.checkpoint, &nets.data.inputs)
        .unwrap();
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
    let mlp = Bundle::open(mlp_square(), "mlp_square_mnist");
    let error = mlp_square()
        .run_clear(&mlp.checkpoint, &mlp.data.inputs[..783])
        .unwrap_err();
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
