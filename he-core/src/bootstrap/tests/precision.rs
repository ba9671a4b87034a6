//! Errors of refreshed slots against what the parameters say.

use super::{Bench, bench, small, small_bench, worst};
use crate::bootstrap::{BootstrapSpec, Bootstrapper, Precision};
use crate::ckks::{Ciphertext, Context};
use crate::error::Error;
use crate::math::sample::Seed;

#[test]
fn fifty_refreshes_do_not_drift() {
    let b = small_bench();
    let n = b.context.slots();
    // Small slots, for which the cubic term of the sine, 2^-19 at one, vanishes.
    let x: Vec<f64> = (0..n).map(|k| 0.02 * (k as f64).sin()).collect();
    let y: Vec<f64> = (0..n).map(|k| 0.02 * (k as f64 * 0.7).cos()).collect();
    let mut pair = [b.encrypt(&x), b.encrypt(&y)];
    let errors = |pair: &[Ciphertext; 2]| {
        [(&pair[0], &x), (&pair[1], &y)].map(|(found, expected)| {
            let found = b.secret.decrypt_real(&b.context, found);
            let n = n as f64;
            let differences = found.iter().zip(expected).map(|(a, b)| a - b);
            let square: f64 = differences.map(|d| d * d).sum();
            (square / n).sqrt()
        })
    };
    let mut after_one = [0.0; 2];
    for round in 0..50 {
        pair = b
            .bootstrapper
            .refresh_pair(&b.keys, &b.encapsulation, pair.each_ref(), &mut |_| {})
            .unwrap();
        if round == 0 {
            after_one = errors(&pair);
        }
    }
    // Independent errors add up in squares. From the second refresh on there are two each time: a slot's own, and the imaginary part of
    // the other's, which goes with it as x + i y. A hundred of them are ten times one.
    for (one, fifty) in after_one.into_iter().zip(errors(&pair)) {
        println!(
            "{:.1} bits after one, {:.1} after fifty",
            -one.log2(),
            -fifty.log2()
        );
        assert!(fifty < 15.0 * one, "{one:e} after one, {fifty:e} after fifty");
    }
}

#[test]
fn the_noise_of_small_slots_is_that_of_the_parameters() {
    for spec in [
        small(),
        BootstrapSpec {
            eval_bits: vec![60; small().eval_mod_levels()],
            ..small()
        },
    ] {
        let context = Context::new_insecure(spec.chain().build_insecure().unwrap()).unwrap();
        let b = bench(context, &spec);
        // For which the sine is straight.
        let x: Vec<f64> = (0..b.context.slots()).map(|k| 1e-3 * (k as f64).sin()).collect();
        let pair = b.encrypt(&x);
        let [x1, _] = b
            .bootstrapper
            .refresh_pair(&b.keys, &b.encapsulation, [&pair, &pair], &mut |_| {})
            .unwrap();
        let found = b.secret.decrypt_real(&b.context, &x1);
        let squares: f64 = found.iter().zip(&x).map(|(a, b)| (a - b).powi(2)).sum();
        let measured = (squares / x.len() as f64).sqrt();
        let Precision { deviation, cubic } = Precision::new(b.context.chain(), &spec);
        println!(
            "deviation 2^{:.1}, measured 2^{:.1}",
            deviation.log2(),
            measured.log2()
        );
        assert!((2f64.powi(-20)..2f64.powi(-19)).contains(&cubic), "{cubic:e}");
        // Where T_2 decides, a fourth of the slots have the full figure; with 60 bits for EvalMod all sources count alike, and what the
        // formula leaves out shows.
        assert!(
            (0.25..1.25).contains(&(measured / deviation)),
            "{measured:e} of {deviation:e}"
        );
    }
}

