//! Annotated models with `bootstrap`: planned on a small ring without security, run by client and server over the wire.
//!
//! The whole size, set B16 and the features of the bundled digits: `cargo run --release --example residual_chain`.

use std::sync::Arc;

use he_core::bootstrap::BootstrapSpec;
use he_core::ckks::Context;
use he_core::params::InsecureChain;

use super::answer::Answer;
use crate::affine::tests::{Numbers, inputs};
use crate::checkpoint::TensorData;
use crate::graph::BOOTSTRAP_LEVELS;
use crate::model::Model;
use crate::plan::network::StepKind;
use crate::plan::translate::Source;
use crate::plan::{Goal, Plan};
use crate::prelude::*;
use crate::{Checkpoint, Client, Error, EvaluationKeys, Server, Sharing};

/// Residual blocks of a random layer and a square.
#[he_nn::model(input = [64], bootstrap)]
fn residual_chain(x: Tensor, w: Weights) -> Tensor {
    let mut x = x;
    for i in 0..6 {
        x = x + square(linear(x, w.at("layer").idx(i), Linear::out(64)));
    }
    linear(x, w.at("fc"), Linear::out(10))
}

/// Blocks of which every other narrows its input to one eighth in between.
#[he_nn::model(input = [64], bootstrap)]
fn hourglasses(x: Tensor, w: Weights) -> Tensor {
    let mut x = x;
    for i in 0..4 {
        x = square(linear(x, w.at("down").idx(i), Linear::out(8)));
        x = linear(x, w.at("up").idx(i), Linear::out(64));
    }
    x
}

/// Forty layers of random weights and squares.
#[he_nn::model(input = [64], bootstrap)]
fn forty_layers(x: Tensor, w: Weights) -> Tensor {
    let mut x = x;
    for i in 0..40 {
        x = square(linear(x, w.at("layer").idx(i), Linear::out(64)));
    }
    x
}

/// Levels of set B16-lite on a small ring, and few between two refreshes.
fn small() -> BootstrapSpec {
    small_with(5)
}

/// The same with so many levels between two refreshes, and one.
pub(super) fn small_with(work: usize) -> BootstrapSpec {
    BootstrapSpec {
        log_n: 10,
        work,
        eval_bits: vec![60; BootstrapSpec::b16_lite().eval_mod_levels()],
        message_ratio_bits: 13.0,
        special_bits: vec![50; 4],
        terminal_bits: vec![],
        ..BootstrapSpec::b16_lite()
    }
}

fn chain(spec: &BootstrapSpec) -> InsecureChain {
    spec.chain().build_insecure().expect("a chain")
}

/// Weights that keep values of order one through all squares.
fn weights(model: &Model) -> Checkpoint {
    let mut numbers = Numbers(7);
    Checkpoint::from_tensors(model.manifest().parameters.into_iter().map(|parameter| {
        let inputs: usize = parameter.shape.iter().skip(1).product();
        let size = if inputs > 1 {
            1.0 / (inputs as f64).sqrt()
        } else {
            0.1
        };
        let values = (0..parameter.shape.iter().product()).map(|_| (size * numbers.next()) as f32);
        let tensor = TensorData::new(&parameter.shape, values.collect()).expect("as many as the shape says");
        (parameter.name, tensor)
    }))
}

/// Samples that the model is calibrated on: the one that is run, and others.
pub(super) fn samples(model: &Model) -> Vec<f32> {
    (0..8).flat_map(|seed| inputs(model, seed, 1)).collect()
}

/// What a message carries besides its frames, at most.
const ENVELOPE_BYTES_MAX: usize = 256;

pub(super) struct Deployment {
    pub(super) model: &'static Model,
    pub(super) checkpoint: Checkpoint,
    pub(super) plan: Plan,
    context: Arc<Context>,
}

impl Deployment {
    fn new(model: &'static Model) -> Self {
        Self::with(model, &small())
    }

    pub(super) fn with(model: &'static Model, spec: &BootstrapSpec) -> Self {
        Self::made(model, spec, weights(model), &samples(model))
    }

    pub(super) fn made(
        model: &'static Model,
        spec: &BootstrapSpec,
        checkpoint: Checkpoint,
        samples: &[f32],
    ) -> Self {
        let ranges = model.calibrate(&checkpoint, samples).expect("ranges");
        let chain = chain(spec);
        let goal = Goal::latency()
            .ranges(&ranges)
            .bootstrap(spec.clone())
            .chain(chain.chain().clone());
        Deployment {
            plan: model.plan(&goal).expect("a plan"),
            context: Context::new_insecure(chain).expect("tables"),
            model,
            checkpoint,
        }
    }

    /// Encrypted against clear, within the bound that the server derives.
    pub(super) fn agrees(&self) {
        self.agrees_within(0.0);
    }

