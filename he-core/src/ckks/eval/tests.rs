//! Tests of the parent module: every operation against the slots it means, within bounds that follow from the noise formulas.

use super::*;
use crate::ckks::fixture::{Fixture, mean_square, rotated, slots};
use crate::ckks::noise;
use crate::complex::Complex;

fn zip(x: &[Complex], y: &[Complex], f: impl Fn(Complex, Complex) -> Complex) -> Vec<Complex> {
    x.iter().zip(y).map(|(&x, &y)| f(x, y)).collect()
}

/// V after the product of two fresh ciphertexts of `level`, relinearised and rescaled.
fn product_noise(f: &Fixture, level: usize, x: &[Complex], y: &[Complex]) -> f64 {
    let (chain, n) = (f.context.chain(), f.context.degree());
    let scale = chain.scale(level);
    let tau = noise::slot_variance(noise::fresh_secret() + noise::encoding(), n, scale);
    let tau_product = noise::product(tau, mean_square(x).max(1.0), tau, mean_square(y).max(1.0));
    let v = tau_product * scale.powi(4) / n as f64 + noise::key_switch_unrounded(chain, level);
    noise::rescale(v, chain.divisor(level), n)
}

#[test]
fn sums_and_differences() {
    let f = Fixture::new(6, &[]);
    let (x, y) = (slots(32, 1), slots(32, 2));
    let v = noise::add(noise::fresh_secret(), noise::fresh_secret()) + 2.0 * noise::encoding();
    for level in 0..=f.context.top_level() {
        let (cx, cy) = (f.encrypt(&x, level), f.encrypt(&y, level));
        f.assert_slots(&add(&f.context, &cx, &cy).unwrap(), &zip(&x, &y, |x, y| x + y), v);
        f.assert_slots(&sub(&f.context, &cx, &cy).unwrap(), &zip(&x, &y, |x, y| x - y), v);
        f.assert_slots(&negate(&f.context, &cx), &zip(&x, &x, |x, _| -x), v);
        let p = f
            .context
            .encode_complex(&y, f.context.scale(level), level, false)
            .unwrap();
        f.assert_slots(
            &add_plain(&f.context, &cx, &p).unwrap(),
            &zip(&x, &y, |x, y| x + y),
            v,
        );
        f.assert_slots(
            &mul_i(&f.context, &cx),
            &zip(&x, &x, |x, _| x * Complex::new(0.0, 1.0)),
            v,
        );
    }
}

#[test]
fn products_at_every_level() {
    let f = Fixture::new(6, &[]);
    let (x, y) = (slots(32, 3), slots(32, 4));
    for level in 1..=f.context.top_level() {
        let (cx, cy) = (f.encrypt(&x, level), f.encrypt(&y, level));
        let xy = multiply(&f.context, &f.keys, &cx, &cy).unwrap();
        f.assert_slots(&xy, &zip(&x, &y, |x, y| x * y), product_noise(&f, level, &x, &y));
        let xx = square(&f.context, &f.keys, &cx).unwrap();
        f.assert_slots(&xx, &zip(&x, &x, |x, _| x * x), product_noise(&f, level, &x, &x));
    }
    let bottom = f.encrypt(&x, 0);
    assert_eq!(
        square(&f.context, &f.keys, &bottom),
        Err(Error::LevelsExhausted { op: "multiply" })
    );
    let top = f.encrypt(&x, 2);
    assert!(matches!(
        multiply(&f.context, &f.keys, &bottom, &top),
        Err(Error::Level { .. })
    ));
}

#[test]
fn plaintext_products_of_every_period() {
    let f = Fixture::new(6, &[]);
    let (chain, n) = (f.context.chain(), f.context.degree());
    let x = slots(32, 5);
    for (log_period, level) in [(0, 1), (1, 2), (2, 3), (3, 4), (4, 2), (5, 1)] {
        let p = slots(1 << log_period, 6);
        let repeated: Vec<_> = p.iter().cycle().take(32).copied().collect();
        let factor = f.factor(&p, level, false);
        assert_eq!(factor.bytes(), 8 * (2 << log_period) * chain.limbs(level));
        let product = rescale(
            &f.context,
            &mul_plain(&f.context, &f.encrypt(&x, level), &factor).unwrap(),
        )
        .unwrap();
        let v = noise::plain_product(
            noise::fresh_secret() + noise::encoding(),
            factor.scale(),
            mean_square(&p).max(1.0),
            chain.scale(level),
            // The rounding error of a periodic plaintext stands in few coefficients and meets few: allow the worst slot.
            2.0 * (32 >> log_period) as f64,
        );
        let v = noise::rescale(v, chain.divisor(level), n);
        f.assert_slots(&product, &zip(&x, &repeated, |x, p| x * p), v);
    }
}

