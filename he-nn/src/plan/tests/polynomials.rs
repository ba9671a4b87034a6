//! Polynomials above degree 3 on ciphertexts: a row of coefficients for each channel, in batches, and arguments that nothing scales.

use crate::affine::Stages;
use crate::affine::tests::{Numbers, model, weights};
use crate::graph::NodeId;
use crate::layer::*;
use crate::model::Model;
use crate::plan::Goal;
use crate::{Client, Server};

/// The largest error over a full batch, and its bound.
fn error_and_bound(model: &'static Model, goal: Goal, batch: u32) -> (f64, f64) {
    let checkpoint = weights(model, 4, true);
    let mut numbers = Numbers(8);
    let elements = model.node(NodeId(0)).shape.elements();
    let x: Vec<f32> = (0..elements * batch as usize)
        .map(|_| numbers.next() as f32)
        .collect();
    let ranges = model.calibrate(&checkpoint, &x).expect("ranges");
    let plan = model
        .plan(&goal.batch(batch).ranges(&ranges).error(1e-3))
        .expect("a plan");
    assert_eq!(plan.chain().top_level() as u32, model.depth());
    let server = Server::new(&plan, &checkpoint).expect("a server");
    let client = Client::new(server.client_spec()).expect("a client");
    let keys = server.load_keys(client.evaluation_keys()).expect("keys");
    let request = client.encrypt(&x).expect("a request");
    let reply = server.infer(&keys, &request).expect("a reply");
    let found = client.decrypt(&reply).expect("an answer");
    // The stages on floats, in place of the graph: the error of a fit is not the encryption's.
    let stages = Stages::new(model, Some(&ranges)).expect("stages");
    let loaded = stages.load(&checkpoint).expect("fits");
    let expected = x.chunks(elements).flat_map(|x| {
        let x: Vec<f64> = x.iter().map(|&x| f64::from(x)).collect();
        loaded.outputs(&[&x]).expect("runs").concat()
    });
    let expected: Vec<f64> = expected.collect();
    assert_eq!(found.len(), expected.len());
    let errors = found
        .iter()
        .zip(&expected)
        .map(|(&a, b)| (f64::from(a) - b).abs());
    (errors.fold(0.0, f64::max), server.predicted_error())
}

fn hold(name: &str, (error, bound): (f64, f64)) {
    eprintln!("{name}: error {error:.1e}, bound {bound:.1e}");
    assert!(error <= bound, "{name}: {error} beyond {bound}");
    assert!(bound < 0.1, "{name}: a bound of {bound} says nothing");
}

#[test]
fn channels_have_polynomials_of_their_own_in_batches() {
    for degree in 4..=7 {
        let network = model(&[2, 6, 6], |x, w| {
            let x = conv2d(x, w.at("conv"), Conv2d::out(3).kernel(3).stride(2));
            let x = polynomial(x, w.at("act"), degree);
            linear(flatten(x), w.at("fc"), Linear::out(4))
        });
        let held = error_and_bound(network, Goal::throughput(), 16);
        hold(&format!("degree {degree} in a batch of 16"), held);
    }
}

#[test]
fn no_layer_in_front_costs_no_level() {
    let network = model(&[8], |x, w| polynomial(polynomial(x, w.at("a"), 5), w.at("b"), 4));
    hold("twice", error_and_bound(network, Goal::latency(), 1));
    let network = model(&[8], |x, w| {
        let x = square(linear(x, w.at("fc"), Linear::out(8)));
        tanh(scale(x, 2.0), Approx::degree(5))
    });
    // All elements share one fit, on a wide interval.
    hold(
        "fitted behind a square",
        error_and_bound(network, Goal::latency(), 1),
    );
}