#[test]
fn values_beyond_one_come_back_within_their_bound() {
    let b = small_bench();
    let n = b.context.slots();
    for bound in [0.01, 1.0, 5.5, 300.0] {
        let eval_mod = b.bootstrapper.eval_mod(bound).unwrap();
        let x: Vec<f64> = (0..n).map(|k| bound * (k as f64).sin()).collect();
        let level = b.bootstrapper.refreshed_level();
        let plain = b
            .context
            .encode(&x, b.context.scale(level), level, false)
            .unwrap();
        let encrypted = b.secret.encrypt(&b.context, &plain).unwrap().expand(&b.context);
        let refreshed = b
            .bootstrapper
            .refresh_within(&b.keys, &b.encapsulation, &eval_mod, &[&encrypted])
            .unwrap();
        let error = worst(&b.secret.decrypt_real(&b.context, &refreshed[0]), &x) / bound;
        println!("bound {bound}: {:.1} bits", -error.log2());
        assert!(error < 2f64.powi(-16), "bound {bound}: {:.1} bits", -error.log2());
    }
    for bound in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(
            matches!(b.bootstrapper.eval_mod(bound), Err(Error::Range { .. })),
            "{bound}"
        );
    }
}

/// Refreshes a pair and holds every slot's error to what the parameters say: the sine's cubic term, and seven deviations, which one
/// of 10^6 normal variables exceeds with probability below 10^-5.
fn assert_precise(b: &Bench, bootstrapper: &Bootstrapper, name: &str, x: &[f64], y: &[f64]) -> f64 {
    let Precision { deviation, cubic } = Precision::new(b.context.chain(), &small());
    let pair = [&b.encrypt(x), &b.encrypt(y)];
    let refreshed = bootstrapper
        .refresh_pair(&b.keys, &b.encapsulation, pair, &mut |_| {})
        .unwrap();
    let error = |(refreshed, expected): (&Ciphertext, &[f64])| {
        let found = b.secret.decrypt_real(&b.context, refreshed);
        found
            .iter()
            .zip(expected.iter().cycle())
            .map(|(found, x)| {
                let error = (found - x).abs();
                let allowed = cubic * x.abs().powi(3) + 7.0 * 1.25 * deviation;
                assert!(error < allowed, "{name}: {error:e} at {x}, allowed {allowed:e}");
                error
            })
            .fold(0.0, f64::max)
    };
    error((&refreshed[0], x)).max(error((&refreshed[1], y)))
}

/// By the transforms of all slots, and by those made for so few, with the same keys.
#[test]
fn few_slots_that_repeat_are_refreshed_like_all() {
    let b = small_bench();
    let mut bytes = vec![];
    for log_slots in 0..=b.context.slots().ilog2() {
        let slots = 1 << log_slots;
        let x: Vec<f64> = (0..slots).map(|k| (k as f64 * 2.1).cos()).collect();
        let y: Vec<f64> = (0..slots).map(|k| (k as f64 * 0.3).sin()).collect();
        assert_precise(&b, &b.bootstrapper, &format!("{slots} slots"), &x, &y);
        let few = Bootstrapper::for_period(&b.context, &small(), slots).unwrap();
        assert_precise(&b, &few, &format!("period {slots}"), &x, &y);
        bytes.push(few.plaintext_bytes());
    }
    assert!(bytes.is_sorted() && 4 * bytes[4] < bytes[9], "{bytes:?}");
    for period in [0, 3, 2 * b.context.slots()] {
        let refused = Bootstrapper::for_period(&b.context, &small(), period).err();
        assert!(matches!(refused, Some(Error::Count { .. })), "{period}");
    }
}

#[test]
fn a_thousand_vectors_are_as_precise_as_the_parameters_say() {
    let b = small_bench();
    let n = b.context.slots();
    let vector = |seed: u64| -> Vec<f64> {
        let mut words = vec![0; n];
        crate::math::sample::Stream::new(&Seed::new([9; 32]), 0, seed).words(0, &mut words);
        words.iter().map(|&w| w as f64 / 2f64.powi(63) - 1.0).collect()
    };
    let errors: Vec<f64> = (0..500)
        .map(|k| {
            assert_precise(
                &b,
                &b.bootstrapper,
                &format!("pair {k}"),
                &vector(2 * k),
                &vector(2 * k + 1),
            )
        })
        .collect();
    let worst = errors.iter().fold(0.0, |worst: f64, &error| worst.max(error));
    let mean = errors.iter().map(|error| error.log2()).sum::<f64>() / errors.len() as f64;
    println!(
        "worst {:.1} bits, mean of the pairs' worst {:.1} bits",
        -worst.log2(),
        -mean
    );
}
