//! Stage by stage with the secret key, and the whole.

mod promises;

use super::diagonals::Diagonals;
use super::*;
use crate::ckks::{EvaluationKeys, KeyMemory, SecretKey};
use crate::complex::Complex;
use crate::math::sample::Seed;
use crate::params::{SPARSE_WEIGHT, Secret, log2_product};

/// The levels of B16-lite on a small ring.
fn small() -> BootstrapSpec {
    BootstrapSpec {
        log_n: 10,
        work: 2,
        special_bits: vec![50; 4],
        terminal_bits: vec![40, 30, 30],
        ..BootstrapSpec::b16_lite()
    }
}

struct Bench {
    context: Arc<Context>,
    secret: SecretKey,
    keys: EvaluationKeys,
    encapsulation: EncapsulationKeys,
    bootstrapper: Bootstrapper,
}

fn small_bench() -> Bench {
    let context = Context::new_insecure(small().chain().build_insecure().unwrap()).unwrap();
    bench(context, &small())
}

fn bench(context: Arc<Context>, spec: &BootstrapSpec) -> Bench {
    let bootstrapper = Bootstrapper::new(&context, spec).unwrap();
    let secret = SecretKey::from_seed(&context, &Seed::new([3; 32]));
    let keys = secret
        .evaluation_keys_from(&context, &bootstrapper.key_spec(), &Seed::new([4; 32]))
        .unwrap()
        .expand(&context, KeyMemory::Seeded)
        .unwrap();
    let encapsulation = secret
        .encapsulation_keys_from(&context, &Seed::new([5; 32]))
        .unwrap();
    Bench {
        context,
        secret,
        keys,
        encapsulation,
        bootstrapper,
    }
}

impl Bench {
    fn encrypt(&self, slots: &[f64]) -> Ciphertext {
        let level = self.bootstrapper.entry_level();
        let plain = self
            .context
            .encode(slots, self.context.scale(level), level, false)
            .unwrap();
        self.secret
            .encrypt(&self.context, &plain)
            .unwrap()
            .expand(&self.context)
    }

    /// The slots as coefficients, plus multiples of q0.
    fn raised(&self, slots: &[f64]) -> Raised {
        let lowest = self
            .bootstrapper
            .to_coefficients(&self.keys, vec![self.encrypt(slots)])
            .unwrap();
        self.bootstrapper
            .raise
            .apply(&self.context, &self.encapsulation, &lowest[0])
    }

    /// All coefficients; they are larger than their scale tells.
    fn coefficients(&self, x: &[Raised]) -> Vec<f64> {
        let context = &self.context;
        let identity = Diagonals::identity(context.slots());
        let scale = 2f64.powi(70);
        let switched = FirstFactor::new(context, &identity, [scale; 2]).unwrap();
        let x = switched.apply(context, &self.encapsulation, x);
        self.secret.decrypt_coefficients(context, &x[0])
    }
}

fn worst(found: &[f64], expected: &[f64]) -> f64 {
    found
        .iter()
        .zip(expected)
        .map(|(a, b)| (a - b).abs())
        .fold(0.0, f64::max)
}

#[test]
fn the_quotient_is_integral_and_bounded_after_mod_raise() {
    let b = small_bench();
    let n = b.context.slots();
    let x: Vec<f64> = (0..n).map(|k| (k as f64 * 0.7).sin()).collect();
    let raised = [b.raised(&x)];
    let q0 = b.context.chain().primes()[0] as f64;
    let (mut largest, mut square) = (0.0f64, 0.0);
    let coefficients = b.coefficients(&raised);
    for (k, c) in coefficients.iter().enumerate().take(n) {
        let quotient = (c / q0).round();
        largest = largest.max(quotient.abs());
        square += quotient * quotient / n as f64;
        let shift = usize::BITS - n.ilog2();
        let slot = x[k.reverse_bits() >> shift];
        let rest = (c - quotient * q0) / (q0 / small().message_ratio());
        assert!((rest - slot).abs() < 1e-6, "coefficient {k}: {rest}, slot {slot}");
    }
    assert!((1.0..=16.0).contains(&largest), "quotients up to {largest}");
    // Sums of 33 uniform variables, as the probability of failure supposes: variance 33/12, of which 512 samples miss it by a relative
    // sqrt(2/512) = 0.063.
    assert!((square / 2.75 - 1.0).abs() < 0.25, "variance {square}");
}

