//! Inverses and inverse square roots: their stages on floats, their programs in the clear, and on ciphertexts, leveled and with refreshes
//! between steps.

use super::answer::Answer;
use super::refreshed::{Deployment, samples, small_with};
use super::trial::{Tally, attempt_stages};
use crate::affine::tests::{difference, inputs, model, weights};
use crate::layer::*;
use crate::model::Model;
use crate::plan::Goal;
use crate::prelude::{Tensor, Weights};
use crate::{Checkpoint, Error};

const WIDE: Positive = Positive::between(0.05, 2.0).precision(1e-4);

/// Squares of a layer's results, and a constant that keeps them away from 0.
fn positive(x: Tensor<'static>, w: Weights<'static>) -> Tensor<'static> {
    let x = square(linear(x, w.at("fc"), Linear::out(6)));
    add(scale(x, 0.2), w.param("offset.var", [6]))
}

/// Behind a layer, a sum that waits, a product, a rearrangement and the input, followed by layers, sums and products.
fn everywhere(on: Positive) -> [(&'static str, &'static Model); 6] {
    [
        ("behind a sum", model(&[6], |x, w| inverse(positive(x, w), on))),
        (
            "behind a layer",
            model(&[6], |x, w| {
                let x = linear(
                    scale(positive(x, w), 0.1),
                    w.at("mix.scale"),
                    Linear::out(4).bias(false),
                );
                inverse_sqrt(add(x, w.param("shift.var", [4])), on)
            }),
        ),
        (
            "a quotient",
            model(&[6], |x, w| {
                let below = inverse(positive(x, w), on);
                linear(mul(x, below), w.at("fc3"), Linear::out(3))
            }),
        ),
        (
            "a normalisation",
            model(&[6], |x, w| {
                let x = linear(x, w.at("fc1"), Linear::out(6));
                let size = add(scale(square(x), 0.2), w.param("epsilon.var", [6]));
                mul(x, inverse_sqrt(size, on))
            }),
        ),
        (
            "with a skip",
            model(&[2, 3], |x, w| {
                let x = add(scale(square(x), 0.4), w.param("offset.var", [2, 3]));
                let y = inverse_sqrt(transpose(x, 0, 1), on);
                add(reshape(y, [2, 3]), x)
            }),
        ),
        (
            "of few levels",
            model(&[6], |x, w| {
                let on = Positive::between(0.4, 1.8).precision(0.4);
                inverse_sqrt(
                    inverse(positive(x, w), on),
                    Positive::between(0.3, 3.0).precision(0.4),
                )
            }),
        ),
    ]
}

#[test]
fn stages_are_as_near_to_the_graph_as_the_approximation() {
    for (name, network) in everywhere(WIDE) {
        let error = difference(network, 4, false);
        eprintln!("{name}: {error:.1e}");
        let most = if name == "of few levels" { 0.5 } else { 2e-4 };
        assert!((1e-12..most).contains(&error), "{name}: {error}");
    }
    for precision in [0.5, 1e-2, 1e-5, 1e-9] {
        for (lo, hi) in [(0.19, 0.65), (0.1, 2.0), (1e-2, 3.0), (1e-4, 10.0)] {
            let on = Positive::between(lo, hi).precision(precision);
            let last = |x: Tensor<'static>, w: Weights<'static>| {
                add(scale(square(x), 0.03), w.param("low.var", [9]))
            };
            let network = model(&[9], |x, w| inverse(scale(last(x, w), 0.4), on));
            let error = difference(network, 4, false);
            assert!(
                error <= 1.01 * precision + 1e-12,
                "{lo} {hi} {precision}: {error}"
            );
            let network = model(&[9], |x, w| inverse_sqrt(scale(last(x, w), 0.4), on));
            let error = difference(network, 4, false);
            assert!(
                error <= 1.01 * precision + 1e-12,
                "{lo} {hi} {precision}: {error}"
            );
        }
    }
}

