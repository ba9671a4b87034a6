//! Refreshing as an operation of programs: on ciphertexts against the clear, within the derived bound, and what is refused.

#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::sync::Arc;

use he_core::bootstrap::{BootstrapSpec, EncapsulationKeys};
use he_core::ckks::{Context, EvaluationKeys, KeyMemory, KeySpec, SecretKey};
use he_core::math::sample::Seed;
use he_core::program::clear::{self, ClearError};
use he_core::program::count::Counts;
use he_core::program::error::{Assumptions, BoundError, Encryption, Range, bound};
use he_core::program::infer::Fault;
use he_core::program::store::encode_input;
use he_core::program::{
    Builder, ChainView, Executor, KeySet, Op, PlainClass, PlainStore, PlainValues, Program, RunError, Slots,
    ValueId, Verified, codec, verify,
};

/// The levels of B16-lite on a small ring.
fn small() -> BootstrapSpec {
    BootstrapSpec {
        log_n: 9,
        work: 3,
        special_bits: vec![50; 4],
        terminal_bits: vec![],
        ..BootstrapSpec::b16_lite()
    }
}

fn context(spec: &BootstrapSpec) -> Arc<Context> {
    Context::new_insecure(spec.chain().build_insecure().unwrap()).unwrap()
}

struct Keys {
    secret: SecretKey,
    evaluation: EvaluationKeys,
    encapsulation: EncapsulationKeys,
}

impl Keys {
    fn new(context: &Context, program: &Program) -> Self {
        let secret = SecretKey::from_seed(context, &Seed::new([3; 32]));
        let spec = KeySpec::from(&KeySet::of(program));
        let evaluation = secret.evaluation_keys(context, &spec).unwrap();
        Keys {
            evaluation: evaluation.expand(context, KeyMemory::Seeded).unwrap(),
            encapsulation: secret.encapsulation_keys(context).unwrap(),
            secret,
        }
    }
}

/// `(4 x)^2 / 16`, refreshed within 4 before the square and within 16 behind it; a number of tiles that leaves one without a pair.
fn program(context: &Context, tiles: u32) -> (Verified, PlainValues) {
    let mut plains = PlainValues::default();
    let slots = context.slots() as u32;
    let mut b = Builder::new(slots, ChainView::from(context.chain())).bootstrapping(small());
    let x = b.input("x", tiles, 6).unwrap();
    let mut scaled = |b: &mut Builder, x: ValueId, by: f64| {
        let factor = b.factor(x, PlainClass::Constant, false).unwrap();
        plains.insert(factor, by);
        b.scale(x, factor).unwrap()
    };
    let x = scaled(&mut b, x, 4.0);
    let x = b.refresh(x, 4.0).unwrap();
    assert_eq!(b.state(x).unwrap().level, 6);
    let x = b.square(x).unwrap();
    let x = b.refresh(x, 16.0).unwrap();
    let x = scaled(&mut b, x, 0.0625);
    b.output("y", x);
    (b.finish().unwrap().0, plains)
}

fn tiles(count: usize, slots: usize) -> Vec<Slots> {
    let wave = |t: usize| (0..slots).map(move |s| ((s + 7 * t) as f64 * (0.3 + t as f64)).sin());
    (0..count).map(|t| wave(t).collect::<Vec<f64>>().into()).collect()
}

#[test]
fn a_program_refreshes_within_its_bound() {
    let context = context(&small());
    let (program, plains) = program(&context, 3);
    let input = tiles(3, context.slots());
    let limits = vec![vec![Slots::from(vec![1.0; context.slots()]); 3]];
    let assumptions = Assumptions {
        inputs: &limits,
        ranges: &[],
        contracts: &[],
        encryption: Encryption::Secret,
        samples: 12,
    };
    let report = bound(&program, context.chain(), &plains, &assumptions).unwrap();
    let keys = Keys::new(&context, &program);
    let store = PlainStore::encode(&program, &context, &plains).unwrap();
    let executor = Executor {
        context: &context,
        keys: &keys.evaluation,
        encapsulation: Some(&keys.encapsulation),
        program: &program,
        plains: &store,
    };
    let encrypt = |tile: &Slots| {
        let plain = encode_input(&program, &context, 0, tile).unwrap();
        keys.secret.encrypt(&context, &plain).unwrap().expand(&context)
    };
    let encrypted = input.iter().map(encrypt).collect();
    let mut counts = Counts::default();
    let found = executor.run_counted(vec![encrypted], &(), &mut counts).unwrap();
    assert_eq!(counts.refreshes, 6);
    let expected = clear::run(&program, &plains, &[input]).unwrap();
    for ((found, expected), &bound) in found[0].iter().zip(&expected[0]).zip(&report.outputs[0]) {
        let slots = keys.secret.decrypt(&context, found);
        let error = (0..context.slots())
            .map(|s| (slots[s] - expected.get(s)).abs())
            .fold(0.0, f64::max);
        println!("error {:.1} bits, bound {:.1} bits", -error.log2(), -bound.log2());
        assert!(error <= bound, "error {error:e}, bound {bound:e}");
        assert!(bound <= 60.0 * error, "error {error:e}, idle bound {bound:e}");
    }
    let executor = Executor {
        encapsulation: None,
        ..executor
    };
    let zero = |_| encrypt(&Slots::zeros(context.slots()));
    let error = executor.run(vec![(0..3).map(zero).collect()], &()).unwrap_err();
    assert!(matches!(error, RunError::Refresh { op: 2, .. }), "{error}");
}

