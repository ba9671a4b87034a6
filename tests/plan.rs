//! Plans of the bundled networks: the packed program, run in the clear, gives the stored logits.

use he_core::program::{Slots, clear};
use he_nn::checkpoint::TensorData;
use he_nn::lower::FilledWeights;
use he_nn::plan::{Goal, Plan};
use he_nn::prelude::*;
use he_nn::{Checkpoint, Model, Server};

mod support;
use support::Bundle;
use support::models::{crypto_nets, lenet5, mlp_square};

/// One level short of the network's three.
const SHALLOW: Params = Params {
    log_n: 13,
    base: &[1125899906629633],
    levels: &[&[1073692673]],
    returned: &[],
    special: &[1125899905744897],
    log2_scale: 30.0,
    security: Security::Bits128,
}
.checked();

#[he_nn::model(input = [784], depth = 3, params = SHALLOW)]
fn pinned_too_shallow(x: Tensor, w: Weights) -> Tensor {
    let x = square(linear(x, w.at("fc1"), Linear::out(128)));
    linear(x, w.at("fc2"), Linear::out(10))
}

/// Runs a plan's program on plain numbers for one sample.
fn run(plan: &Plan, checkpoint: &Checkpoint, sample: &[f32]) -> Vec<f64> {
    let spec = plan.client_spec();
    let slots = plan.chain().slots();
    let layout = spec.inputs[0].arrangement.layout(slots);
    let weights = plan.weights(checkpoint).unwrap();
    let filled = FilledWeights::new(plan.recipes(), &weights);
    let inputs = spec.inputs[0].slots(&layout, |element| f64::from(sample[element as usize]));
    let inputs = inputs.into_iter().map(Slots::from).collect();
    let outputs = clear::run(plan.program(), &filled, &[inputs]).unwrap();
    let port = &spec.outputs[0];
    port.places
        .iter()
        .map(|place| {
            place.map_or(0.0, |(tile, slot)| {
                outputs[0][tile as usize].get(slot as usize).re * port.factor
            })
        })
        .collect()
}

fn check(model: &'static Model, folder: &str) {
    let Bundle { checkpoint, data, .. } = Bundle::open(model, folder);
    let ranges = model
        .calibrate(&checkpoint, &data.inputs[..32 * data.elements])
        .unwrap();
    let plan = model.plan(&Goal::latency().ranges(&ranges)).unwrap();
    eprintln!("{plan}");
    assert!(plan.chain().top_level() as u32 <= model.depth());
    for sample in [0, 7, 50] {
        let found = run(&plan, &checkpoint, data.sample(sample));
        for (found, expected) in found.iter().zip(data.logits(sample).unwrap()) {
            assert!(
                (found - f64::from(*expected)).abs() < 1e-4,
                "sample {sample}: {found} {expected}"
            );
        }
    }
}

#[test]
fn mlp_square_gives_the_stored_logits() {
    check(mlp_square(), "mlp_square_mnist");
}

#[test]
fn crypto_nets_gives_the_stored_logits() {
    check(crypto_nets(), "cryptonets_mnist");
}

#[test]
fn lenet5_gives_the_stored_logits() {
    check(lenet5(), "lenet5_poly3_mnist");
}

#[test]
fn pinned_parameters_are_used_or_refused_never_ignored() {
    let refused = pinned_too_shallow()
        .plan(&Goal::latency())
        .unwrap_err()
        .to_string();
    assert!(
        refused.starts_with("pinned parameters: found 1 levels, expected 3 levels"),
        "{refused}"
    );
}

#[test]
fn the_error_asked_for_holds_for_the_weights_at_hand() {
    let Bundle { checkpoint, data, .. } = Bundle::open(crypto_nets(), "cryptonets_mnist");
    let ranges = crypto_nets().calibrate(&checkpoint, &data.inputs).unwrap();
    let goal = Goal::latency().ranges(&ranges);
    let bound = |plan: &Plan| plan.predicted_error(&checkpoint).unwrap();
    let plain = crypto_nets().plan(&goal).unwrap();
    // What the estimate gives is enough: nothing is planned again.
    let asked = bound(&plain);
    let same = crypto_nets()
        .plan_for(&goal.clone().error(asked), &checkpoint)
        .unwrap();
    assert!(bound(&same) <= asked);
    // An error that the estimate misses.
    let missed = (1..20)
        .map(|k| 1e-2 / f64::from(k))
        .find(|&error| bound(&crypto_nets().plan(&goal.clone().error(error)).unwrap()) > error);
    let error = missed.expect("an error for which the estimate is too hopeful");
    let plan = crypto_nets()
        .plan_for(&goal.clone().error(error), &checkpoint)
        .unwrap();
    assert!(bound(&plan) <= error, "{} for {error}", bound(&plan));
    // What is known of one checkpoint is not taken for another.
    let tensors = checkpoint.names().map(|name| {
        let tensor = checkpoint.get(name).unwrap();
        let values = tensor.to_f64().iter().map(|&x| x as f32 / 2.0).collect();
        (name.to_owned(), TensorData::new(tensor.shape(), values).unwrap())
    });
    let halved = Checkpoint::from_tensors(tensors);
    assert!(plan.predicted_error(&halved).unwrap() < bound(&plan));
    assert_eq!(
        Server::new(&plan, &checkpoint).unwrap().predicted_error(),
        bound(&plan)
    );
    let far = crypto_nets().plan_for(&goal.error(1e-14), &checkpoint);
    assert!(matches!(far, Err(he_nn::Error::Infeasible { .. })), "{far:?}");
}