#[test]
fn programs_compute_what_the_stages_say() {
    let mut tally = Tally::default();
    for (name, network) in everywhere(Positive::between(0.05, 2.0).precision(1e-2)) {
        for (slots, batch) in [(64, 1), (256, 8)] {
            tally.add(name, attempt_stages(network, 5, slots, batch));
        }
    }
    tally.assert_right();
    assert_eq!(tally.unpacked(), 0);
}

/// Encrypted against the exact functions, within the bound and the precision asked for, on a goal's own parameters.
fn encrypted(name: &str, network: &'static Model, distance: f64) {
    let checkpoint = weights(network, 4, false);
    let x = inputs(network, 8, 1);
    let ranges = network.calibrate(&checkpoint, &x).expect("ranges");
    let plan = network
        .plan_for(&Goal::latency().ranges(&ranges), &checkpoint)
        .expect("a plan");
    assert!(plan.chain().top_level() as u32 <= network.depth());
    let answer = Answer::to(&x, &plan, &checkpoint);
    let expected = network.run_clear(&checkpoint, &x).expect("runs");
    let (error, bound) = (answer.error(&expected), answer.bound);
    eprintln!("{name}: error {error:.1e}, bound {bound:.1e} and {distance:.1e}");
    assert!(
        error <= bound + distance,
        "{name}: {error} beyond {bound} and {distance}"
    );
    assert!(bound <= 1e-3, "{name}: a bound of {bound}");
}

#[test]
fn leveled_inverses_stay_within_their_bound() {
    let on = Positive::between(0.25, 2.0).precision(1e-3);
    let network = model(&[6], |x, w| inverse(positive(x, w), on));
    encrypted("inverses", network, 4e-3);
    let network = model(&[6], |x, w| inverse_sqrt(positive(x, w), on));
    encrypted("inverse square roots", network, 2e-3);
}

/// Layers of random weights, each element of which is divided by the root of its square and a constant.
#[he_nn::model(input = [16], bootstrap)]
fn normalised_layers(x: Tensor, w: Weights) -> Tensor {
    let on = Positive::between(0.25, 4.0);
    let mut x = x;
    for i in 0..2 {
        x = linear(x, w.at("layer").idx(i), Linear::out(16));
        let size = scale(square(x), 0.2) + w.at("epsilon").idx(i).param("var", [16]);
        x = x * inverse_sqrt(size, on);
    }
    linear(x, w.at("fc"), Linear::out(4))
}

/// Squares by themselves and a constant: what saturates.
#[he_nn::model(input = [16], bootstrap)]
fn shares(x: Tensor, w: Weights) -> Tensor {
    let x = square(linear(x, w.at("layer"), Linear::out(16)));
    x * inverse(x + w.param("epsilon.var", [16]), Positive::between(0.25, 16.0))
}

#[test]
fn steps_are_refreshed_one_by_one() {
    for model in [normalised_layers(), shares()] {
        let deployment = Deployment::made(model, &small_with(6), weights(model, 3, false), &samples(model));
        let text = deployment.plan.to_string();
        eprintln!("{text}");
        let names = deployment.refreshed();
        assert!(names.iter().any(|name| name.starts_with("inverse")), "{text}");
        deployment.agrees_within(2e-3);
    }
}

fn identity() -> (&'static Model, Checkpoint) {
    let network = model(&[3], |x, _| inverse(x, Positive::between(0.1, 0.9)));
    (network, weights(network, 1, false))
}

#[test]
fn values_outside_of_the_interval_are_reported() {
    let (network, checkpoint) = identity();
    for beyond in [0.09, 0.91, -0.5, 0.0] {
        let error = network
            .run_clear(&checkpoint, &[0.5, beyond, 0.4])
            .expect_err("leaves its interval");
        let (low, high) = (0.1, 0.9);
        assert!(
            matches!(error, Error::OutsideInterval { found, lo, hi, .. } if found == f64::from(beyond) && lo == low && hi == high),
            "{error}"
        );
        assert!(error.to_string().contains("entering `inverse` at "), "{error}");
    }
    assert!(network.run_clear(&checkpoint, &[0.5, 0.11, 0.89]).is_ok());
}
