//! Rectified linear units and signs by composites: their stages on floats, their programs in the clear, and on ciphertexts, leveled and
//! with refreshes between members.

use he_core::program::{Slots, clear};

use super::answer::Answer;
use super::refreshed::{Deployment, small_with};
use super::trial::{Tally, attempt_stages};
use crate::affine::tests::{Numbers, difference, inputs, model, weights};
use crate::affine::{Kind, Stages};
use crate::checkpoint::TensorData;
use crate::client::InputPort;
use crate::layer::*;
use crate::lower::FilledWeights;
use crate::model::Model;
use crate::plan::Goal;
use crate::plan::search::Choice;
use crate::prelude::{Tensor, Weights};
use crate::{Checkpoint, Error, Ranges};

const UNIT: Approx = Approx::composite(&[7, 7, 13]);
const FINE: Approx = Approx::composite(&[15, 15, 27]);

/// Units behind a layer, a sum, a batch norm, a product and the input.
fn everywhere(approx: Approx) -> [(&'static str, &'static Model); 6] {
    let layer = |x: Tensor<'static>, w: Weights<'static>, name| linear(x, w.at(name), Linear::out(6));
    [
        (
            "behind a layer",
            model(&[6], |x, w| relu(layer(x, w, "fc"), approx)),
        ),
        (
            "behind a skip",
            model(&[6], |x, w| {
                let x = layer(x, w, "fc1");
                let x = add(relu(x, approx), layer(x, w, "fc2"));
                layer(add(x, relu(x, approx)), w, "fc3")
            }),
        ),
        (
            "behind a batch norm that waits",
            model(&[6], |x, w| relu(batch_norm1d(square(x), w.at("bn")), approx)),
        ),
        (
            "behind a product",
            model(&[6], |x, w| {
                let x = mul(layer(x, w, "fc1"), layer(x, w, "fc2"));
                layer(relu(scale(x, -3.0), approx), w, "fc3")
            }),
        ),
        ("behind the input", model(&[6], |x, _| relu(x, approx))),
        (
            "one behind another",
            model(&[6], |x, w| {
                relu(scale(relu(layer(x, w, "fc"), approx), -1.0), approx)
            }),
        ),
    ]
}

#[test]
fn stages_are_as_near_to_the_graph_as_the_approximation() {
    for (name, network) in everywhere(FINE) {
        let error = difference(network, 4, false);
        eprintln!("{name}: {error:.1e}");
        assert!((1e-9..2e-3).contains(&error), "{name}: {error}");
    }
    // Plain polynomials are smooth functions' way.
    let network = model(&[6], |x, w| {
        relu(
            linear(x, w.at("fc"), Linear::out(6)),
            Approx::degree(12).range(2.0),
        )
    });
    let error = difference(network, 4, false);
    assert!((1e-9..0.1).contains(&error), "{error}");
}

#[test]
fn sums_and_units_are_held_at_the_factor_that_composites_want() {
    let [_, (_, skip), (_, waits), (_, product), ..] = everywhere(UNIT);
    let arguments = |network: &'static Model| -> Vec<f64> {
        let stages = Stages::new(network, Some(&Ranges::assumed(network, 4.0))).expect("stages");
        let argument = |kind: &Kind| match kind {
            Kind::Polynomial { argument, .. } => Some(*argument),
            _ => None,
        };
        stages
            .list()
            .iter()
            .filter_map(|stage| argument(&stage.kind))
            .collect()
    };
    assert_eq!(arguments(skip), [1.0; 6]);
    assert_eq!(arguments(waits), [1.0; 3]);
    // What is multiplied keeps its values, and is brought to the interval by a product of its own.
    assert!(arguments(product)[0] != 1.0);
}

#[test]
fn programs_compute_what_the_stages_say() {
    let mut tally = Tally::default();
    for (name, network) in everywhere(UNIT) {
        for (slots, batch) in [(64, 1), (256, 8)] {
            tally.add(name, attempt_stages(network, 5, slots, batch));
        }
    }
    let signs = model(&[4, 5, 5], |x, w| {
        let x = sign(conv2d(x, w.at("conv"), Conv2d::out(3).kernel(3).stride(2)), UNIT);
        linear(flatten(x), w.at("fc"), Linear::out(4))
    });
    tally.add("signs", attempt_stages(signs, 5, 256, 1));
    tally.assert_right();
    assert_eq!(tally.unpacked(), 0);
}

