//! The bill of whole networks against what the engine and its kernels did while they ran on ciphertexts.
//!
//! `cargo test --release -p he-nn counted -- --ignored` takes LeNet-5 as well, with its gigabytes.

use std::sync::Arc;

use he_core::ckks::{Ciphertext, Context, KeyMemory, SecretKey};
use he_core::math::sample::Seed;
use he_core::math::tally;
use he_core::program::count::Counts;
use he_core::program::store::encode_input;
use he_core::program::{Executor, PlainStore, Slots};

use super::networks::{crypto_nets, lenet5, perceptron};
use crate::Ranges;
use crate::affine::tests::weights;
use crate::lower::FilledWeights;
use crate::model::Model;
use crate::plan::{Goal, Plan};

/// Encryptions of zeros for every input of a plan.
fn zeros(plan: &Plan, context: &Arc<Context>, secret: &SecretKey) -> Vec<Vec<Ciphertext>> {
    let program = plan.program();
    let port = |index: usize| {
        let tiles = program.values[program.inputs[index].value.0 as usize].tiles;
        let tile = |_| {
            let plain = encode_input(program, context, index, &Slots::zeros(context.slots()));
            let sent = secret.encrypt(context, &plain.expect("encodes"));
            sent.expect("encrypts").expand(context)
        };
        (0..tiles).map(tile).collect()
    };
    (0..program.inputs.len()).map(port).collect()
}

/// Runs a planned network on one thread and compares every kind of work, and the bytes it holds.
fn does_what_was_counted(model: &'static Model) {
    let checkpoint = weights(model, 5, false);
    let ranges = Ranges::assumed(model, 2.0);
    let plan = model.plan(&Goal::latency().ranges(&ranges)).expect("a plan");
    let (program, context) = (
        plan.program(),
        Context::new(plan.chain().clone()).expect("tables"),
    );
    let numbers = plan.weights(&checkpoint).expect("weights fit");
    let plains = PlainStore::encode(program, &context, &FilledWeights::new(plan.recipes(), &numbers))
        .expect("encodes");
    let secret = SecretKey::from_seed(&context, &Seed::new([1; 32]));
    let keys = secret.evaluation_keys(&context, &plan.key_spec());
    let keys = keys
        .expect("keys")
        .expand(&context, KeyMemory::Expanded)
        .expect("expands");
    let inputs = zeros(&plan, &context, &secret);
    let executor = Executor {
        context: &context,
        keys: &keys,
        encapsulation: None,
        program,
        plains: &plains,
    };
    // The tally is of one thread.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build();
    let (called, done) = pool.expect("a thread").install(|| {
        let mut called = Counts::default();
        tally::take();
        executor.run_counted(inputs, &(), &mut called).expect("runs");
        (called, tally::take())
    });
    let bill = plan.bill();
    let total = &bill.total;
    assert_eq!(
        total.work(),
        done,
        "transforms, conversion words, mac words, automorphism words, key bytes: predicted against done"
    );
    assert_eq!(total.calls(), called.calls(), "predicted against called");
    assert_eq!(bill.resident_plain_bytes, plains.bytes() as u64);
    assert_eq!(bill.resident_key_bytes, keys.bytes() as u64);
}

#[test]
fn a_perceptron_does_what_was_counted() {
    does_what_was_counted(perceptron());
}

#[test]
fn cryptonets_does_what_was_counted() {
    does_what_was_counted(crypto_nets());
}

#[test]
#[ignore = "LeNet-5 takes half a minute and 4 GB"]
fn lenet5_does_what_was_counted() {
    does_what_was_counted(lenet5());
}
