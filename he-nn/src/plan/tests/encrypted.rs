//! Plans of random networks on ciphertexts, in secure rings: within the derived bound.

use super::answer::Answer;
use super::random::network;
use crate::affine::tests::{inputs, model, weights};
use crate::layer::*;
use crate::model::Model;
use crate::plan::search::Choice;
use crate::plan::{Goal, Plan};

/// The error of the answer to one sample, its bound, and the plan.
fn error_and_bound(model: &'static Model, seed: u64) -> (f64, f64, Plan) {
    let checkpoint = weights(model, seed, false);
    let x = inputs(model, !seed, 1);
    let ranges = model.calibrate(&checkpoint, &x).expect("ranges");
    let plan = model
        .plan(&Goal::latency().ranges(&ranges).error(1e-3))
        .expect("a plan");
    let answer = Answer::to(&x, &plan, &checkpoint);
    let expected = model.run_clear(&checkpoint, &x).expect("runs");
    (answer.error(&expected), answer.bound, plan)
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
        let (error, bound, _) = error_and_bound(model, seed);
        eprintln!(
            "network {seed}, depth {}: error {error:.1e}, bound {bound:.1e}",
            model.depth()
        );
        assert!(error <= bound, "network {seed}: {error} beyond {bound}");
        held += 1;
    }
    assert_eq!(held, 3);
}

/// The skip stays where its convolution put it, the other branch folds its channels together.
#[test]
fn a_skip_is_brought_to_where_the_other_branch_ends() {
    let residual = model(&[2, 8, 8], |x, w| {
        let conv = |out: usize| Conv2d::out(out).kernel(3).padding(1);
        let skip = square(conv2d(x, w.at("conv1"), conv(4).stride(2)));
        let x = square(conv2d(skip, w.at("conv2"), conv(4)));
        let x = add(conv2d(x, w.at("conv3"), conv(4)), skip);
        linear(flatten(square(x)), w.at("fc"), Linear::out(3))
    });
    let (error, bound, plan) = error_and_bound(residual, 3);
    let brought = |choice: &Choice| matches!(choice, Choice::Brought { moved: 1, .. });
    assert!(plan.packing.choices.iter().any(brought), "{plan}");
    assert!(error <= bound, "{error} beyond {bound}");
}