/// Encrypted against the exact functions, within the bound.
fn encrypted(name: &str, network: &'static Model, seed: u64) {
    let checkpoint = weights(network, seed, false);
    let x = inputs(network, 8, 1);
    let ranges = network.calibrate(&checkpoint, &x).expect("ranges");
    let goal = Goal::latency().ranges(&ranges);
    let plan = network.plan(&goal).expect("a plan");
    assert!(plan.chain().top_level() as u32 <= network.depth());
    let answer = Answer::to(&x, &plan, &checkpoint);
    let expected = network.run_clear(&checkpoint, &x).expect("runs");
    let (error, bound) = (answer.error(&expected), answer.bound);
    eprintln!("{name}: error {error:.1e}, bound {bound:.1e}");
    assert!(error <= bound, "{name}: {error} beyond {bound}");
    assert!(bound < 0.5, "{name}: a bound of {bound} says nothing");
}

#[test]
fn leveled_units_stay_within_their_bound() {
    let network = model(&[6], |x, w| {
        let x = relu(
            linear(x, w.at("fc1"), Linear::out(6)),
            Approx::composite(&[7, 15]),
        );
        linear(x, w.at("fc2"), Linear::out(3))
    });
    encrypted("a unit", network, 4);
    let network = model(&[6], |x, w| {
        let x = sign(
            linear(x, w.at("fc1"), Linear::out(6)),
            Approx::composite(&[7, 15]),
        );
        linear(x, w.at("fc2"), Linear::out(3))
    });
    encrypted("signs", network, 4);
}

/// Residual blocks of a random layer and a rectified linear unit.
#[he_nn::model(input = [64], bootstrap)]
fn residual_units(x: Tensor, w: Weights) -> Tensor {
    let mut x = x;
    for i in 0..3 {
        x = x + relu(linear(x, w.at("layer").idx(i), Linear::out(64)), FINE);
    }
    linear(x, w.at("fc"), Linear::out(10))
}

/// Blocks whose layers deliver their results in other slots than they read them from.
#[he_nn::model(input = [100], bootstrap)]
fn scattered_units(x: Tensor, w: Weights) -> Tensor {
    let mut x = linear(x, w.at("features"), Linear::out(32));
    for i in 0..3 {
        x = x + relu(linear(x, w.at("layer").idx(i), Linear::out(32)), FINE);
    }
    linear(x, w.at("fc"), Linear::out(10))
}

/// Signs behind layers that narrow.
#[he_nn::model(input = [64], bootstrap)]
fn narrow_signs(x: Tensor, w: Weights) -> Tensor {
    let x = linear(x, w.at("down"), Linear::out(8));
    let x = sign(x, UNIT);
    linear(x, w.at("fc"), Linear::out(5))
}

#[test]
fn members_are_refreshed_one_by_one() {
    let deployment = Deployment::with(residual_units(), &small_with(6));
    let text = deployment.plan.to_string();
    eprintln!("{text}");
    let within = deployment
        .refreshed()
        .into_iter()
        .filter(|name| name.starts_with("relu"));
    // Fifteen levels a block, of which a path has five between refreshes.
    assert!(within.count() >= 3, "{text}");
    // At most the first layer folds into slots of which some hold parts of sums.
    assert!(deployment.fronts() < 3, "{text}");
    deployment.agrees();
}

#[test]
fn a_sum_that_lacks_a_level_is_planned_again() {
    let deployment = Deployment::with(scattered_units(), &small_with(11));
    let text = deployment.plan.to_string();
    eprintln!("{text}");
    assert!(text.contains("neither path has a level to spare"), "{text}");
    assert!(!deployment.plan.translated.network.spared.is_empty(), "{text}");
    deployment.agrees();
}

