//! What prices and limits change about a plan.

use crate::affine::tests::model;
use crate::layer::*;
use crate::model::Model;
use crate::plan::search::Choice;
use crate::plan::{Goal, Plan, PriceTable};

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
    // No packing fits a quarter, and no larger ring would need less.
    let error = network
        .plan(&Goal::latency().memory(10_000_000))
        .expect_err("refused")
        .to_string();
    assert!(
        error.contains("bytes of memory exceed the limit of 10000000"),
        "{error}"
    );
}
