//! What is promised of refreshing, one by one: the remainder of every quotient, slots of one after many refreshes, pairs that do not
//! touch, the same words everywhere, and wrong uses refused before the work.

use super::*;
use crate::ckks::SeededCiphertext;
use crate::math::kernels::{self, Kernels};

/// Set B16 on a small ring: its levels in front of the work and behind it, its terminal primes.
fn small_b16() -> BootstrapSpec {
    BootstrapSpec {
        log_n: 10,
        work: 2,
        ..BootstrapSpec::b16()
    }
}

fn bench_of(spec: &BootstrapSpec) -> Bench {
    bench(
        Context::new_insecure(spec.chain().build_insecure().unwrap()).unwrap(),
        spec,
    )
}

/// Random slots in [-1, 1).
fn random(n: usize, tag: u64) -> Vec<f64> {
    let mut words = vec![0; n];
    crate::math::sample::Stream::new(&Seed::new([8; 32]), 0, tag).words(0, &mut words);
    words.iter().map(|&w| w as f64 / 2f64.powi(63) - 1.0).collect()
}

/// Root of the mean square.
fn size(errors: impl Iterator<Item = f64>, n: usize) -> f64 {
    (errors.map(|e| e * e).sum::<f64>() / n as f64).sqrt()
}

/// Also where a refresh on a small ring hardly comes: at quotients up to the bound.
#[test]
fn eval_mod_takes_the_remainder_of_every_quotient() {
    for spec in [small(), small_b16()] {
        let b = bench_of(&spec);
        let (context, chain) = (&b.context, b.context.chain());
        let n = context.slots();
        let values = random(n, 1);
        // A value v with quotient I stands at (v / rho + I) / K'.
        let quotient = |k: usize| (k % 33) as f64 - 16.0;
        let inside = |k: usize, v: f64| quotient(k) + (v / spec.message_ratio()).copysign(-quotient(k));
        let slots: Vec<f64> = (0..n)
            .map(|k| inside(k, values[k].abs()) / spec.bound())
            .collect();
        let (level, scale) = (spec.eval_level(), spec.eval_scale(chain));
        let plain = context.encode(&slots, scale, level, false).unwrap();
        let encrypted = b.secret.encrypt(context, &plain).unwrap().expand(context);
        let found = b
            .bootstrapper
            .modulo(&b.keys, &b.bootstrapper.eval_mod, &[encrypted])
            .unwrap();
        assert_eq!(found[0].level(), spec.refreshed_level());
        let Precision { deviation, cubic } = Precision::new(chain, &spec);
        for (k, found) in b.secret.decrypt_real(context, &found[0]).iter().enumerate() {
            let expected = values[k].abs().copysign(-quotient(k));
            let allowed = cubic * expected.abs().powi(3) + 7.0 * deviation;
            let error = (found - expected).abs();
            assert!(
                error < allowed,
                "quotient {}: {error:e} of {allowed:e}",
                quotient(k)
            );
        }
    }
}

/// What the sine takes from a slot adds up: fifty refreshes apply it fifty times, and their noise to it.
#[test]
fn slots_of_one_lose_what_the_sine_takes_each_time() {
    let b = small_bench();
    let n = b.context.slots();
    let Precision { deviation, cubic } = Precision::new(b.context.chain(), &small());
    let signs: Vec<f64> = random(n, 2).iter().map(|x| x.signum()).collect();
    let mut pair = [b.encrypt(&signs), b.encrypt(&vec![1.0; n])];
    let turn = std::f64::consts::TAU / small().message_ratio();
    let mut sine = 1.0f64;
    for _ in 0..50 {
        pair = b
            .bootstrapper
            .refresh_pair(&b.keys, &b.encapsulation, pair.each_ref(), &mut |_| {})
            .unwrap();
        sine = (turn * sine).sin() / turn;
    }
    assert!((0.9..1.1).contains(&((1.0 - sine) / (50.0 * cubic))));
    let found = b.secret.decrypt_real(&b.context, &pair[0]);
    let errors = found.iter().zip(&signs).map(|(found, sign)| found - sine * sign);
    let noise = size(errors, n);
    println!(
        "fifty times: 2^{:.1} by the sine, noise 2^{:.1}",
        (1.0 - sine).log2(),
        noise.log2()
    );
    assert!(noise < 15.0 * deviation, "{noise:e} of {deviation:e}");
}

/// What of x comes through to y is less than its noise: in no slot does it show, and all slots together have no trace of it.
#[test]
fn what_one_of_a_pair_holds_does_not_reach_the_other() {
    let b = small_bench();
    let n = b.context.slots();
    let deviation = Precision::new(b.context.chain(), &small()).deviation;
    for x in [vec![1.0; n], random(n, 3).iter().map(|x| x.signum()).collect()] {
        // With y = 0 the sine takes nothing of it.
        let pair = [&b.encrypt(&x), &b.encrypt(&vec![0.0; n])];
        let [_, y] = b
            .bootstrapper
            .refresh_pair(&b.keys, &b.encapsulation, pair, &mut |_| {})
            .unwrap();
        let found = b.secret.decrypt_real(&b.context, &y);
        let noise = size(found.iter().copied(), n);
        assert!(noise < 1.25 * deviation, "{noise:e} of {deviation:e}");
        let trace = found.iter().zip(&x).map(|(y, x)| y * x).sum::<f64>() / n as f64;
        assert!(
            trace.abs() < 5.0 * noise / (n as f64).sqrt(),
            "{trace:e} of {noise:e}"
        );
    }
}