    /// The same where approximations come as near to the clear model as this.
    pub(super) fn agrees_within(&self, distance: f64) {
        for seed in 0..2 {
            self.compare(&inputs(self.model, seed, 1), distance);
        }
    }

    pub(super) fn agrees_on(&self, x: &[f32]) {
        self.compare(x, 0.0);
    }

    fn compare(&self, x: &[f32], distance: f64) {
        let server = Server::on(&self.plan, &self.checkpoint, self.context.clone()).expect("a server");
        let client = Client::insecure(server.client_spec(), &self.context).expect("a client");
        let sent = client.evaluation_keys().to_bytes();
        let predicted = server.client_spec().evaluation_key_bytes() as usize;
        assert!(
            (predicted..predicted + ENVELOPE_BYTES_MAX).contains(&sent.len()),
            "{predicted}, {}",
            sent.len()
        );
        let keys = server
            .load_keys(EvaluationKeys::from_bytes(&sent).expect("keys"))
            .expect("loads");
        assert_eq!(keys.bytes() as u64, self.plan.bill().resident_key_bytes);
        assert_eq!(server.model_bytes() as u64, self.plan.bill().resident_plain_bytes);
        let answer = Answer::by(&server, &client, &keys, x);
        let expected = self.model.run_clear(&self.checkpoint, x).expect("runs");
        let (error, bound) = (answer.error(&expected), answer.bound);
        eprintln!("{}: error {error:.1e}, bound {bound:.1e}", self.model.name());
        assert!(error <= bound + distance, "error {error}, bound {bound}");
        assert!(bound < 0.05, "the bound {bound} says nothing");
    }

    /// How many operands of composites are brought to their interval by a product of their own.
    pub(super) fn fronts(&self) -> usize {
        let sources = self.plan.translated.sources.iter();
        sources
            .filter(|source| matches!(source, Source::Front(_)))
            .count()
    }

    /// Names of the values that are refreshed.
    pub(super) fn refreshed(&self) -> Vec<&str> {
        let steps = self.plan.translated.network.steps.iter();
        let refreshed = steps.filter(|step| matches!(step.kind, StepKind::Refresh { .. }));
        refreshed.map(|step| step.name.as_str()).collect()
    }
}

#[test]
fn a_residual_chain_is_refreshed_and_agrees_with_the_clear_one() {
    let deployment = Deployment::new(residual_chain());
    let text = deployment.plan.to_string();
    eprintln!("{text}");
    // Thirteen levels: four or five to a refreshed value, and eight behind the last.
    assert_eq!(deployment.refreshed().len(), 2, "{text}");
    let refreshes = deployment.plan.bill().total.refreshes;
    assert!(
        text.contains("levels lie ahead") && text.contains(&format!("refreshes {refreshes} ciphertexts")),
        "{text}"
    );
    deployment.agrees();
}

#[test]
fn narrow_values_are_refreshed() {
    let deployment = Deployment::new(hourglasses());
    eprintln!("{}", deployment.plan);
    // The first of the narrow values from which the end is in reach.
    assert_eq!(deployment.refreshed(), ["down.1 (refresh)"]);
    deployment.agrees();
}

#[test]
fn answers_of_a_plan_that_refreshes_are_shared_under_ranges_that_its_owner_vouches_for() {
    let Deployment {
        model,
        checkpoint,
        plan,
        context,
    } = Deployment::new(residual_chain());
    // The inputs alone keep nothing within its range.
    let refused = plan
        .worst_error(&checkpoint)
        .expect_err("no calibration is believed");
    assert!(
        matches!(&refused, Error::Unvouched { layer, found, expected } if layer.contains("(refresh)") && found > expected),
        "{refused}"
    );
    assert!(
        refused.to_string().contains("worst_error_within_ranges"),
        "{refused}"
    );
    let bound = plan.worst_error_within_ranges(&checkpoint).expect("a bound");
    let server = Server::on(&plan, &checkpoint, context.clone()).expect("a server");
    // Nothing is believed of what is typical.
    assert!(bound > server.predicted_error(), "{bound}");
    let client = Client::insecure(server.client_spec(), &context).expect("a client");
    let keys = server.load_keys(client.evaluation_keys()).expect("loads");
    let x = inputs(model, 1, 1);
    let reply = server
        .infer(&keys, &client.encrypt(&x).expect("a request"))
        .expect("a reply");
    let sharing = Sharing::new(bound, 1, f64::INFINITY).bits(1);
    let deviation = sharing.deviation(10).expect("any noise is tolerated");
    let shared = client.decrypt_shared(&reply, &sharing).expect("an answer");
    let clear = model
        .run_clear_all(&checkpoint, &[&x], plan.goal().ranges.as_ref())
        .expect("within ranges");
    let off = shared
        .iter()
        .zip(&clear[0])
        .fold(0.0f64, |most, (a, b)| most.max(f64::from((a - b).abs())));
    // Noise far beyond the error of the computation, and no more than it says.
    assert!(
        (bound..10.0 * deviation).contains(&off),
        "{off} for a bound of {bound} and noise of {deviation}"
    );
}