/// Every slot of every value, in the clear: the largest.
fn largest_slot(deployment: &Deployment, x: &[f32]) -> f64 {
    let plan = &deployment.plan;
    let weights = plan.weights(&deployment.checkpoint).expect("weights");
    let plains = FilledWeights::new(plan.recipes(), &weights);
    let mut choices = plan.packing.choices.iter().zip(&plan.packing.layouts);
    let tiles = choices.find_map(|(choice, layout)| match choice {
        Choice::Input { complex, .. } => Some(InputPort::slots_of(layout, *complex, |e| {
            f64::from(x[e as usize])
        })),
        _ => None,
    });
    let tiles: Vec<Slots> = tiles.expect("an input").into_iter().map(Slots::from).collect();
    let mut largest = 0.0;
    clear::run_observed(plan.program(), &plains, &[tiles], |_, tiles| {
        largest = tiles.iter().map(Slots::max_abs).fold(largest, f64::max);
    })
    .expect("runs");
    largest
}

/// Weights whose rows add up to little, and whose halves do not: what stands in slots that hold no element is far beyond the range.
fn cancelling(model: &Model) -> Checkpoint {
    let mut numbers = Numbers(3);
    Checkpoint::from_tensors(model.manifest().parameters.into_iter().map(|parameter| {
        let columns = parameter.shape.get(1).copied().unwrap_or(1);
        let half = |i: usize| if i % columns < columns / 2 { 4.0 } else { -4.0 };
        let cancels = parameter.name == "down.weight";
        let weight = |i: usize| (0.1 * numbers.next() + if cancels { half(i) } else { 0.0 }) as f32;
        let values: Vec<f32> = (0..parameter.shape.iter().product()).map(weight).collect();
        let tensor = TensorData::new(&parameter.shape, values).expect("as many as the shape says");
        (parameter.name, tensor)
    }))
}

#[test]
fn slots_without_an_element_are_cleared_in_front_of_composites() {
    let model = narrow_signs();
    let x = [0.75; 64];
    let deployment = Deployment::made(model, &small_with(6), cancelling(model), &x);
    assert_eq!(deployment.fronts(), 1, "{}", deployment.plan);
    let largest = largest_slot(&deployment, &x);
    eprintln!("no slot beyond {largest}");
    // Partial sums divided by the range, and no powers of them.
    assert!((2.0..1e4).contains(&largest), "{largest}");
    deployment.agrees_on(&x);
}

/// What a polynomial makes of zero is not zero: sums over windows that reach beyond the elements must not meet it.
#[test]
fn functions_that_do_not_vanish_at_zero_are_pooled() {
    let mut tally = Tally::default();
    for degree in [4, 5] {
        let network = model(&[2, 5, 5], |x, w| {
            let x = conv2d(x, w.at("conv"), Conv2d::out(3).kernel(2));
            let x = sum_pool2d_with(
                sigmoid(x, Approx::degree(degree)),
                SumPool2d::kernel(3).stride(1).padding(1),
            );
            linear(flatten(x), w.at("fc"), Linear::out(4))
        });
        for (slots, batch) in [(64, 1), (256, 1), (512, 8)] {
            tally.add("pooled", attempt_stages(network, 5, slots, batch));
        }
    }
    tally.assert_right();
}

#[test]
fn a_value_beyond_the_range_of_a_unit_is_reported() {
    let network = model(&[6], |x, w| {
        relu(linear(x, w.at("fc"), Linear::out(6)), UNIT.range(0.01))
    });
    let checkpoint = weights(network, 4, false);
    let error = network
        .run_clear(&checkpoint, &[1.0; 6])
        .expect_err("leaves its range");
    assert!(
        matches!(error, Error::OutOfRange { expected, .. } if expected == 0.01),
        "{error}"
    );
    assert!(error.to_string().contains("entering `relu` at "), "{error}");
}

#[test]
fn units_without_any_range_say_so() {
    let network = model(&[6], |x, w| relu(linear(x, w.at("fc"), Linear::out(6)), UNIT));
    let error = network.plan(&Goal::latency()).expect_err("no range");
    assert!(matches!(error, Error::MissingRange { .. }), "{error}");
}
