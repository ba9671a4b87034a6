//! Errors of encrypted runs, maximised over inputs, against the bound: never beyond it, and never so far below that it says nothing.
//!
//! `cargo test --release --test error_search -- --ignored --nocapture` searches longer, and measures the networks that take minutes.

use he_nn::checkpoint::TensorData;
use he_nn::plan::Goal;
use he_nn::prelude::*;
use he_nn::{Checkpoint, Client, Model, ServerKeys};

mod support;
use support::Bundle;
use support::data::Data;
use support::deployment::Deployment;
use support::models::{crypto_nets, lenet5, logreg_breast_cancer, logreg_heart, mlp_square};

/// How far above the largest error found a bound may lie.
const SLACK_MAX: f64 = 64.0;

/// Pseudo-random numbers, the same in every run.
struct Draw(u64);

impl Draw {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 >> 11
    }

    /// An input of zeros and ones.
    fn corner(&mut self, elements: usize) -> Vec<f32> {
        (0..elements).map(|_| (self.next() % 2) as f32).collect()
    }
}

/// For each row of a dense layer, the input of zeros and ones at which it is largest: the corners of what the layer can reach.
fn extremes(checkpoint: &Checkpoint, weight: &str) -> Vec<Vec<f32>> {
    let tensor = checkpoint.get(weight).unwrap();
    let columns = tensor.shape()[1];
    let sign = |w: &f64| f32::from(u8::from(*w > 0.0));
    let rows = tensor.to_f64();
    rows.chunks(columns)
        .map(|row| row.iter().map(sign).collect())
        .collect()
}

/// Climbs from `start`: flips some elements between 0 and 1 and keeps what makes the error larger.
fn climb(
    network: &Deployment,
    (client, keys): &(Client, ServerKeys),
    start: Vec<f32>,
    steps: usize,
    draw: &mut Draw,
) -> f64 {
    let bound = network.server.predicted_error();
    let measure = |x: &[f32]| {
        let error = network.error(client, keys, x);
        assert!(error <= bound, "error {error:.2e} beyond the bound {bound:.2e}");
        error
    };
    let mut best = (measure(&start), start);
    for step in 0..steps {
        // Coarse first: a quarter of all elements, then ever fewer.
        let flips = (best.1.len() >> (2 + step * 6 / steps)).max(1);
        let mut x = best.1.clone();
        for _ in 0..flips {
            let at = draw.next() as usize % x.len();
            x[at] = 1.0 - x[at];
        }
        let error = measure(&x);
        if error > best.0 {
            best = (error, x);
        }
    }
    best.0
}

/// Climbs on a network whose first layer is dense, calibrated on the corners that the layer can reach, from several starts.
fn search(bundle: Bundle, starts: usize, steps: usize) -> (f64, f64) {
    let corners = extremes(&bundle.checkpoint, "fc1.weight");
    let elements = bundle.data.elements;
    let seen = [bundle.data.inputs.clone(), corners.concat()].concat();
    let ranges = bundle.model.calibrate(&bundle.checkpoint, &seen).unwrap();
    let network = Deployment::with(bundle, Goal::latency().ranges(&ranges));
    let client = network.client();
    let mut draw = Draw(0x5eed);
    let mut worst = 0.0f64;
    for start in 0..starts {
        let from = match start {
            0 => vec![0.0; elements],
            1 => vec![1.0; elements],
            2 => (0..elements).map(|i| (i % 2) as f32).collect(),
            _ if start % 2 == 1 => corners[draw.next() as usize % corners.len()].clone(),
            _ => draw.corner(elements),
        };
        worst = worst.max(climb(&network, &client, from, steps, &mut draw));
    }
    let bound = network.server.predicted_error();
    eprintln!(
        "{}: largest error found {worst:.2e}, bound {bound:.2e}",
        network.model().name()
    );
    assert!(
        bound <= SLACK_MAX * worst,
        "bound {bound:.2e} for errors up to {worst:.2e}"
    );
    (worst, bound)
}

#[test]
fn no_input_found_exceeds_the_bound() {
    search(Bundle::open(mlp_square(), "mlp_square_mnist"), 6, 15);
}

/// Its outputs are the squares themselves, not sums of them.
#[he_nn::model(input = [16], depth = 2)]
fn shown_squares(x: Tensor, w: Weights) -> Tensor {
    square(linear(x, w.at("fc1"), Linear::out(1024)))
}

/// One output is a hundred times as large as the others: a bound from typical sizes would be exceeded by an error in it.
#[test]
fn an_output_far_above_the_typical_stays_within_the_bound() {
    let mut draw = Draw(7);
    let mut weight = |i: usize| {
        let size = if i < 16 { 4.0 } else { 0.04 };
        size * (draw.next() % 1000) as f32 / 1000.0
    };
    let weights = (0..1024 * 16).map(&mut weight).collect();
    let bundle = Bundle {
        model: shown_squares(),
        checkpoint: Checkpoint::from_tensors([
            (
                "fc1.weight".to_owned(),
                TensorData::new(&[1024, 16], weights).unwrap(),
            ),
            (
                "fc1.bias".to_owned(),
                TensorData::new(&[1024], vec![0.0; 1024]).unwrap(),
            ),
        ]),
        data: Data {
            inputs: vec![1.0; 16],
            elements: 16,
            labels: None,
            logits: None,
        },
    };
    search(bundle, 4, 20);
}

/// `cargo test --release --test error_search -- --ignored no_input`
#[test]
#[ignore = "a longer climb takes a minute"]
fn no_input_found_in_a_thousand_exceeds_the_bound() {
    search(Bundle::open(mlp_square(), "mlp_square_mnist"), 24, 40);
}

/// The bound against the largest error of some test inputs.
fn assert_tight(model: &'static Model, folder: &str, samples: usize) {
    let network = Deployment::new(model, folder, Goal::latency());
    let (client, keys) = network.client();
    let errors = (0..samples).map(|i| network.error(&client, &keys, network.samples(i, 1)));
    let (worst, bound) = (errors.fold(0.0, f64::max), network.server.predicted_error());
    eprintln!(
        "{folder}: largest error {worst:.2e}, bound {bound:.2e}, {:.0} times",
        bound / worst
    );
    assert!(worst <= bound, "{folder}: error {worst:.2e} beyond {bound:.2e}");
    assert!(
        bound <= SLACK_MAX * worst,
        "{folder}: bound {bound:.2e} for {worst:.2e}"
    );
}

#[test]
fn bounds_of_the_small_networks_are_tight() {
    assert_tight(logreg_heart(), "logreg_heart", 100);
    assert_tight(logreg_breast_cancer(), "logreg_breast_cancer", 100);
    assert_tight(mlp_square(), "mlp_square_mnist", 10);
    assert_tight(crypto_nets(), "cryptonets_mnist", 5);
}

/// `cargo test --release --test error_search -- --ignored lenet5`
#[test]
#[ignore = "LeNet-5 takes half a minute and 4 GB"]
fn the_bound_of_lenet5_is_tight() {
    assert_tight(lenet5(), "lenet5_poly3_mnist", 5);
}
