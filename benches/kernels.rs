//! Times of the kernels on every path this machine supports: nanoseconds and ratios, printed, never asserted.
//!
//! `cargo bench --bench kernels` runs all, `-- ntt` (or `sum`, `conversion`, `word`, `sample`) one group. Each figure is the least of many
//! runs, hot: the machine should be idle, and what matters are ratios. The transform is compared with the `tfhe-ntt` crate, which is what
//! runs on the scalar path.

use he_core::math::automorphism::{Automorphism, galois_of_rotation};
use he_core::math::base_conversion::BaseConversion;
use he_core::math::buffer::Limbs;
use he_core::math::cpu::Path;
use he_core::math::kernels::{self, Kernels, KeySum, Run, RunSums, RunTerm};
use he_core::math::modulus::Modulus;
use he_core::math::ntt::NttTable;
use he_core::math::panel::Panel;
use he_core::math::prime::ntt_primes;
use he_core::math::sample::{Seed, Stream};
use he_core::math::uniform::UniformStream;
use std::hint::black_box;

mod support;
use support::{least, limbs};

/// One transform of a limb.
type Round<'a> = &'a dyn Fn(&mut [u64]);

fn modulus(bits: u32) -> Modulus {
    Modulus::new(ntt_primes(bits, 1 << 18).next().unwrap_or(1_088_139_821_057))
}

fn ntt() {
    println!("transform, ns per butterfly (N/2 log2 N of them), ours / reference = ratio");
    for (log_n, bits) in (13..=16).flat_map(|log_n| [(log_n, 50), (log_n, 48), (log_n, 40)]) {
        let (n, q) = (1usize << log_n, modulus(bits));
        let tables = [Path::Avx512, Path::Scalar].map(|path| NttTable::with_path(n, q, path));
        let [Ok(ours), Ok(reference)] = tables else {
            continue;
        };
        let mut limbs = limbs(n, 1, &q);
        let limb = limbs.limb_mut(0);
        let mut times = [f64::INFINITY; 4];
        // In turns, so that a change of the machine's clock or load meets both.
        for _ in 0..20 {
            let rounds: [Round; 4] = [
                &|limb| ours.forward(limb),
                &|limb| reference.forward(limb),
                &|limb| ours.inverse(limb),
                &|limb| reference.inverse(limb),
            ];
            for (time, round) in times.iter_mut().zip(rounds) {
                *time = time.min(least(20, || round(black_box(limb))));
            }
        }
        let [a, b, c, d] = times.map(|time| time / (n / 2 * log_n) as f64);
        println!(
            "  2^{log_n} {bits} bits: forward {a:.4} / {b:.4} = {:.2}, inverse {c:.4} / {d:.4} = {:.2}",
            b / a,
            d / c
        );
    }
}

fn words(kernels: &Kernels, n: usize, repeats: usize) {
    let q = modulus(50);
    let (limbs, mut out) = (limbs(n, 2, &q), Limbs::zeroed(n, 1));
    let (a, b, out) = (limbs.limb(0), limbs.limb(1), out.limb_mut(0));
    let signed = a.iter().map(|&word| word as i64 - (1 << 49)).collect::<Vec<_>>();
    let automorphism = Automorphism::new(n, galois_of_rotation(n, 3));
    let mut line = |name: &str, run: &mut dyn FnMut(&mut [u64])| {
        println!(
            "  {name}: {:.3} ns a word",
            least(repeats, || run(black_box(out))) / n as f64
        );
    };
    line("add", &mut |out| kernels.add(&q, out, a, b));
    line("mul", &mut |out| kernels.mul(&q, out, a, b));
    line("mul_scalar", &mut |out| kernels.mul_scalar(&q, out, a, 12345));
    line("sub_mul_scalar", &mut |out| {
        kernels.sub_mul_scalar(&q, out, a, b, 12345)
    });
    line("reduce_i64", &mut |out| kernels.reduce_i64(&q, out, &signed));
    line("automorphism", &mut |out| automorphism.apply(kernels, out, a));
}