#[test]
fn what_leaves_its_bound_is_reported() {
    let context = context(&small());
    let (program, plains) = program(&context, 1);
    let mut tile = vec![1.0; context.slots()];
    assert!(clear::run(&program, &plains, &[vec![tile.clone().into()]]).is_ok());
    tile[5] = -1.01;
    let error = clear::run(&program, &plains, &[vec![tile.clone().into()]]).unwrap_err();
    assert!(
        matches!(error, ClearError::Refresh { op: 2, found, bound: 4.0, .. } if (found + 4.04).abs() < 1e-9),
        "{error}"
    );
    tile[5] = f64::NAN;
    let error = clear::run(&program, &plains, &[vec![tile.clone().into()]]).unwrap_err();
    assert!(matches!(error, ClearError::Refresh { .. }), "{error}");
    let complex = Slots {
        re: vec![0.5; context.slots()],
        im: vec![1e-3; context.slots()],
    };
    let error = clear::run(&program, &plains, &[vec![complex]]).unwrap_err();
    assert!(matches!(error, ClearError::Imaginary { .. }), "{error}");
    // Inputs up to 1.5 could leave the bound; a range says that they do not.
    let limits = vec![vec![Slots::from(vec![1.5; context.slots()])]];
    let bounded = |ranges: &[Range]| {
        let assumptions = Assumptions {
            inputs: &limits,
            ranges,
            contracts: &[],
            encryption: Encryption::Secret,
            samples: 2,
        };
        bound(&program, context.chain(), &plains, &assumptions)
    };
    let refused = bounded(&[]).unwrap_err();
    assert!(
        matches!(
            refused,
            BoundError::Refresh {
                op: 2,
                found: 6.0,
                bound: 4.0
            }
        ),
        "{refused}"
    );
    let mut ranges = vec![Range::UNKNOWN; program.ops.len()];
    ranges[0] = Range::within(1.0);
    assert!(bounded(&ranges).is_ok());
}

#[test]
fn refreshing_is_verified() {
    let context = context(&small());
    let chain = ChainView::from(context.chain());
    let writer = || Builder::new(context.slots() as u32, chain.clone()).bootstrapping(small());
    // Without a specification, below the entry level, at it with another scale, within nothing.
    let mut plain = Builder::new(context.slots() as u32, chain.clone());
    let x = plain.input("x", 1, 6).unwrap();
    assert_eq!(plain.refresh(x, 1.0).unwrap_err().fault, Fault::Bootstrap);
    let mut b = writer();
    let [low, entry, high] = [2, 3, 4].map(|level| b.input(&format!("x{level}"), 1, level).unwrap());
    let fault = Fault::Level { needed: 3, found: 2 };
    assert_eq!(b.refresh(low, 1.0).unwrap_err().fault, fault);
    assert!(matches!(
        b.refresh(entry, 2.0).unwrap_err().fault,
        Fault::Scale { .. }
    ));
    assert_eq!(
        b.refresh(high, 0.0).unwrap_err().fault,
        Fault::Bound { found: 0.0 }
    );
    assert!(b.refresh(entry, 1.0).is_ok() && b.refresh(high, 2.0).is_ok());
    // A layer that delivers values divided by the bound saves the level of that division.
    let factor = b.factor(high, PlainClass::Constant, false).unwrap();
    let scale = chain.scales[3] / 2.0 * chain.dropped[4] / chain.scales[4];
    let half = b.factor_at(high, scale, PlainClass::Constant, false).unwrap();
    assert!(factor != half);
    let half = b.scale(high, half).unwrap();
    assert!(b.refresh(half, 2.0).is_ok());
    // Another specification than the chain's.
    let (program, _) = program(&context, 2);
    let tampers: [fn(&mut Program); 5] = [
        |p| p.bootstrap = None,
        |p| p.bootstrap.as_mut().unwrap().work = 4,
        |p| p.bootstrap.as_mut().unwrap().log_n = 63,
        |p| p.bootstrap.as_mut().unwrap().coeffs_to_slots = usize::MAX,
        |p| {
            p.ops[2] = Op::Refresh {
                x: ValueId(1),
                bound: f64::NAN,
            }
        },
    ];
    for tamper in tampers {
        let mut tampered = program.clone().into_program();
        tamper(&mut tampered);
        assert!(verify::verify(&tampered, &chain).is_err());
    }
    let bytes = codec::encode(&program).unwrap();
    assert_eq!(codec::decode(&bytes).unwrap(), *program);
    assert!(
        program
            .to_string()
            .contains("%2 = refresh %1 within 4.0000 ; 2 tiles, level 6")
    );
}
