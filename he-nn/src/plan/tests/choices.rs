//! What prices and limits change about a plan.

use crate::affine::tests::model;
use crate::error::{Error, OverLimit};
use crate::layer::*;
use crate::model::Model;
use crate::plan::search::Choice;
use crate::plan::{Goal, Limit, Plan, PriceTable};

fn perceptron() -> &'static Model {
    model(&[784], |x, w| {
        let x = square(linear(x, w.at("fc1"), Linear::out(128)));
        linear(x, w.at("fc2"), Linear::out(10))
    })
}

fn plan(goal: &Goal) -> Plan {
    perceptron().plan(goal).expect("a plan")
}

/// Babies of each layer: the modulus of its split.
fn splits(plan: &Plan) -> Vec<i32> {
    let split = |choice: &Choice| match choice {
        Choice::Linear(linear) => Some(linear.split.modulus),
        _ => None,
    };
    plan.packing.choices.iter().filter_map(split).collect()
}

fn rotation_keys(plan: &Plan) -> usize {
    plan.key_spec().rotations.len()
}

fn describe(what: &str, plan: &Plan) {
    let (total, keys) = (&plan.bill().total, rotation_keys(plan));
    eprintln!(
        "{what}: N = 2^{}, {} rotations, {keys} keys, splits {:?}, {:.2} ms, {} bytes, planned in {:.2} s",
        plan.chain().log_n(),
        total.rotations,
        splits(plan),
        plan.predicted_seconds() * 1e3,
        plan.predicted_peak_bytes(),
        plan.plan_seconds(),
    );
}

#[test]
fn predicted_seconds_scale_with_the_prices() {
    let base = plan(&Goal::latency());
    let bill = &base.bill().total;
    for factor in [0.25, 2.0, 1024.0] {
        // Powers of two lose nothing.
        let prices = PriceTable::DEFAULT.scaled(factor);
        let seconds = prices.nanoseconds(bill, base.chain().degree()) * 1e-9;
        assert_eq!(seconds, factor * base.predicted_seconds());
        let scaled = plan(&Goal::latency().prices(prices));
        let counted = prices.nanoseconds(&scaled.bill().total, scaled.chain().degree()) * 1e-9;
        assert_eq!(scaled.predicted_seconds(), counted);
    }
}

/// The table that goldens are made with: the default follows measurements.
const PINNED: PriceTable = PriceTable {
    ntt_butterfly: 0.20,
    conversion_word: 0.12,
    mac_word: 0.25,
    automorphism_word: 0.35,
    key_byte: 0.016,
    plain_byte: 0.032,
};

/// With transforms and keys twice as dear, other folds pay.
#[test]
fn dearer_rotations_change_the_folds() {
    // A table at which the fold's radix is a close choice.
    let prices = PriceTable {
        mac_word: 0.45,
        ..PINNED
    };
    let base = plan(&Goal::latency().prices(prices));
    describe("pinned", &base);
    let dear = PriceTable {
        key_byte: 2.0 * prices.key_byte,
        automorphism_word: 2.0 * prices.automorphism_word,
        ntt_butterfly: 2.0 * prices.ntt_butterfly,
        ..prices
    };
    let dearer = plan(&Goal::latency().prices(dear));
    describe("rotations twice as dear", &dearer);
    assert_ne!(base.digest(), dearer.digest());
    assert_eq!(
        (base.bill().total.rotations, dearer.bill().total.rotations),
        (25, 28)
    );
    assert_eq!((splits(&base), splits(&dearer)), (vec![8, 1], vec![8, 1]));
}

