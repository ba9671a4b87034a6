//! Programs on ciphertexts: against the same programs in the clear, within the derived bound, which is neither exceeded nor idle.

#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::cell::Cell;
use std::ops::ControlFlow;
use std::sync::Arc;

use he_core::ckks::{Ciphertext, Context, EvaluationKeys, KeyMemory, KeySpec, SecretKey};
use he_core::complex::Complex;
use he_core::math::sample::Seed;
use he_core::params::ChainSpec;
use he_core::program::count::{Counts, count_on};
use he_core::program::error::{Assumptions, Encryption, ErrorReport, bound, observe};
use he_core::program::store::encode_input;
use he_core::program::{
    Builder, ChainView, Executor, KeySet, PlainClass, PlainStore, PlainValues, RunError, Slots, Term,
    Verified, clear,
};

const LOG_N: u32 = 9;
const SLOTS: usize = 1 << (LOG_N - 1);

fn context(log2_scale: u32, levels: usize) -> Arc<Context> {
    let level_bits = vec![log2_scale; levels];
    let special_bits = vec![(log2_scale + 5).min(50); 2];
    let spec = ChainSpec {
        log_n: LOG_N,
        base_bits: 50,
        level_bits,
        special_bits,
        terminal_bits: vec![],
        log2_scale: log2_scale.into(),
    };
    Context::new_insecure(spec.build_insecure().unwrap()).unwrap()
}

/// Numbers in [-1, 1), the same for the same seed.
fn uniform(count: usize, seed: u64) -> Vec<f64> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    };
    (0..count).map(|_| next()).collect()
}

/// Inputs that look for trouble: constant, a single slot, alternating, extremes, harmless.
fn adversaries() -> Vec<Vec<f64>> {
    let one_hot = |at: usize| {
        (0..SLOTS)
            .map(|s| if s == at { 1.0 } else { 0.0 })
            .collect::<Vec<_>>()
    };
    let signs = |seed| {
        uniform(SLOTS, seed)
            .into_iter()
            .map(f64::signum)
            .collect::<Vec<_>>()
    };
    vec![
        vec![1.0; SLOTS],
        vec![-1.0; SLOTS],
        one_hot(0),
        one_hot(SLOTS - 1),
        (0..SLOTS).map(|s| [1.0, -1.0][s % 2]).collect(),
        signs(1),
        signs(2),
        uniform(SLOTS, 3),
        vec![0.0; SLOTS],
    ]
}

struct Case {
    context: Arc<Context>,
    program: Verified,
    plains: PlainValues,
}

/// A case with keys, and its plaintexts encoded.
struct Deployed<'c> {
    case: &'c Case,
    secret: SecretKey,
    keys: EvaluationKeys,
    store: PlainStore,
}

impl<'c> Deployed<'c> {
    fn new(case: &'c Case, seed: u8) -> Self {
        let (context, program) = (&case.context, &case.program);
        let secret = SecretKey::from_seed(context, &Seed::new([seed; 32]));
        let keys = secret
            .evaluation_keys(context, &KeySpec::from(&KeySet::of(program)))
            .unwrap()
            .expand(context, KeyMemory::Expanded)
            .unwrap();
        Deployed {
            case,
            secret,
            keys,
            store: PlainStore::encode(program, context, &case.plains).unwrap(),
        }
    }

    fn executor(&self) -> Executor<'_> {
        Executor {
            context: &self.case.context,
            keys: &self.keys,
            encapsulation: None,
            program: &self.case.program,
            plains: &self.store,
        }
    }

    fn encrypt(&self, tile: &Slots) -> Ciphertext {
        let context = &self.case.context;
        let plain = encode_input(&self.case.program, context, 0, tile).unwrap();
        self.secret.encrypt(context, &plain).unwrap().expand(context)
    }
}

struct Outcome {
    report: ErrorReport,
    /// The largest error of all outputs and inputs.
    worst: f64,
    counts: Counts,
}

fn run_case(case: &Case) -> Outcome {
    let Case {
        context,
        program,
        plains,
    } = case;
    let inputs: Vec<Vec<Vec<Slots>>> = adversaries()
        .into_iter()
        .map(|x| vec![vec![Slots::from(x)]])
        .collect();
    let ranges = observe(program, plains, &inputs, 1.0).unwrap();
    let limits = vec![vec![Slots::from(vec![1.0; SLOTS])]];
    let assumptions = Assumptions {
        inputs: &limits,
        ranges: &ranges,
        contracts: &[],
        encryption: Encryption::Secret,
        samples: 12,
    };
    let report = bound(program, context.chain(), plains, &assumptions).unwrap();
    let deployed = Deployed::new(case, 3);
    let executor = deployed.executor();
    let (mut worst, mut counts) = (0.0f64, Counts::default());
    for input in &inputs {
        let encrypted = input[0].iter().map(|tile| deployed.encrypt(tile)).collect();
        counts = Counts::default();
        let found = executor.run_counted(vec![encrypted], &(), &mut counts).unwrap();
        let expected = clear::run(program, plains, input).unwrap();
        for ((found, expected), bounds) in found.iter().zip(&expected).zip(&report.outputs) {
            for ((found, expected), &bound) in found.iter().zip(expected).zip(bounds) {
                let slots: Vec<Complex> = deployed.secret.decrypt(context, found);
                let error = (0..SLOTS)
                    .map(|s| (slots[s] - expected.get(s)).abs())
                    .fold(0.0, f64::max);
                assert!(
                    error <= bound,
                    "error {error:e} exceeds the bound {bound:e}\n{}",
                    **program
                );
                worst = worst.max(error);
            }
        }
    }
    Outcome {
        report,
        worst,
        counts,
    }
}

