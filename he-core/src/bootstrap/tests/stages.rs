//! Stage by stage with the secret key, and the whole.

use super::{bench, small, small_bench, worst};
use crate::bootstrap::BootstrapSpec;
use crate::ckks::Context;
use crate::complex::Complex;
use crate::math::sample::Seed;

#[test]
fn the_quotient_is_integral_and_bounded_after_mod_raise() {
    let b = small_bench();
    let n = b.context.slots();
    let x: Vec<f64> = (0..n).map(|k| (k as f64 * 0.7).sin()).collect();
    let raised = b.raised(&x);
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
    let raised = b.raised(&x);
    let coefficients = b.coefficients(&raised);
    let parts = b
        .bootstrapper
        .to_slots(&b.keys, &b.encapsulation, &raised)
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
        assert!(stages.is_sorted() && stages.len() == 5);
        assert_eq!(rx.level(), small().refreshed_level());
        assert!((rx.scale() / b.context.scale(rx.level()) - 1.0).abs() < 1e-12);
        for (refreshed, expected) in [(rx, x), (ry, y)] {
            let error = worst(&b.secret.decrypt_real(&b.context, &refreshed), &expected);
            println!("{name}: {:.1} bits", -error.log2());
            assert!(error < 2f64.powi(-16), "{name}: {:.1} bits", -error.log2());
        }
    }
}

#[test]
fn every_path_gives_the_same_words() {
    let spec = BootstrapSpec { log_n: 8, ..small() };
    let mut results = vec![];
    for kernels in crate::math::kernels::available() {
        let chain = spec.chain().build_insecure().unwrap();
        let b = bench(Context::insecure_with_kernels(chain, kernels).unwrap(), &spec);
        let x: Vec<f64> = (0..b.context.slots()).map(|k| (k as f64).cos()).collect();
        let plain = b
            .context
            .encode(
                &x,
                b.context.scale(b.bootstrapper.entry_level()),
                b.bootstrapper.entry_level(),
                false,
            )
            .unwrap();
        let encrypted = b
            .secret
            .encrypt_from(&b.context, &plain, &Seed::new([6; 32]))
            .unwrap()
            .expand(&b.context);
        let refreshed = b
            .bootstrapper
            .refresh(&b.keys, &b.encapsulation, &encrypted, &mut |_| {})
            .unwrap();
        let error = worst(&b.secret.decrypt_real(&b.context, &refreshed), &x);
        assert!(error < 2f64.powi(-16), "{:.1} bits", -error.log2());
        results.push((kernels.path(), refreshed.to_bytes(&b.context)));
    }
    println!(
        "paths: {:?}",
        results.iter().map(|(path, _)| path.name()).collect::<Vec<_>>()
    );
    assert!(results.windows(2).all(|pair| pair[0].1 == pair[1].1));
}