/// Those that go through the stages together share keys, and nothing else.
#[test]
fn many_are_refreshed_like_each_pair() {
    let mut b = small_bench();
    b.bootstrapper = b.bootstrapper.together(4);
    let n = b.context.slots();
    let wave = |i: usize| {
        (0..n)
            .map(|k| (k as f64 * (1.0 + i as f64)).sin())
            .collect::<Vec<f64>>()
    };
    let tiles: Vec<Ciphertext> = (0..7).map(|i| b.encrypt(&wave(i))).collect();
    let mut batches = 0;
    let together = b
        .bootstrapper
        .refresh_all(
            &b.keys,
            &b.encapsulation,
            &tiles.iter().collect::<Vec<_>>(),
            &mut |stage| batches += usize::from(stage == Stage::EvalMod),
        )
        .unwrap();
    // Four, and three, of which the last is alone.
    assert_eq!(batches, 2);
    let mut alone = vec![];
    for pair in tiles.chunks(2) {
        let Bench {
            keys, encapsulation, ..
        } = &b;
        match pair {
            [x, y] => alone.extend(
                b.bootstrapper
                    .refresh_pair(keys, encapsulation, [x, y], &mut |_| {})
                    .unwrap(),
            ),
            [x, ..] => alone.push(
                b.bootstrapper
                    .refresh(keys, encapsulation, x, &mut |_| {})
                    .unwrap(),
            ),
            [] => {}
        }
    }
    let words = |all: &[Ciphertext]| all.iter().map(|x| x.to_bytes(&b.context)).collect::<Vec<_>>();
    assert!(words(&together) == words(&alone));
    for (i, x) in together.iter().enumerate() {
        let error = worst(&b.secret.decrypt_real(&b.context, x), &wave(i));
        assert!(
            error < 2f64.powi(-16),
            "ciphertext {i}: {:.1} bits",
            -error.log2()
        );
    }
}

/// A pair, and one whose slots repeat.
fn refreshed_on(kernels: Kernels) -> Vec<Vec<u8>> {
    let spec = BootstrapSpec {
        log_n: 8,
        ..small_b16()
    };
    let chain = spec.chain().build_insecure().unwrap();
    let b = bench(Context::insecure_with_kernels(chain, kernels).unwrap(), &spec);
    let context = &b.context;
    let level = b.bootstrapper.entry_level();
    let encrypt = |slots: &[f64], tag: u8| {
        let plain = context.encode(slots, context.scale(level), level, false).unwrap();
        let made: SeededCiphertext = b
            .secret
            .encrypt_from(context, &plain, &Seed::new([tag; 32]))
            .unwrap();
        made.expand(context)
    };
    let (keys, encapsulation) = (&b.keys, &b.encapsulation);
    let pair = [&encrypt(&random(context.slots(), 4), 6), &encrypt(&[0.5], 7)];
    let mut refreshed: Vec<Ciphertext> = b
        .bootstrapper
        .refresh_pair(keys, encapsulation, pair, &mut |_| {})
        .unwrap()
        .into();
    let few = Bootstrapper::for_period(context, &spec, 4).unwrap();
    let repeating = encrypt(&[0.1, -0.2, 0.3, -0.4], 8);
    refreshed.push(few.refresh(keys, encapsulation, &repeating, &mut |_| {}).unwrap());
    refreshed.iter().map(|x| x.to_bytes(context)).collect()
}

#[test]
fn every_path_and_number_of_threads_gives_the_same_words() {
    let mut all = vec![];
    for kernels in kernels::available() {
        for threads in [1, 2, 5] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
            let found = pool.build().unwrap().install(|| refreshed_on(kernels));
            all.push((kernels.path().name(), threads, found));
        }
    }
    for (path, threads, found) in &all {
        assert!(*found == all[0].2, "{path}, {threads} threads");
    }
}

#[test]
fn wrong_uses_are_refused_before_the_work() {
    let b = small_bench();
    let refresh = |keys, encapsulation, x: &Ciphertext| {
        let mut observe = |stage: Stage| panic!("{} was done", stage.name());
        b.bootstrapper
            .refresh(keys, encapsulation, x, &mut observe)
            .unwrap_err()
            .to_string()
    };
    let x = b.encrypt(&[0.5]);
    let low = eval::drop_to(&b.context, &x, x.level() - 1).unwrap();
    let message = refresh(&b.keys, &b.encapsulation, &low);
    assert!(
        message.contains("level 2, bootstrapping begins at level 3"),
        "{message}"
    );
    let scale = 2.0 * x.scale();
    let message = refresh(&b.keys, &b.encapsulation, &x.clone().with_scale(scale));
    assert!(message.contains("refresh: scale 2^41"), "{message}");
    // Keys for rotations only.
    let spec = KeySpec {
        relin_level: None,
        ..b.bootstrapper.key_spec()
    };
    let few = b
        .secret
        .evaluation_keys_from(&b.context, &spec, &Seed::new([4; 32]));
    let few = few.unwrap().expand(&b.context, KeyMemory::Seeded).unwrap();
    let message = refresh(&few, &b.encapsulation, &x);
    assert!(
        message.contains("no key for products of ciphertexts"),
        "{message}"
    );
    let other = bench_of(&BootstrapSpec { work: 1, ..small() });
    let message = refresh(&b.keys, &other.encapsulation, &x);
    assert!(
        message.contains("encapsulation keys were made for another chain"),
        "{message}"
    );
}