/// Neither exceeded (asserted on the way) nor idle, and nothing overflows.
fn assert_tight(case: &Case) -> Outcome {
    let outcome = run_case(case);
    let ratio = outcome.report.worst() / outcome.worst;
    assert!(
        ratio < 64.0,
        "the bound is {ratio:.1} times the worst error\n{}",
        *case.program
    );
    let (tightest, room) = outcome.report.tightest().unwrap();
    assert!(room > 0.0, "{tightest} overflows by {room} bits");
    outcome
}

/// A dense `SLOTS x SLOTS`-like band matrix as babies and giants, with weights from `w`.
fn dense(
    b: &mut Builder,
    plains: &mut PlainValues,
    x: he_core::program::ValueId,
    (giants, babies): (i32, i32),
    mut w: impl FnMut(usize) -> Vec<f64>,
) -> he_core::program::ValueId {
    let mut terms = Vec::new();
    for g in 0..giants {
        for r in 0..babies {
            let plain = b.factor(x, PlainClass::General, true).unwrap();
            plains.insert(plain, w(terms.len()));
            terms.push(Term {
                output: 0,
                giant: g * babies,
                input: 0,
                baby: r,
                plain,
            });
        }
    }
    b.linear(x, 1, terms).unwrap()
}

/// Two dense layers with a square between, bias, and a skip connection that is adjusted.
fn mlp(log2_scale: u32, weights: fn(usize, u64) -> Vec<f64>) -> Case {
    let context = context(log2_scale, 4);
    let mut plains = PlainValues::default();
    let mut b = Builder::new(SLOTS as u32, ChainView::from(context.chain()));
    b.layer("fc1");
    let x = b.input("x", 1, 4).unwrap();
    let y = dense(&mut b, &mut plains, x, (4, 4), |i| weights(16, i as u64));
    let bias = b.addend(y, PlainClass::General).unwrap();
    plains.insert(bias, uniform(SLOTS, 99));
    let y = b.add_plain(y, vec![bias]).unwrap();
    b.layer("square");
    let s = b.square(y).unwrap();
    let skip = b.adjust(x, 2).unwrap();
    let s = b.add(s, skip).unwrap();
    b.layer("fc2");
    let z = dense(&mut b, &mut plains, s, (2, 4), |i| weights(8, 1000 + i as u64));
    let z = b.rotate_sum(z, &[vec![0, 1, 2, 3], vec![0, 4]]).unwrap();
    b.output("z", z);
    let program = b.finish().unwrap().0;
    Case {
        context,
        program,
        plains,
    }
}

fn random_weights(terms: usize, seed: u64) -> Vec<f64> {
    uniform(SLOTS, seed + 7)
        .into_iter()
        .map(|w| w / (terms as f64).sqrt())
        .collect()
}

fn equal_weights(terms: usize, _: u64) -> Vec<f64> {
    vec![1.0 / terms as f64; SLOTS]
}

#[test]
fn dense_layers_stay_within_a_tight_bound() {
    assert_tight(&mlp(40, random_weights));
}

/// Equal weights make errors add in phase: a bound that added variances would be exceeded.
#[test]
fn coherent_errors_stay_within_a_tight_bound() {
    assert_tight(&mlp(40, equal_weights));
}

#[test]
fn bound_and_error_fall_as_the_scale_grows() {
    let outcomes: Vec<Outcome> = [30, 35, 40, 45]
        .map(|scale| assert_tight(&mlp(scale, random_weights)))
        .into();
    for pair in outcomes.windows(2) {
        let (fall, real) = (
            pair[0].report.worst() / pair[1].report.worst(),
            pair[0].worst / pair[1].worst,
        );
        assert!(
            fall > 16.0 && fall < 64.0,
            "five bits of scale lowered the bound by {fall:.1}"
        );
        assert!(real > 8.0, "five bits of scale lowered the error by {real:.1}");
    }
}

