//! Tests of the parent module: every operation against the slots it means, within bounds that follow from the noise formulas.

use super::*;
use crate::ckks::fixture::{Fixture, mean_square, rotated, slots};
use crate::ckks::noise;
use crate::complex::Complex;
use proptest::prelude::*;

/// The definition on plain slots; `plains` hold the factors before the rotation by `-giant`.
fn by_definition(
    inputs: &[Vec<Complex>],
    outputs: usize,
    terms: &[Term],
    plains: &[Vec<Complex>],
) -> Vec<Vec<Complex>> {
    let n = inputs[0].len();
    let mut sums = vec![vec![Complex::default(); n]; outputs];
    for term in terms {
        let plain: Vec<_> = plains[term.plain as usize]
            .iter()
            .cycle()
            .take(n)
            .copied()
            .collect();
        let baby = rotated(&inputs[term.input as usize], term.baby);
        let product: Vec<_> = plain.iter().zip(&baby).map(|(&p, &b)| p * b).collect();
        for (sum, &p) in sums[term.output as usize]
            .iter_mut()
            .zip(&rotated(&product, term.giant))
        {
            *sum += p;
        }
    }
    sums
}

/// An upper bound on V of any output before the last division: every term carries a baby's and a giant's key switch.
fn output_noise(
    f: &Fixture,
    level: usize,
    terms: usize,
    plain_scale: f64,
    plain_square: f64,
    rescale: bool,
) -> f64 {
    let (chain, n) = (f.context.chain(), f.context.degree());
    let switched = noise::key_switch(chain, level);
    let baby = noise::fresh_secret() + noise::encoding() + switched;
    let product = noise::plain_product(
        baby,
        plain_scale,
        plain_square,
        chain.scale(level),
        2.0 * n as f64,
    );
    let v = terms as f64 * (product + switched);
    if rescale {
        noise::rescale(v, chain.divisor(level), n)
    } else {
        v + noise::rounding(n)
    }
}

const ROTATIONS: [i32; 6] = [1, 2, 3, 4, 8, -4];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn transforms_agree_with_their_definition(
        raw in prop::collection::vec((0u32..3, 0usize..5, 0u32..2, 0usize..4, 0u32..6), 1..14),
        level in 1usize..=4,
        rescale: bool,
        strides: bool,
    ) {
        let f = Fixture::new(5, &ROTATIONS);
        // The last is a full turn.
        let (giants, babies) = ([-8, 0, 4, 8, 16], [0, 1, 2, 3]);
        let mut terms: Vec<Term> = raw.iter().map(|&(output, giant, input, baby, plain)| {
            Term { output, giant: giants[giant], input, baby: babies[baby], plain }
        }).collect();
        // Every output has a term.
        terms.extend((0..3).map(|output| Term { output, giant: 0, input: 0, baby: 0, plain: output }));
        terms.sort_by_key(|t| (t.output, t.giant, t.input, t.baby));
        let inputs: Vec<_> = (0..2).map(|i| slots(16, 20 + i)).collect();
        let plains: Vec<_> = (0..6).map(|i| slots([16, 16, 1, 2, 4, 8][i as usize], 30 + i)).collect();
        let encrypted: Vec<_> = inputs.iter().map(|x| f.encrypt(x, level)).collect();
        let encoded: Vec<_> = plains.iter().map(|p| f.factor(p, level, true)).collect();
        let mut plan = LinearPlan::new(3, terms.clone(), rescale).unwrap();
        if strides {
            plan = plan.in_strides(4).unwrap();
            prop_assert!(plan.rotations().iter().all(|r| ROTATIONS[..4].contains(r) || *r == -4));
        }
        let found = transform(&f.context, &f.keys, &encrypted, &plan, |i| &encoded[i as usize]).unwrap();
        let expected = by_definition(&inputs, 3, &terms, &plains);
        let square = plains.iter().map(|p| mean_square(p)).fold(1.0, f64::max);
        // At most two strides either way.
        let v = output_noise(&f, level, terms.len() + 4, encoded[0].scale(), square, rescale);
        for (found, expected) in found.into_iter().zip(&expected) {
            prop_assert_eq!(found.level(), if rescale { level - 1 } else { level });
            let bound = noise::slot_bound(v, f.context.degree(), found.scale()) + 1e-12;
            let worst = crate::ckks::fixture::distance(&f.decrypt(&found), expected);
            prop_assert!(worst < bound, "error {:e}, allowed {:e}", worst, bound);
        }
    }
}