fn sums(kernels: &Kernels, n: usize, repeats: usize) {
    let q = modulus(50);
    let (limbs, mut out) = (limbs(n, 36, &q), Limbs::zeroed(n, 2));
    let mut out = out.split_mut();
    let [out0, out1] = out.as_mut_slice() else { return };
    let automorphism = Automorphism::new(n, galois_of_rotation(n, 3));
    for count in [2, 4, 12] {
        let pairs = (0..count)
            .map(|i| (limbs.limb(2 * i), limbs.limb(2 * i + 1)))
            .collect::<Vec<_>>();
        let (sums, terms) = (5, 0..count as u32);
        let term = |factor: u32| RunTerm {
            factor,
            run: Run {
                words: &limbs.limb(factor as usize)[..n / 16],
                run: 16,
            },
        };
        let terms: Vec<RunTerm<'_>> = terms.map(term).collect();
        let factors: Vec<[&[u64]; 2]> = pairs.iter().map(|&(a, b)| [a, b]).collect();
        let runs = RunSums {
            factors: &factors,
            terms: &vec![terms.as_slice(); sums],
            add: false,
        };
        let mut several = Limbs::zeroed(n, 2 * sums);
        let mut several = several.split_mut();
        let mut several: Vec<[&mut [u64]; 2]> = several
            .chunks_exact_mut(2)
            .filter_map(|pair| pair.split_at_mut_checked(1))
            .map(|(a, b)| [&mut *a[0], &mut *b[0]])
            .collect();
        let triples = (0..count)
            .map(|i| (limbs.limb(3 * i), limbs.limb(3 * i + 1), limbs.limb(3 * i + 2)))
            .collect::<Vec<_>>();
        let per_product = |products: usize, time: f64| time / (products * n) as f64;
        let plain = least(repeats, || kernels.inner_product(&q, black_box(out0), &pairs));
        let runs = least(repeats, || {
            kernels.run_sums(&q, black_box(&mut several), &runs, 0..n)
        });
        let both = least(repeats, || {
            kernels.inner_product_pair(&q, [black_box(out0), out1], &triples)
        });
        let panel = |rows: usize| {
            let mut panel = Panel::zeroed(n, rows, q.bits());
            let rows: Vec<(usize, &[u64])> = limbs.iter().take(rows).enumerate().collect();
            panel.set(kernels, &rows);
            panel
        };
        let (whole, half) = (panel(2 * count), panel(count));
        let stream = |j| UniformStream::new(&Seed::new([7; 32]), 1, j);
        let streams: Vec<UniformStream> = (0..count as u64).map(stream).collect();
        let digits: Vec<&[u64]> = limbs.iter().take(count).collect();
        let mut key = |uniform: Option<&[UniformStream]>, automorphism| {
            let sum = KeySum {
                panel: if uniform.is_some() { &half } else { &whole },
                uniform,
                digits: &digits,
                plus: None,
                automorphism,
                add: false,
            };
            least(repeats, || {
                kernels.key_sum(&q, [black_box(out0), out1], &sum, 0..n)
            })
        };
        let (packed, moved) = (key(None, None), key(None, Some(&automorphism)));
        let seeded = key(Some(&streams), None);
        println!(
            "  sum of {count}: {:.3} ns a product, by runs of 16 {:.3}, in pairs {:.3}, packed {:.3}, with automorphism {:.3}, seeded {:.3}",
            per_product(count, plain),
            per_product(2 * sums * count, runs),
            per_product(2 * count, both),
            per_product(2 * count, packed),
            per_product(2 * count, moved),
            per_product(2 * count, seeded)
        );
    }
}

fn conversions(kernels: &Kernels, n: usize, repeats: usize) {
    let moduli = ntt_primes(50, 1 << 18)
        .take(32)
        .map(Modulus::new)
        .collect::<Vec<_>>();
    for (sources, destinations) in [(1, 8), (4, 12), (8, 24)] {
        let conversion = BaseConversion::new(&moduli[..sources], &moduli[sources..sources + destinations]);
        let (src, mut dst) = (limbs(n, sources, &moduli[0]), Limbs::zeroed(n, destinations));
        let (src, mut dst) = (src.iter().collect::<Vec<_>>(), dst.split_mut());
        let time = least(repeats / 4 + 1, || {
            conversion.convert(kernels, &src, black_box(&mut dst))
        });
        let products = (sources * destinations * n) as f64 / 8.0;
        println!(
            "  conversion {sources} to {destinations}: {:.3} ns a source, destination and 8 words",
            time / products
        );
    }
}

fn samples(kernels: &Kernels, n: usize, repeats: usize) {
    let stream = Stream::new(&Seed::new([1; 32]), 0, 0);
    let public = UniformStream::new(&Seed::new([1; 32]), 0, 0);
    let (mut words, mut small) = (vec![0; n], vec![0; n]);
    let q = modulus(50);
    let uniform = least(repeats, || public.fill(kernels, &q, 0, black_box(&mut words)));
    let raw = least(repeats, || stream.words(0, black_box(&mut words)));
    let error = least(repeats, || stream.cbd21(black_box(&mut small)));
    let secret = least(repeats, || stream.ternary(black_box(&mut small)));
    let [uniform, raw, error, secret] = [uniform, raw, error, secret].map(|time| time / n as f64);
    println!(
        "  uniform {uniform:.2} ns a word, of secrets {raw:.2}, binomial {error:.2}, ternary {secret:.2}"
    );
}

fn main() {
    let chosen = std::env::args()
        .skip(1)
        .find(|argument| !argument.starts_with('-'));
    let runs = |group: &str| chosen.as_deref().is_none_or(|chosen| group.starts_with(chosen));
    if runs("ntt") {
        ntt();
    }
    for kernels in kernels::available() {
        let repeats = if kernels.path() == Path::Scalar { 20 } else { 100 };
        for n in [1 << 13, 1 << 15] {
            println!("{}, N = {n}", kernels.path());
            if runs("word") {
                words(&kernels, n, repeats);
            }
            if runs("sum") {
                sums(&kernels, n, repeats);
            }
            if runs("conversion") {
                conversions(&kernels, n, repeats);
            }
            if runs("sample") {
                samples(&kernels, n, repeats);
            }
        }
    }
}