#[test]
fn slots_are_coefficients_after_coeffs_to_slots() {
    let b = small_bench();
    let n = b.context.slots();
    let x: Vec<f64> = (0..n).map(|k| (k as f64 * 0.3).cos()).collect();
    let raised = [b.raised(&x)];
    let coefficients = b.coefficients(&raised);
    let parts = b
        .bootstrapper
        .to_slots(&b.keys, &b.encapsulation, &raised, 2)
        .unwrap();
    let q0 = b.context.chain().primes()[0] as f64;
    let unit = q0 * small().bound();
    for (half, part) in parts.iter().enumerate() {
        let slots = b.secret.decrypt(&b.context, part);
        let shift = usize::BITS - n.ilog2();
        for (j, slot) in slots.iter().enumerate() {
            let expected = coefficients[half * n + (j.reverse_bits() >> shift)] / unit;
            let error = (*slot - Complex::from(expected)).abs();
            assert!(error < 1e-8, "half {half}, slot {j}: {slot:?}, {expected}");
        }
    }
}

#[test]
fn a_pair_is_refreshed() {
    let b = small_bench();
    let n = b.context.slots();
    let structured: [(&str, Vec<f64>, Vec<f64>); 5] = [
        (
            "waves",
            (0..n).map(|k| (k as f64).sin()).collect(),
            (0..n).map(|k| (k as f64 * 1.1).cos()).collect(),
        ),
        ("constants", vec![1.0; n], vec![-1.0; n]),
        (
            "one slot",
            (0..n).map(|k| f64::from(k == 3)).collect(),
            vec![0.0; n],
        ),
        (
            "alternating",
            (0..n).map(|k| if k % 2 == 0 { 1.0 } else { -1.0 }).collect(),
            vec![1.0; n],
        ),
        ("tiny", vec![1e-4; n], vec![-1e-4; n]),
    ];
    for (name, x, y) in structured {
        let (cx, cy) = (b.encrypt(&x), b.encrypt(&y));
        let mut stages = vec![];
        let [rx, ry] = b
            .bootstrapper
            .refresh_pair(&b.keys, &b.encapsulation, [&cx, &cy], &mut |stage| {
                stages.push(stage)
            })
            .unwrap();
        assert!(stages.is_sorted() && stages.len() == 4);
        assert_eq!(rx.level(), small().refreshed_level());
        assert!((rx.scale() / b.context.scale(rx.level()) - 1.0).abs() < 1e-12);
        for (refreshed, expected) in [(rx, x), (ry, y)] {
            let error = worst(&b.secret.decrypt_real(&b.context, &refreshed), &expected);
            println!("{name}: {:.1} bits", -error.log2());
            assert!(error < 2f64.powi(-16), "{name}: {:.1} bits", -error.log2());
        }
    }
}