#[test]
fn flat_transforms_need_no_special_primes() {
    let f = Fixture::new(5, &[]);
    let (x, p) = (slots(16, 40), slots(16, 41));
    let terms = vec![Term {
        output: 0,
        giant: 0,
        input: 0,
        baby: 0,
        plain: 0,
    }];
    let plan = LinearPlan::new(1, terms, true).unwrap();
    assert!(!plan.needs_special(0));
    let plain = f.factor(&p, 2, false);
    let found = transform(&f.context, &f.keys, &[f.encrypt(&x, 2)], &plan, |_| &plain).unwrap();
    let expected: Vec<_> = x.iter().zip(&p).map(|(&x, &p)| x * p).collect();
    f.assert_slots(
        &found[0],
        &expected,
        output_noise(&f, 2, 1, plain.scale(), mean_square(&p).max(1.0), true),
    );
}

#[test]
fn a_flat_group_may_be_rotated() {
    let f = Fixture::new(5, &[4]);
    let (x, p) = (slots(16, 42), slots(4, 43));
    let terms = vec![
        Term {
            output: 0,
            giant: 0,
            input: 0,
            baby: 0,
            plain: 0,
        },
        Term {
            output: 0,
            giant: 4,
            input: 0,
            baby: 0,
            plain: 0,
        },
    ];
    let plain = f.factor(&p, 3, false);
    let plan = LinearPlan::new(1, terms.clone(), true).unwrap();
    let found = transform(&f.context, &f.keys, &[f.encrypt(&x, 3)], &plan, |_| &plain).unwrap();
    let expected = by_definition(&[x], 1, &terms, std::slice::from_ref(&p));
    f.assert_slots(
        &found[0],
        &expected[0],
        output_noise(&f, 3, 2, plain.scale(), 2.0, true),
    );
}

#[test]
fn refusals() {
    let f = Fixture::new(5, &[1]);
    let term = |output, giant, baby| Term {
        output,
        giant,
        input: 0,
        baby,
        plain: 0,
    };
    assert!(LinearPlan::new(2, vec![term(0, 0, 0)], true).is_err());
    assert!(LinearPlan::new(1, vec![term(0, 4, 0), term(0, 0, 0)], true).is_err());
    for stride in [0, 3] {
        let plan = LinearPlan::new(1, vec![term(0, 4, 0)], true).unwrap();
        assert!(matches!(plan.in_strides(stride), Err(Error::Terms { .. })));
    }
    let (x, plain) = (f.encrypt(&slots(16, 1), 1), f.factor(&slots(16, 2), 1, false));
    let plan = LinearPlan::new(1, vec![term(0, 0, 1)], true).unwrap();
    assert!(plan.needs_special(0));
    let run =
        |x: &Ciphertext, plan| transform(&f.context, &f.keys, std::slice::from_ref(x), plan, |_| &plain);
    assert!(matches!(run(&x, &plan), Err(Error::PlaintextLimbs { .. })));
    let giant = LinearPlan::new(1, vec![term(0, 4, 0)], true).unwrap();
    assert!(matches!(run(&x, &giant), Err(Error::MissingKey { .. })));
    let bottom = f.encrypt(&slots(16, 1), 0);
    let flat = LinearPlan::new(1, vec![term(0, 0, 0)], true).unwrap();
    assert!(matches!(run(&bottom, &flat), Err(Error::LevelsExhausted { .. })));
}

#[test]
fn sums_of_rotations() {
    let f = Fixture::new(5, &ROTATIONS);
    let x = slots(16, 50);
    let stages = [vec![0, 1, 2, 3], vec![0, 4, 8]];
    for level in [0, 2, 4] {
        let found = rotate_sum(&f.context, &f.keys, &f.encrypt(&x, level), &stages).unwrap();
        let sum = |x: &Vec<Complex>, stage: &Vec<i32>| {
            let mut sum = vec![Complex::default(); 16];
            for &r in stage {
                sum.iter_mut().zip(rotated(x, r)).for_each(|(sum, x)| *sum += x);
            }
            sum
        };
        let expected = stages.iter().fold(x.clone(), |x, stage| sum(&x, stage));
        let chain = f.context.chain();
        let switched = noise::key_switch(chain, level);
        // Copies of one noise, rotated, may add up in step: amplitudes add.
        let fresh = noise::fresh_secret() + noise::encoding();
        let v = (fresh * 16.0 + 4.0 * switched) * 9.0 + 3.0 * switched;
        f.assert_slots(&found, &expected, v);
    }
}
