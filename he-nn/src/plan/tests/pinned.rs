//! Plans with pinned parameters: used as they are, or refused with what they lack.

use he_core::params::{Chain, ChainSpec, Params};

use super::answer::Answer;
use crate::affine::tests::{model, weights};
use crate::layer::*;
use crate::model::Model;
use crate::plan::{Goal, Plan};
use crate::{Error, Ranges};

/// Three levels, with a product of ciphertexts at the second.
fn perceptron() -> &'static Model {
    model(&[64], |x, w| {
        let x = square(linear(x, w.at("fc1"), Linear::out(16)));
        linear(x, w.at("fc2"), Linear::out(10))
    })
}

fn spec(level_bits: &[u32]) -> ChainSpec {
    ChainSpec {
        log_n: 13,
        base_bits: 40,
        level_bits: level_bits.to_vec(),
        special_bits: vec![45],
        terminal_bits: vec![],
        log2_scale: 30.0,
    }
}

/// A chain as a user would write it down.
fn params(chain: &Chain) -> Params {
    let listed = |positions: &mut dyn Iterator<Item = u16>| -> &'static [u64] {
        let primes: Vec<u64> = positions.map(|p| chain.primes()[usize::from(p)]).collect();
        primes.leak()
    };
    let steps = || (1..=chain.top_level()).map(|level| (level, level - 1));
    let levels: Vec<_> = steps()
        .map(|(level, below)| listed(&mut chain.without(level, below)))
        .collect();
    let returned: Vec<_> = steps()
        .map(|(level, below)| listed(&mut chain.without(below, level)))
        .collect();
    Params {
        log_n: chain.log_n(),
        base: listed(&mut chain.primes_of(0).iter().copied()),
        levels: levels.leak(),
        returned: returned.leak(),
        special: listed(&mut (chain.q_count() as u16..chain.primes().len() as u16)),
        log2_scale: chain.scale(chain.top_level()).log2(),
        security: chain.security(),
    }
}

fn pinned(level_bits: &[u32]) -> Params {
    params(&spec(level_bits).build().expect("a secure chain"))
}

fn refusal(goal: Goal) -> String {
    perceptron().plan(&goal).expect_err("refused").to_string()
}

#[test]
fn the_same_parameters_make_the_same_plan() {
    let free = perceptron().plan(&Goal::latency()).expect("a plan");
    let goal = Goal::latency().params(params(free.chain()));
    let plan = perceptron().plan(&goal).expect("a plan");
    assert_eq!(plan.chain(), free.chain());
    assert_eq!(plan.digest(), free.digest());
    let again = Plan::from_bytes(perceptron(), &plan.to_bytes()).expect("the same plan");
    assert_eq!((again.digest(), again.goal()), (plan.digest(), &goal));
}

#[test]
fn levels_to_spare_are_left_unused() {
    let model = perceptron();
    let checkpoint = weights(model, 3, false);
    let x: Vec<f32> = (0..64).map(|i| (i as f32 / 10.0).sin()).collect();
    let ranges = model.calibrate(&checkpoint, &x).expect("ranges");
    let goal = Goal::latency().ranges(&ranges).params(pinned(&[30; 4]));
    let plan = model.plan(&goal).expect("a plan");
    let answer = Answer::to(&x, &plan, &checkpoint);
    let error = answer.error(&model.run_clear(&checkpoint, &x).expect("runs"));
    assert!(error <= answer.bound, "{error} of {}", answer.bound);
}

#[test]
fn what_parameters_lack_is_named() {
    let short = refusal(Goal::latency().params(pinned(&[30; 2])));
    assert!(short.contains("found 2 levels, expected 3 levels"), "{short}");
    // The second level multiplies ciphertexts.
    let narrow = refusal(Goal::latency().params(pinned(&[30, 27, 30])));
    assert!(
        narrow.contains("found 2^27 at level 2, expected the scale 2^30"),
        "{narrow}"
    );
    let weak = refusal(Goal::latency().security(192).params(pinned(&[30; 3])));
    assert!(
        weak.contains("found 128 bits of security, expected 192"),
        "{weak}"
    );
    let ranges = Ranges::assumed(perceptron(), 1e6);
    let tight = refusal(Goal::latency().ranges(&ranges).params(pinned(&[30; 3])));
    assert!(tight.contains("found room for outputs up to"), "{tight}");
    let crowded = refusal(Goal::throughput().batch(5000).params(pinned(&[30; 3])));
    assert!(crowded.contains("4096 slots for 5000 samples"), "{crowded}");
}

#[test]
fn unsound_parameters_are_an_error_of_their_own() {
    let mut insecure = pinned(&[30; 3]);
    insecure.log_n = 12;
    let error = perceptron()
        .plan(&Goal::latency().params(insecure))
        .expect_err("refused");
    assert!(
        matches!(&error, Error::Engine(_)) && error.to_string().contains("insecure"),
        "{error}"
    );
    // Later parameters replace earlier ones.
    let goal = Goal::latency().params(insecure).params(pinned(&[30; 3]));
    assert!(perceptron().plan(&goal).is_ok());
}