#[test]
fn values_beyond_their_range_are_reported_with_their_layer() {
    let (model, checkpoint) = (residual_chain(), weights(residual_chain()));
    let tiny: Vec<f32> = inputs(model, 1, 1).iter().map(|x| 0.01 * x).collect();
    let ranges = model.calibrate(&checkpoint, &tiny).expect("ranges");
    assert!(model.run_clear_all(&checkpoint, &[&tiny], Some(&ranges)).is_ok());
    let x = inputs(model, 1, 1);
    let error = model
        .run_clear_all(&checkpoint, &[&x], Some(&ranges))
        .expect_err("leaves its range");
    assert!(matches!(error, Error::OutOfRange { .. }), "{error}");
    assert!(
        error.to_string().contains("what reads `linear` `layer.0`"),
        "{error}"
    );
    // Without ranges there is nothing to leave.
    assert!(model.run_clear(&checkpoint, &x).is_ok());
}

#[test]
fn plans_with_an_error_bound_above_the_goal_are_refused() {
    let Deployment {
        model,
        checkpoint,
        plan,
        ..
    } = Deployment::new(residual_chain());
    let bound = plan.predicted_error(&checkpoint).expect("a bound");
    let planned = |error: f64| model.plan_for(&plan.goal().clone().error(error), &checkpoint);
    assert!(planned(bound).is_ok());
    let refused = planned(0.5 * bound).expect_err("half of what these parameters keep");
    assert!(
        matches!(refused, Error::ErrorGoal { found, expected, refreshes: true, .. } if found == bound && expected == 0.5 * bound),
        "{refused}"
    );
    assert!(refused.to_string().contains("`Goal::bootstrap`"), "{refused}");
}

/// What compiles behind a refresh is what the default set leaves: its levels of work, less the one of the next refresh.
#[test]
fn the_limit_of_compile_time_is_that_of_the_default_set() {
    assert_eq!(BOOTSTRAP_LEVELS as usize, BootstrapSpec::b16().work - 1);
}

#[test]
fn bootstrapping_has_one_level_of_security() {
    let model = residual_chain();
    let ranges = crate::Ranges::assumed(model, 1.0);
    for bits in [192, 256] {
        let goal = Goal::latency().ranges(&ranges).bootstrap(small()).security(bits);
        let refused = model.plan(&goal).expect_err("no such set");
        assert!(
            matches!(refused, Error::BootstrapSecurity { found, .. } if found == bits),
            "{refused}"
        );
    }
}

#[test]
fn refreshing_needs_ranges_and_its_own_chain() {
    let (model, checkpoint) = (residual_chain(), weights(residual_chain()));
    let goal = Goal::latency()
        .bootstrap(small())
        .chain(chain(&small()).chain().clone());
    let error = model.plan(&goal).expect_err("no ranges");
    assert!(error.to_string().contains("calibrate"), "{error}");
    let ranges = model.calibrate(&checkpoint, &samples(model)).expect("ranges");
    let other = BootstrapSpec { work: 6, ..small() };
    let error = model
        .plan(&goal.clone().ranges(&ranges).bootstrap(other))
        .expect_err("another chain");
    assert!(error.to_string().contains("pin the chain"), "{error}");
    // A limit that nothing keeps is answered with what it would take.
    let limited = |bytes: u64| model.plan(&goal.clone().ranges(&ranges).memory(bytes));
    let refused = |bytes: u64| match limited(bytes) {
        Err(Error::OverLimit(refused)) => refused,
        other => panic!("expected a refusal, found {other:?}"),
    };
    let least = refused(1 << 20).least.memory();
    assert_eq!(limited(least).expect("a plan").predicted_peak_bytes(), least);
    assert_eq!(refused(least - 1).least.memory(), least);
}

#[test]
#[ignore = "searches packings of the full ring for half a minute"]
fn forty_layers_are_placed_on_the_full_ring() {
    let model = forty_layers();
    let ranges = crate::Ranges::assumed(model, 1.0);
    let plan = model.plan(&Goal::latency().ranges(&ranges)).expect("a plan");
    eprintln!("{plan}");
    let spec = plan.bootstrap().expect("refreshes");
    assert_eq!(spec, &BootstrapSpec::b16());
    // Eighty levels, of which eighteen come with the input and the last eighteen need no refresh.
    assert_eq!(plan.bill().total.refreshes, 5);
}