/// Those that go through the stages together share keys, and nothing else.
#[test]
fn many_are_refreshed_like_each_pair() {
    let b = small_bench();
    let n = b.context.slots();
    let wave = |i: usize| {
        (0..n)
            .map(|k| (k as f64 * (1.0 + i as f64)).sin())
            .collect::<Vec<f64>>()
    };
    let tiles: Vec<Ciphertext> = (0..TOGETHER + 3).map(|i| b.encrypt(&wave(i))).collect();
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

#[test]
fn chains_that_do_not_fit_are_refused() {
    let spec = small();
    let other = BootstrapSpec {
        work: 3,
        ..spec.clone()
    };
    let context = Context::new_insecure(other.chain().build_insecure().unwrap()).unwrap();
    assert!(matches!(
        Bootstrapper::new(&context, &spec),
        Err(Error::Count {
            found: 17,
            expected: 16,
            ..
        })
    ));
    let long = BootstrapSpec {
        degree: 64,
        ..spec.clone()
    };
    let context = Context::new_insecure(long.chain().build_insecure().unwrap()).unwrap();
    assert!(matches!(
        Bootstrapper::new(&context, &long),
        Err(Error::Count {
            found: 8,
            expected: 9,
            ..
        })
    ));
    let turns_only = BootstrapSpec {
        coeffs_to_slots: 1,
        ..spec.clone()
    };
    let context = Context::new_insecure(turns_only.chain().build_insecure().unwrap()).unwrap();
    assert!(matches!(
        Bootstrapper::new(&context, &turns_only),
        Err(Error::Count {
            found: 1,
            expected: 2,
            ..
        })
    ));
    let split = BootstrapSpec {
        base_bits: 60,
        ..spec
    };
    let context = Context::new_insecure(split.chain().build_insecure().unwrap()).unwrap();
    assert!(matches!(
        Bootstrapper::new(&context, &split),
        Err(Error::Count { found: 2, .. })
    ));
}

#[test]
fn the_sparse_secret_has_its_weight_and_a_small_modulus() {
    let sparse = crate::ckks::sparse_ternary(&Seed::new([9; 32]), 1 << 15);
    assert_eq!(sparse.iter().filter(|&&c| c != 0).count(), SPARSE_WEIGHT);
    assert!(sparse.contains(&1) && sparse.contains(&-1));
    // Of a ring too small for it no key is published.
    let chain = BootstrapSpec { log_n: 14, ..small() }
        .chain()
        .build_insecure()
        .unwrap();
    let context = Context::secure_for_test(chain);
    let secret = SecretKey::from_seed(&context, &Seed::new([1; 32]));
    assert!(matches!(
        secret.encapsulation_keys(&context),
        Err(Error::Insecure { .. })
    ));
}

#[test]
fn shipped_sets_are_secure() {
    for (spec, levels) in [
        (BootstrapSpec::b17(), 44),
        (BootstrapSpec::b16(), 15),
        (BootstrapSpec::b16_lite(), 18),
        (BootstrapSpec::b15(), 4),
    ] {
        let chain = spec.chain().build().unwrap();
        assert_eq!(spec.refreshed_level() - spec.slots_to_coeffs, levels);
        assert!((1..=spec.refreshed_level()).all(|level| chain.multiplies(level)));
        for sample in [chain.published(), spec.published(&chain)].concat() {
            let cap = sample.secret.cap_bits(chain.log_n(), chain.security());
            assert!(sample.log2_modulus <= f64::from(cap), "{sample:?} of {cap}");
        }
    }
}

#[test]
fn keys_have_the_moduli_that_are_said_to_be_published() {
    let chain = small().chain().build_insecure().unwrap();
    let published = small().published(chain.chain());
    let context = Context::new_insecure(chain).unwrap();
    let modulus = |level| {
        let primes = context.encapsulation_primes(level);
        let moduli: Vec<u64> = primes.iter().map(|&p| context.modulus(p).value()).collect();
        log2_product(&moduli)
    };
    assert!(matches!(published[0].secret, Secret::Sparse { weight: 32 }));
    for (sample, level) in published.iter().zip([0, context.top_level()]) {
        assert!((sample.log2_modulus - modulus(level)).abs() < 1e-9, "{sample:?}");
    }
}

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

#[test]
fn encapsulation_keys_travel() {
    let b = small_bench();
    let context = &b.context;
    let bytes = b.encapsulation.to_bytes(context);
    assert_eq!(bytes.len(), EncapsulationKeys::wire_bytes(context));
    // Seeded in memory too, but for the key to the sparse secret.
    assert!((bytes.len()..2 * bytes.len()).contains(&b.encapsulation.bytes()));
    let read = EncapsulationKeys::from_bytes(context, &bytes).unwrap();
    assert_eq!(read.to_bytes(context), bytes);
    let x: Vec<f64> = (0..context.slots()).map(|k| (k as f64).sin()).collect();
    let encrypted = b.encrypt(&x);
    let refresh = |keys| {
        let refreshed = b.bootstrapper.refresh(&b.keys, keys, &encrypted, &mut |_| {});
        refreshed.unwrap().to_bytes(context)
    };
    assert_eq!(refresh(&read), refresh(&b.encapsulation));
    for length in [0, 3, 4, 35, 36, 100, bytes.len() - 1] {
        let error = EncapsulationKeys::from_bytes(context, &bytes[..length])
            .err()
            .unwrap();
        assert!(matches!(error, Error::Truncated { .. }), "{length}: {error}");
    }
    let longer = [&bytes[..], &[0]].concat();
    let mut newer = bytes.clone();
    newer[0] = 3;
    // A word of ones is below no prime.
    let mut wide = bytes.clone();
    wide[36..50].fill(0xff);
    let mut wide_turn = bytes.clone();
    let last = bytes.len();
    wide_turn[last - 14..].fill(0xff);
    for wrong in [longer, newer, wide, wide_turn] {
        let error = EncapsulationKeys::from_bytes(context, &wrong).err().unwrap();
        assert!(matches!(error, Error::Corrupted { .. }), "{error}");
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
