//! Running out of levels is a typed error of every operation that spends one, and never a panic.

use he_core::Error;
use he_core::ckks::linear::{self, LinearPlan, Term, Weights};
use he_core::ckks::{Context, KeyMemory, KeySpec, SecretKey, eval, polynomial};
use he_core::math::sample::Seed;
use he_core::params::ChainSpec;

#[test]
fn what_spends_a_level_is_refused_at_the_bottom() {
    let spec = ChainSpec {
        log_n: 6,
        base_bits: 50,
        level_bits: vec![40; 2],
        special_bits: vec![45; 2],
        terminal_bits: vec![],
        log2_scale: 40.0,
    };
    let context = Context::new_insecure(spec.build_insecure().unwrap()).unwrap();
    let secret = SecretKey::from_seed(&context, &Seed::new([5; 32]));
    let spec = KeySpec {
        relin_level: Some(2),
        ..KeySpec::default()
    };
    let keys = secret
        .evaluation_keys(&context, &spec)
        .unwrap()
        .expand(&context, KeyMemory::Expanded)
        .unwrap();
    let plain = context
        .encode(&vec![0.5; context.slots()], context.scale(0), 0, false)
        .unwrap();
    let x = secret.encrypt(&context, &plain).unwrap().expand(&context);
    let term = Term {
        output: 0,
        giant: 0,
        input: 0,
        baby: 0,
        plain: 0,
    };
    let plan = LinearPlan::new(1, vec![term], true).unwrap();
    let weights = Weights::new(&context, &plan, 0, |_| &plain).unwrap();
    let refusals = [
        ("rescale", eval::rescale(&context, &x)),
        ("scalar", eval::mul_scalar(&context, &x, 0.5)),
        ("square", eval::square(&context, &keys, &x)),
        ("multiply", eval::multiply(&context, &keys, &x, &x)),
        (
            "polynomial",
            polynomial::evaluate(&context, &keys, &x, &[0.0, 1.0]),
        ),
        (
            "transform",
            linear::apply(&context, &keys, &[&x], &plan, &weights).map(|mut tiles| tiles.remove(0)),
        ),
    ];
    for (operation, outcome) in refusals {
        assert!(
            matches!(outcome, Err(Error::LevelsExhausted { .. })),
            "{operation}: {:?}",
            outcome.err()
        );
    }
    // A level further up, the same operations work, and too long a polynomial is still refused.
    let plain = context
        .encode(&vec![0.5; context.slots()], context.scale(1), 1, false)
        .unwrap();
    let x = secret.encrypt(&context, &plain).unwrap().expand(&context);
    assert_eq!(eval::square(&context, &keys, &x).unwrap().level(), 0);
    assert_eq!(eval::mul_scalar(&context, &x, 0.5).unwrap().level(), 0);
    assert!(polynomial::evaluate(&context, &keys, &x, &[0.0, 1.0]).is_ok());
    assert_eq!(
        polynomial::evaluate(&context, &keys, &x, &[0.0, 0.0, 1.0]),
        Err(Error::LevelsExhausted { op: "polynomial" })
    );
}
