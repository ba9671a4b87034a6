//! Polynomials above degree 3 on ciphertexts: a row of coefficients for each channel, in batches, and arguments that nothing scales.

use super::answer::Answer;
use crate::affine::Stages;
use crate::affine::tests::{inputs, model, weights};
use crate::layer::*;
use crate::model::Model;
use crate::plan::Goal;

/// The largest error over a full batch, and its bound.
fn error_and_bound(model: &'static Model, goal: Goal, batch: u32) -> (f64, f64) {
    let checkpoint = weights(model, 4, true);
    let x = inputs(model, 8, batch as usize);
    let ranges = model.calibrate(&checkpoint, &x).expect("ranges");
    let plan = model
        .plan(&goal.batch(batch).ranges(&ranges).error(1e-3))
        .expect("a plan");
    assert_eq!(plan.chain().top_level() as u32, model.depth());
    let answer = Answer::to(&x, &plan, &checkpoint);
    // The stages on floats, in place of the graph: the error of a fit is not the encryption's.
    let stages = Stages::new(model, Some(&ranges)).expect("stages");
    let loaded = stages.load(&checkpoint).expect("fits");
    let expected = x.chunks(x.len() / batch as usize).flat_map(|x| {
        let x: Vec<f64> = x.iter().map(|&x| f64::from(x)).collect();
        loaded.outputs(&[&x]).expect("runs").concat()
    });
    let expected: Vec<f64> = expected.collect();
    (answer.error(&expected), answer.bound)
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
