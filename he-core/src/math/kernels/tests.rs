//! Every kernel on every supported path against 128-bit arithmetic.

use super::*;
use proptest::prelude::*;

pub(in crate::math) const MODULI: [u64; 5] =
    [(1 << 50) - 27, 1111361812955137, 1088139821057, 1068236801, 257];

/// All paths, printed so that a log shows which ones a machine has run.
pub(in crate::math) fn paths() -> Vec<Kernels> {
    let all = available();
    println!(
        "paths: {}",
        all.iter()
            .map(|kernels| kernels.path().name())
            .collect::<Vec<_>>()
            .join(", ")
    );
    assert_eq!(
        all.len(),
        cpu::paths_available().len(),
        "a supported path has no kernels"
    );
    all
}

/// Deterministic words below `bound`, with both ends of the range among them.
pub(in crate::math) fn words(n: usize, bound: u64, seed: u64) -> Vec<u64> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        match state % 11 {
            0 => bound - 1,
            1 => 0,
            _ => (state >> 3) % bound,
        }
    };
    (0..n).map(|_| next()).collect()
}

fn mul(a: u64, b: u64, q: u64) -> u64 {
    (a as u128 * b as u128 % q as u128) as u64
}

proptest! {
    #[test]
    fn elementwise(n in 0usize..100, seed: u64, which in 0..MODULI.len()) {
        let value = MODULI[which];
        let q = Modulus::new(value);
        let (a, b, w) = (words(n, value, seed), words(n, value, seed ^ 1), words(1, value, seed ^ 2)[0]);
        let zip = |f: &dyn Fn(u64, u64) -> u64| a.iter().zip(&b).map(|(&a, &b)| f(a, b)).collect::<Vec<_>>();
        let sub = |a: u64, b: u64| (a + value - b) % value;
        for kernels in paths() {
            let path = kernels.path();
            let fresh = |f: &dyn Fn(&mut [u64])| { let mut out = vec![u64::MAX; n]; f(&mut out); out };
            let assign = |f: &dyn Fn(&mut [u64])| { let mut out = a.clone(); f(&mut out); out };
            let sum = zip(&|a, b| (a + b) % value);
            prop_assert_eq!(fresh(&|out| kernels.add(&q, out, &a, &b)), sum.clone(), "add {}", path);
            prop_assert_eq!(assign(&|out| kernels.add_assign(&q, out, &b)), sum, "add_assign {}", path);
            let difference = zip(&sub);
            prop_assert_eq!(fresh(&|out| kernels.sub(&q, out, &a, &b)), difference.clone(), "sub {}", path);
            prop_assert_eq!(assign(&|out| kernels.sub_assign(&q, out, &b)), difference, "sub_assign {}", path);
            let negative = zip(&|a, _| sub(0, a));
            prop_assert_eq!(fresh(&|out| kernels.neg(&q, out, &a)), negative.clone(), "neg {}", path);
            prop_assert_eq!(assign(&|out| kernels.neg_assign(&q, out)), negative, "neg_assign {}", path);
            let product = zip(&|a, b| mul(a, b, value));
            prop_assert_eq!(fresh(&|out| kernels.mul(&q, out, &a, &b)), product.clone(), "mul {}", path);
            prop_assert_eq!(assign(&|out| kernels.mul_assign(&q, out, &b)), product, "mul_assign {}", path);
            let scaled = zip(&|a, _| mul(a, w, value));
            prop_assert_eq!(fresh(&|out| kernels.mul_scalar(&q, out, &a, w)), scaled.clone(), "mul_scalar {}", path);
            prop_assert_eq!(assign(&|out| kernels.mul_scalar_assign(&q, out, w)), scaled, "mul_scalar_assign {}", path);
            let added = zip(&|a, b| (a + mul(b, w, value)) % value);
            prop_assert_eq!(assign(&|out| kernels.mul_scalar_add(&q, out, &b, w)), added, "mul_scalar_add {}", path);
            let divided = zip(&|a, b| mul(sub(a, b), w, value));
            prop_assert_eq!(fresh(&|out| kernels.sub_mul_scalar(&q, out, &a, &b, w)), divided.clone(), "sub_mul_scalar {}", path);
            prop_assert_eq!(assign(&|out| kernels.sub_mul_scalar_assign(&q, out, &b, w)), divided, "sub_mul_scalar_assign {}", path);
            let any = words(n, u64::MAX, seed);
            let signed = any.iter().map(|&x| x as i64).chain([i64::MIN, i64::MAX, -1]).collect::<Vec<_>>();
            let mut lifted = vec![0; n + 3];
            kernels.reduce_i64(&q, &mut lifted, &signed);
            let expected = signed.iter().map(|&x| (x as i128).rem_euclid(value as i128) as u64).collect::<Vec<_>>();
            prop_assert_eq!(lifted, expected, "reduce_i64 {}", path);
            let small = any.iter().map(|&x| x as i8).collect::<Vec<_>>();
            let mut lifted = vec![0; n];
            kernels.reduce_i8(&q, &mut lifted, &small);
            let expected = small.iter().map(|&x| (x as i64).rem_euclid(value as i64) as u64).collect::<Vec<_>>();
            prop_assert_eq!(lifted, expected, "reduce_i8 {}", path);
        }
    }

    #[test]
    fn inner_products(n in 0usize..80, count in 0usize..40, seed: u64, which in 0..MODULI.len()) {
        let q = Modulus::new(MODULI[which]);
        let limbs = |tag: u64| (0..count as u64).map(|i| words(n, 1 << 50, seed ^ tag ^ i << 8)).collect::<Vec<_>>();
        let (x, a, b) = (limbs(1), limbs(2), limbs(3));
        let start = words(n, q.value(), seed);
        let sum = |y: &[Vec<u64>], with: bool| (0..n).map(|k| {
            let sum: u128 = x.iter().zip(y).map(|(x, y)| x[k] as u128 * y[k] as u128).sum();
            ((sum + if with { start[k] as u128 } else { 0 }) % q.value() as u128) as u64
        }).collect::<Vec<_>>();
        let terms = x.iter().zip(&a).map(|(x, a)| (x.as_slice(), a.as_slice())).collect::<Vec<_>>();
        let triples = terms.iter().zip(&b).map(|((x, a), b)| (*x, *a, b.as_slice())).collect::<Vec<_>>();
        for kernels in paths() {
            let path = kernels.path();
            let mut out = vec![u64::MAX; n];
            kernels.inner_product(&q, &mut out, &terms);
            prop_assert_eq!(&out, &sum(&a, false), "{}", path);
            out.copy_from_slice(&start);
            kernels.inner_product_add(&q, &mut out, &terms);
            prop_assert_eq!(&out, &sum(&a, true), "add {}", path);
            let mut second = vec![u64::MAX; n];
            kernels.inner_product_pair(&q, [&mut out, &mut second], &triples);
            prop_assert_eq!((&out, &second), (&sum(&a, false), &sum(&b, false)), "pair {}", path);
            out.copy_from_slice(&start);
            second.copy_from_slice(&start);
            kernels.inner_product_pair_add(&q, [&mut out, &mut second], &triples);
            prop_assert_eq!((&out, &second), (&sum(&a, true), &sum(&b, true)), "pair add {}", path);
        }
    }

    #[test]
    fn runs(log_n in 3u32..8, lists in prop::collection::vec(prop::collection::vec((0usize..6, 0u32..8), 0..20), 1..12), alike: bool, seed: u64) {
        let (n, q) = (1 << log_n, Modulus::new(MODULI[1]));
        let limbs = (0..12).map(|i| words(n, q.value(), seed ^ i)).collect::<Vec<_>>();
        let factors = limbs.chunks(2).map(|pair| [pair[0].as_slice(), &pair[1]]).collect::<Vec<_>>();
        // Lists with the same factors stand side by side in half of the cases.
        let lists: Vec<Vec<(usize, u32)>> = match alike {
            true => lists.iter().map(|list| lists[0].iter().zip(list.iter().cycle()).map(|(&(factor, _), &(_, log))| (factor, log)).collect()).collect(),
            false => lists,
        };
        let values = |s: usize, t: usize, log: u32| words(n >> (log % (log_n + 1)), q.value(), !seed ^ (s << 8 ^ t) as u64);
        let runs = lists.iter().enumerate().map(|(s, list)| list.iter().enumerate().map(|(t, &(_, log))| values(s, t, log)).collect::<Vec<_>>()).collect::<Vec<_>>();
        let terms = lists.iter().zip(&runs).map(|(list, runs)| list.iter().zip(runs).map(|(&(factor, _), words)| RunTerm {
            factor: factor as u32,
            run: Run { words, run: n / words.len() },
        }).collect::<Vec<_>>()).collect::<Vec<_>>();
        let terms = terms.iter().map(Vec::as_slice).collect::<Vec<_>>();
        let range = if n > 8 { 8..n } else { 0..n };
        for kernels in paths() {
            for add in [false, true] {
                let start = words(n, q.value(), seed ^ 99);
                let mut found = vec![[start.clone(), start.clone()]; lists.len()];
                let mut outs = found.iter_mut().map(|pair| pair.each_mut().map(|out| &mut out[range.clone()])).collect::<Vec<_>>();
                kernels.run_sums(&q, &mut outs, &RunSums { factors: &factors, terms: &terms, add }, range.clone());
                for (found, terms) in found.iter().zip(&terms) {
                    for (half, found) in found.iter().enumerate() {
                        for k in 0..n {
                            let sum: u128 = terms.iter().map(|t| factors[t.factor as usize][half][k] as u128 * t.run.words[k / t.run.run] as u128).sum();
                            let sum = if add { sum + start[k] as u128 } else { sum };
                            let expected = if range.contains(&k) { (sum % q.value() as u128) as u64 } else { start[k] };
                            prop_assert_eq!(found[k], expected, "{}, word {}", kernels.path(), k);
                        }
                    }
                }
            }
        }
    }
}

#[test]
#[cfg_attr(miri, ignore = "sums of thousands of products")]
fn the_longest_sums_do_not_overflow() {
    let largest = vec![(1 << 50) - 1; 40];
    for count in [SHORT, SHORT + 1, TERMS_PER_REDUCTION, 2 * TERMS_PER_REDUCTION + 1] {
        let terms = vec![(largest.as_slice(), largest.as_slice()); count];
        for q in MODULI.map(Modulus::new) {
            let square = mul(largest[0], largest[0], q.value());
            let expected = (square as u128 * count as u128 + q.value() as u128 - 1) % q.value() as u128;
            for kernels in paths() {
                let mut out = vec![q.value() - 1; 40];
                kernels.inner_product_add(&q, &mut out, &terms);
                assert!(
                    out.iter().all(|&sum| sum as u128 == expected),
                    "{count} terms, {}",
                    kernels.path()
                );
            }
        }
    }
}

/// Terms that the AVX-512 path reduces with the shorter formula.
const SHORT: usize = 15;