/// Half the memory takes smaller baby steps: fewer keys, and more time.
#[test]
fn half_the_memory_changes_the_splits() {
    let network = model(&[128], |x, w| {
        let x = square(linear(x, w.at("fc1"), Linear::out(128)));
        let x = square(linear(x, w.at("fc2"), Linear::out(128)));
        linear(x, w.at("fc3"), Linear::out(10))
    });
    let limited = |bytes: u64| {
        let goal = Goal::latency().prices(PINNED).memory(bytes);
        let plan = network.plan(&goal).expect("a plan");
        describe(&format!("{bytes} bytes"), &plan);
        assert!(plan.predicted_peak_bytes() <= bytes);
        plan
    };
    let (roomy, tight) = (limited(48_000_000), limited(24_000_000));
    assert!(tight.predicted_seconds() > roomy.predicted_seconds());
    assert!(tight.bill().resident_key_bytes < roomy.bill().resident_key_bytes);
    assert_eq!(
        (splits(&roomy), splits(&tight)),
        (vec![4, 4, 128], vec![2, 2, 128])
    );
    let refused = refusal(network, &Goal::latency().prices(PINNED).memory(1));
    assert_eq!((refused.limit, refused.allowed), (Limit::Memory, 1));
    assert!(refused.least.memory() < 24_000_000, "{refused}");
}

fn refusal(network: &'static Model, goal: &Goal) -> OverLimit {
    match network.plan(goal) {
        Err(Error::OverLimit(refused)) => refused,
        other => panic!("expected a refusal, found {other:?}"),
    }
}

/// The limit that a refusal names is the least: with it there is a plan, and with a byte less the same refusal.
fn names_the_least(network: &'static Model, goal: &Goal, limit: Limit) -> Plan {
    let limited = |bytes: u64| match limit {
        Limit::Memory => goal.clone().memory(bytes),
        Limit::Keys => goal.clone().keys(bytes),
    };
    let unlimited = network.plan(goal).expect("a plan").footprint().of(limit);
    let refused = refusal(network, &limited(0));
    let least = refused.least.of(limit);
    eprintln!("{refused}\n(the fastest takes {unlimited})");
    assert!(refused.limit == limit && least <= unlimited);
    let plan = network.plan(&limited(least)).expect("a plan within the least");
    assert_eq!(plan.footprint().of(limit), least);
    let below = refusal(network, &limited(least - 1));
    assert_eq!((below.least, below.allowed), (refused.least, least - 1));
    let text = below.to_string();
    assert!(text.contains(&format!("found {least} bytes")), "{text}");
    plan
}

#[test]
fn refusals_name_the_least_limit_that_would_do() {
    let small = model(&[128], |x, w| {
        let x = square(linear(x, w.at("fc1"), Linear::out(128)));
        let x = square(linear(x, w.at("fc2"), Linear::out(128)));
        linear(x, w.at("fc3"), Linear::out(10))
    });
    let convolution = model(&[1, 16, 16], |x, w| {
        let x = square(conv2d(x, w.at("conv1"), Conv2d::out(4).kernel(3).stride(2)));
        linear(flatten(x), w.at("fc"), Linear::out(10))
    });
    for network in [small, convolution] {
        for goal in [
            Goal::latency().prices(PINNED),
            Goal::throughput().batch(64).prices(PINNED),
        ] {
            let fast = network.plan(&goal).expect("a plan");
            let lean = names_the_least(network, &goal, Limit::Memory);
            assert!(lean.predicted_seconds() >= fast.predicted_seconds());
            names_the_least(network, &goal, Limit::Keys);
        }
    }
}

/// What a refusal names keeps the other limit too, and where none can be kept, memory is named by itself.
#[test]
fn two_limits_are_kept_together() {
    let network = perceptron();
    let goal = Goal::latency().prices(PINNED);
    let fast = network.plan(&goal).expect("a plan").footprint();
    let fewest_keys = refusal(network, &goal.clone().keys(0).memory(u64::MAX))
        .least
        .sent_keys;
    let both = refusal(network, &goal.clone().keys(fewest_keys).memory(0));
    assert_eq!((both.limit, both.least.sent_keys), (Limit::Memory, fewest_keys));
    let kept = goal.clone().keys(fewest_keys).memory(both.least.memory());
    assert_eq!(network.plan(&kept).expect("a plan").footprint(), both.least);
    let no_keys = refusal(network, &goal.clone().keys(0).memory(fast.memory()));
    assert_eq!(
        (no_keys.limit, no_keys.least.sent_keys),
        (Limit::Keys, fewest_keys)
    );
    let neither = refusal(network, &goal.keys(0).memory(0));
    assert!(neither.limit == Limit::Memory && neither.least.memory() <= both.least.memory());
}