#[test]
fn every_operation_of_the_executor_agrees_with_the_clear_one() {
    let context = context(40, 5);
    let mut plains = PlainValues::default();
    let mut b = Builder::new(SLOTS as u32, ChainView::from(context.chain()));
    let x = b.input("x", 1, 5).unwrap();
    // Two tiles: one complex, one periodic plaintext, one rotated flat group, one raised group.
    let plain = |b: &mut Builder, plains: &mut PlainValues, class, values: Slots| {
        let p = b.factor(x, class, true).unwrap();
        plains.insert(p, values);
        p
    };
    let complex: Vec<Complex> = uniform(SLOTS, 1)
        .iter()
        .zip(uniform(SLOTS, 2))
        .map(|(&a, c)| Complex::new(a, c) * 0.5)
        .collect();
    let p0 = plain(&mut b, &mut plains, PlainClass::General, complex.into());
    let p1 = plain(
        &mut b,
        &mut plains,
        PlainClass::Periodic { period: 8 },
        uniform(8, 3).into(),
    );
    let p2 = plain(&mut b, &mut plains, PlainClass::Constant, 0.75.into());
    let term = |output, giant, baby, plain| Term {
        output,
        giant,
        input: 0,
        baby,
        plain,
    };
    let terms = vec![
        term(0, 0, 0, p0),
        term(0, 16, 0, p2),
        term(1, 0, 0, p1),
        term(1, 16, 3, p0),
        term(1, 16, 0, p2),
    ];
    let y = b.linear(x, 2, terms).unwrap();
    let z = b.rotate(y, &[0, -5]).unwrap();
    let y = b.sub(y, z).unwrap();
    let i = b.mul_i(y).unwrap();
    let c = b.conjugate(i).unwrap();
    let y = b.multiply(y, c).unwrap();
    let half = b.factor(y, PlainClass::Constant, false).unwrap();
    plains.insert(half, 0.25);
    let y = b.scale(y, half).unwrap();
    let first = b.select(y, vec![1]).unwrap();
    let y = b.gather(vec![first, y]).unwrap();
    b.output("y", y);
    let program = b.finish().unwrap().0;
    let case = Case {
        context,
        program,
        plains,
    };
    let outcome = assert_tight(&case);
    let expected = count_on(&case.program, case.context.chain()).total;
    assert_eq!(outcome.counts.calls(), expected.calls());
}

#[test]
fn polynomials_stay_within_their_bound() {
    for degree in [1usize, 3, 7, 15] {
        let context = context(40, 5);
        let mut plains = PlainValues::default();
        let mut b = Builder::new(SLOTS as u32, ChainView::from(context.chain()));
        let x = b.input("x", 1, 5).unwrap();
        let coefficients = uniform(degree + 1, 5).into_iter().enumerate();
        let ids = coefficients
            .map(|(k, c)| {
                let id = b.coefficient(x).unwrap();
                plains.insert(id, c / (1.0 + k as f64));
                id
            })
            .collect();
        let y = b.polynomial(x, ids).unwrap();
        b.output("y", y);
        let program = b.finish().unwrap().0;
        assert_tight(&Case {
            context,
            program,
            plains,
        });
    }
}

#[test]
fn a_run_can_be_followed_and_cancelled() {
    let case = mlp(40, random_weights);
    let Case { context, program, .. } = &case;
    let deployed = Deployed::new(&case, 4);
    let executor = deployed.executor();
    let input = || vec![vec![deployed.encrypt(&uniform(SLOTS, 1).into())]];
    let seen = Cell::new(0);
    let all = |_: &str, done: usize, total: usize| {
        assert_eq!((done, total), (seen.get() + 1, program.ops.len()));
        seen.set(done);
        ControlFlow::Continue(())
    };
    executor.run(input(), &all).unwrap();
    assert_eq!(seen.get(), program.ops.len());
    let stop = |layer: &str, _: usize, _: usize| {
        if layer == "square" {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    };
    let error = executor.run(input(), &stop).unwrap_err();
    assert!(
        matches!(error, RunError::Cancelled { ref layer, done: 4, .. } if layer == "square"),
        "{error:?}"
    );
    assert!(matches!(
        executor.run(vec![], &()),
        Err(RunError::Inputs {
            expected: 1,
            found: 0
        })
    ));
    let wrong = context.encode(&[1.0], context.scale(1), 1, false).unwrap();
    let wrong = deployed.secret.encrypt(context, &wrong).unwrap().expand(context);
    assert!(matches!(
        executor.run(vec![vec![wrong]], &()),
        Err(RunError::State {
            level: 4,
            found_level: 1,
            ..
        })
    ));
}

#[test]
fn values_that_break_their_class_are_refused() {
    let context = context(40, 2);
    let mut b = Builder::new(SLOTS as u32, ChainView::from(context.chain()));
    let x = b.input("x", 1, 2).unwrap();
    let plain = b.factor(x, PlainClass::Periodic { period: 4 }, false).unwrap();
    let y = b
        .linear(
            x,
            1,
            vec![Term {
                output: 0,
                giant: 0,
                input: 0,
                baby: 0,
                plain,
            }],
        )
        .unwrap();
    b.output("y", y);
    let program = b.finish().unwrap().0;
    let mut plains = PlainValues::default();
    assert!(
        PlainStore::encode(&program, &context, &plains).is_err(),
        "a missing plaintext was accepted"
    );
    plains.insert(plain, uniform(SLOTS, 1));
    assert!(
        PlainStore::encode(&program, &context, &plains).is_err(),
        "a wrong period was accepted"
    );
    plains.insert(plain, uniform(4, 1));
    assert!(PlainStore::encode(&program, &context, &plains).is_ok());
}
