//! Panels and the sums over them, on every path, against 128-bit arithmetic.

use super::*;
use crate::math::automorphism::Automorphism;
use crate::math::kernels;
use crate::math::kernels::tests::{MODULI, paths, words};
use crate::math::kernels::{KeyLimb, KeySum, PanelSums, PanelTerm};
use crate::math::modulus::Modulus;
use crate::math::sample::Seed;
use crate::math::uniform::UniformStream;
use proptest::prelude::*;

/// A panel of these rows, set a few at a time, the last ones first: packing must spare what comes after them.
fn panel(kernels: &Kernels, rows: &[Vec<u64>], n: usize, bits: u32) -> Panel {
    let mut panel = Panel::zeroed(n, rows.len(), bits);
    let numbered: Vec<(usize, &[u64])> = rows.iter().map(Vec::as_slice).enumerate().collect();
    numbered.chunks(3).for_each(|rows| panel.set(kernels, rows));
    panel
}

/// Degrees with one short block, one whole one and several.
const DEGREES: [usize; 5] = [16, 32, 64, 256, 1024];

proptest! {
    #[test]
    fn rows_come_back(which in 0usize..5, rows in 0usize..9, bits in 1u32..=56, seed: u64) {
        let n = [8, 16, 32, 96, 128][which];
        let rows: Vec<_> = (0..rows as u64).map(|i| words(n, 1 << bits, seed ^ i << 8)).collect();
        for kernels in paths() {
            let packed = panel(&kernels, &rows, n, bits);
            prop_assert_eq!(packed.bytes(), rows.len() * n * bits as usize / 8);
            for (i, row) in rows.iter().enumerate() {
                let mut read = vec![u64::MAX; n];
                packed.read(&kernels, i, &mut read);
                prop_assert_eq!(&read, row, "{} bits, {}", bits, kernels.path());
            }
            prop_assert_eq!(packed.largest(&kernels), rows.iter().flatten().copied().max().unwrap_or(0));
            let again = Panel::from_bytes(n, rows.len(), bits, packed.as_bytes());
            prop_assert_eq!(again.as_bytes(), packed.as_bytes());
            prop_assert_eq!(again.largest(&kernels), packed.largest(&kernels));
            // In place, from any byte on; copied where nothing follows. What is behind is not a word.
            for behind in [0, 1, 63, 64, 100] {
                let message = [&[0xa5; 13], packed.as_bytes(), &vec![0xff; behind]].concat();
                let message = SharedBytes::from(message);
                let range = 13..13 + packed.bytes();
                let shared = Panel::shared(n, rows.len(), bits, &message, range.clone());
                prop_assert_eq!(shared.as_bytes(), packed.as_bytes());
                prop_assert_eq!(shared.as_bytes().as_ptr() == message[range].as_ptr(), behind >= SLACK_BYTES);
                prop_assert_eq!(shared.largest(&kernels), packed.largest(&kernels));
            }
        }
    }

    #[test]
    fn products_with_a_key(
        degree in 0..DEGREES.len(), which in 0..MODULI.len(), digits in 0usize..20, spare in 0usize..3,
        many in 1usize..4, seeded: bool, plus: bool, galois in prop::option::of(0u64..512), add: bool, blocks in (0usize..33, 0usize..33), seed: u64,
    ) {
        let (n, q) = (DEGREES[degree], Modulus::new(MODULI[which]));
        let limbs = |count: usize, bound, tag: u64| (0..count as u64).map(|i| words(n, bound, seed ^ tag ^ i << 8)).collect::<Vec<_>>();
        let mut rows = limbs(2 * (digits + spare), q.value(), 2);
        // Sums of fewer and fewer digits share the key; every other one is added to what is there, or not.
        let x: Vec<Vec<Vec<u64>>> = (0..many).map(|m| limbs(digits.saturating_sub(m), 1 << 50, 1 + 16 * m as u64)).collect();
        let (limb, start) = (words(n, q.value(), seed ^ 3), limbs(2, q.value(), 4));
        let weight = q.value() - 1;
        let automorphism = galois.map(|g| Automorphism::new(n, 2 * g + 1));
        let block = n.min(BLOCK_WORDS);
        let (from, to) = (blocks.0.min(blocks.1) * block, blocks.0.max(blocks.1) * block);
        let range = from.min(n)..to.min(n);
        let streams: Vec<_> = (0..digits as u64).map(|j| UniformStream::new(&Seed::new([3; 32]), seed, j)).collect();
        if seeded {
            for (j, stream) in streams.iter().enumerate() {
                stream.fill(&kernels::active(), &q, 0, &mut rows[2 * j + 1]);
            }
        }
        for kernels in paths() {
            let kept: Vec<Vec<u64>> = rows.iter().step_by(if seeded { 2 } else { 1 }).cloned().collect();
            let packed = panel(&kernels, &kept, n, q.bits());
            let message = SharedBytes::from([&[0xa5; 5], packed.as_bytes(), &[0xff; 64]].concat());
            let in_place = Panel::shared(n, kept.len(), q.bits(), &message, 5..5 + packed.bytes());
            let packed = if seed % 2 == 0 { packed } else { in_place };
            let key = KeyLimb { panel: &packed, uniform: seeded.then_some(&streams) };
            let digits: Vec<Vec<&[u64]>> = x.iter().map(|x| x.iter().map(Vec::as_slice).collect()).collect();
            let adds = |m: usize| add ^ (m % 2 == 1);
            let sums: Vec<KeySum<'_>> = digits.iter().enumerate().map(|(m, digits)| KeySum {
                digits,
                plus: plus.then_some((limb.as_slice(), weight)),
                automorphism: automorphism.as_ref(),
                add: adds(m),
            }).collect();
            let mut outs = vec![[start[0].clone(), start[1].clone()]; many];
            let mut slices: Vec<[&mut [u64]; 2]> = outs.iter_mut().map(|outs| outs.each_mut().map(Vec::as_mut_slice)).collect();
            kernels.key_sums(&q, &mut slices, key, &sums, range.clone());
            for (m, half) in (0..many).flat_map(|m| [(m, 0), (m, 1)]) {
                let product = |k: usize| {
                    let products = x[m].iter().enumerate().map(|(j, x)| x[k] as u128 * rows[2 * j + half][k] as u128);
                    let more = if plus && half == 0 { limb[k] as u128 * weight as u128 } else { 0 };
                    q.reduce_u128(products.sum::<u128>() + more)
                };
                // Outside the range: marked, so that the automorphism shows where they would have gone.
                let inside: Vec<u64> = (0..n).map(|k| if range.contains(&k) { product(k) } else { u64::MAX }).collect();
                let mut moved = inside.clone();
                if let Some(automorphism) = &automorphism {
                    automorphism.apply(&kernels, &mut moved, &inside);
                }
                let expected: Vec<u64> = moved.iter().zip(&start[half]).map(|(&sum, &before)| match sum {
                    u64::MAX => before,
                    sum if adds(m) => q.add(sum, before),
                    sum => sum,
                }).collect();
                prop_assert_eq!(&outs[m][half], &expected, "sum {}, half {}, {}", m, half, kernels.path());
            }
        }
    }

    #[test]
    fn sums_with_weights(
        degree in 0..DEGREES.len(), which in 0..MODULI.len(), rows in 1usize..8, factors in 1usize..5,
        raw in prop::collection::vec(prop::collection::vec((0u32..8, 0u32..5), 0..24), 0..4), blocks in (0usize..9, 0usize..9), seed: u64,
    ) {
        let (n, q) = (DEGREES[degree], Modulus::new(MODULI[which]));
        let limbs = |count: usize, bound, tag: u64| (0..count as u64).map(|i| words(n, bound, seed ^ tag ^ i << 8)).collect::<Vec<_>>();
        let (row_words, x) = (limbs(rows, q.value(), 1), limbs(2 * factors, 1 << 50, 2));
        let pairs: Vec<[&[u64]; 2]> = x.chunks(2).map(|pair| [pair[0].as_slice(), pair[1].as_slice()]).collect();
        let term = |&(row, factor): &(u32, u32)| PanelTerm { row: row % rows as u32, factor: factor % factors as u32 };
        let terms: Vec<Vec<PanelTerm>> = raw.iter().map(|terms| terms.iter().map(term).collect()).collect();
        let listed: Vec<&[PanelTerm]> = terms.iter().map(Vec::as_slice).collect();
        let block = n.min(BLOCK_WORDS);
        let (from, to) = (blocks.0.min(blocks.1) * block, blocks.0.max(blocks.1) * block);
        let range = from.min(n)..to.min(n);
        for kernels in paths() {
            let packed = panel(&kernels, &row_words, n, q.bits());
            let mut outs = vec![[vec![u64::MAX; n], vec![u64::MAX; n]]; terms.len()];
            let mut slices: Vec<[&mut [u64]; 2]> = outs.iter_mut().map(|outs| outs.each_mut().map(|out| &mut out[range.clone()])).collect();
            let sums = PanelSums { panel: &packed, factors: &pairs, terms: &listed };
            kernels.panel_sums(&q, &mut slices, &sums, range.clone());
            for (outs, terms) in outs.iter().zip(&terms) {
                for half in 0..2 {
                    let product = |k: usize, t: &PanelTerm| {
                        row_words[t.row as usize][k] as u128 * x[2 * t.factor as usize + half][k] as u128
                    };
                    let sum = |k| q.reduce_u128(terms.iter().map(|t| product(k, t)).sum());
                    let expected: Vec<u64> = (0..n).map(|k| if range.contains(&k) { sum(k) } else { u64::MAX }).collect();
                    prop_assert_eq!(&outs[half], &expected, "half {}, {}", half, kernels.path());
                }
            }
        }
    }
}

#[test]
#[cfg_attr(miri, ignore = "sums of 9001 products")]
fn long_sums_do_not_overflow() {
    let largest = vec![(1 << 50) - 1; 32];
    let terms = vec![PanelTerm { row: 0, factor: 0 }; 9001];
    for q in MODULI.map(Modulus::new) {
        let square = q.reduce_u128(largest[0] as u128 * largest[0] as u128);
        let expected = q.reduce_u128(square as u128 * terms.len() as u128);
        for kernels in paths() {
            let packed = panel(&kernels, std::slice::from_ref(&largest), 32, 50);
            let (mut out0, mut out1) = (vec![0; 32], vec![0; 32]);
            let sums = PanelSums {
                panel: &packed,
                factors: &[[&largest, &largest]],
                terms: &[&terms],
            };
            kernels.panel_sums(&q, &mut [[&mut out0, &mut out1]], &sums, 0..32);
            assert!(
                out0.iter().chain(&out1).all(|&sum| sum == expected),
                "{}",
                kernels.path()
            );
        }
    }
}