#[test]
fn rotations_and_conjugation() {
    let f = Fixture::new(6, &[1, -3, 8]);
    let x = slots(32, 7);
    let (chain, top) = (f.context.chain(), f.context.top_level());
    for level in [0, 2, top] {
        let cx = f.encrypt(&x, level);
        let v = noise::fresh_secret() + noise::encoding() + noise::key_switch(chain, level);
        let many = rotate_many(&f.context, &f.keys, &cx, &[1, -3, 8, 0]).unwrap();
        for (r, hoisted) in [1, -3, 8].into_iter().zip(&many) {
            let single = rotate(&f.context, &f.keys, &cx, r).unwrap();
            f.assert_slots(&single, &rotated(&x, r), v);
            assert_eq!(&single, hoisted);
        }
        assert_eq!(many[3], cx);
        let conjugate = conjugate(&f.context, &f.keys, &cx).unwrap();
        f.assert_slots(&conjugate, &zip(&x, &x, |x, _| x.conj()), v);
    }
    // The same rotation modulo the slots uses the same key.
    assert!(rotate(&f.context, &f.keys, &f.encrypt(&x, 1), -24).is_ok());
    assert!(matches!(
        rotate(&f.context, &f.keys, &f.encrypt(&x, 1), 2),
        Err(Error::MissingKey { .. })
    ));
}

#[test]
fn levels_and_scales_are_brought_together() {
    let f = Fixture::new(6, &[]);
    let (chain, n, x) = (f.context.chain(), f.context.degree(), slots(32, 8));
    let cx = f.encrypt(&x, 4);
    let v = noise::rescale(
        noise::fresh_secret() * chain.plain_scale(1).powi(2),
        chain.divisor(1),
        n,
    );
    assert!(!chain.contains(3, 2));
    for from in 1..=4 {
        let cx = f.encrypt(&x, from);
        for level in 0..from {
            let lower = adjust(&f.context, &cx, level).unwrap();
            assert_eq!(lower.level(), level);
            // The constant one is rounded to an integer: a relative error of 2^-41 at most.
            f.assert_slots(
                &lower,
                &x,
                v + 2.0 * (chain.scale(level) * 2f64.powi(-40)).powi(2),
            );
        }
    }
    assert!(matches!(
        drop_to(&f.context, &f.encrypt(&x, 3), 2),
        Err(Error::Level {
            found: 3,
            expected: 2,
            ..
        })
    ));
    let dropped = drop_to(&f.context, &cx, 1).unwrap();
    assert!(matches!(
        add(&f.context, &cx, &dropped),
        Err(Error::Level {
            found: 1,
            expected: 4,
            ..
        })
    ));
    let other = f.encrypt(&x, 1);
    assert!(same_scale(dropped.scale(), other.scale()) || add(&f.context, &other, &dropped).is_err());
    let tripled = mul_scalar(&f.context, &cx, -3.0).unwrap();
    f.assert_slots(&tripled, &zip(&x, &x, |x, _| x * -3.0), 9.0 * v);
}

/// On the levels of set B16, where a way down may take several hops.
#[cfg(feature = "program")]
#[test]
fn levels_far_apart_are_brought_together() {
    use crate::bootstrap::BootstrapSpec;
    use crate::ckks::KeyMemory;
    let spec = BootstrapSpec {
        log_n: 6,
        ..BootstrapSpec::b16()
    };
    let chain = spec.chain().build_insecure().unwrap();
    let f = Fixture::with_kernels(chain, &[], crate::math::kernels::active(), KeyMemory::Expanded);
    let (chain, x) = (f.context.chain(), slots(32, 8));
    let top = spec.refreshed_level();
    let mut hops = 0;
    for from in 1..=top {
        let cx = f.encrypt(&x, from);
        for level in 0..from {
            hops = hops.max(chain.way_down(from, level).len());
            let lower = adjust(&f.context, &cx, level).unwrap();
            assert_eq!(lower.level(), level);
            let v = noise::fresh_secret() + 4.0 * noise::rounding(f.context.degree());
            f.assert_slots(
                &lower,
                &x,
                v + 8.0 * (chain.scale(level) * 2f64.powi(-40)).powi(2),
            );
        }
    }
    assert!(hops > 1, "{hops} hops at most");
}
