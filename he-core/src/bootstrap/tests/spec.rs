//! Specifications: which chains fit them, and that those shipped are secure.

use super::small;
use crate::bootstrap::{BootstrapSpec, Bootstrapper};
use crate::ckks::Context;
use crate::error::Error;

#[test]
fn chains_that_do_not_fit_are_refused() {
    let longer = BootstrapSpec { work: 3, ..small() };
    let steep = BootstrapSpec {
        degree: 64,
        ..small()
    };
    let turns_only = BootstrapSpec {
        coeffs_to_slots: 1,
        ..small()
    };
    let split = BootstrapSpec {
        base_bits: 60,
        ..small()
    };
    // The specification of the chain, the one it is held against, and what is found and expected.
    for (made, spec, counts) in [
        (&longer, &small(), [17, 16]),
        (&steep, &steep, [8, 9]),
        (&turns_only, &turns_only, [1, 2]),
        (&split, &split, [2, 1]),
    ] {
        let context = Context::new_insecure(made.chain().build_insecure().unwrap()).unwrap();
        match Bootstrapper::new(&context, spec).err() {
            Some(Error::Count { found, expected, .. }) => assert_eq!([found, expected], counts),
            other => panic!("{other:?} in place of {counts:?}"),
        }
    }
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
