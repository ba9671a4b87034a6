//! What one unit of each price of the planner costs on this machine: `cargo bench --bench price_table -- --out prices.json`.
//!
//! One thread, at ring degree 2^14, in the shapes that key switching has: sums over four digits for two results, conversions of four
//! limbs to twelve. Arithmetic is measured with operands in the nearest cache that holds them; a byte of keys or plaintexts is what
//! the same sum takes longer, a byte, when the second factors come from memory, because each is read once a request. The figures are
//! the least of many runs; the machine should be idle. Nothing is asserted.
//!
//! The file is JSON of [`PriceTable`]: `serde_json::from_str::<PriceTable>(..)`, then `Goal::prices`.

use std::hint::black_box;
use std::time::Instant;

use he_core::math::automorphism::{Automorphism, galois_of_rotation};
use he_core::math::base_conversion::BaseConversion;
use he_core::math::buffer::Limbs;
use he_core::math::kernels::{self, Kernels};
use he_core::math::modulus::Modulus;
use he_core::math::ntt::NttTable;
use he_core::math::prime::ntt_primes;
use he_core::math::sample::{Seed, Stream};
use he_nn::plan::PriceTable;

const LOG_N: u32 = 14;
const N: usize = 1 << LOG_N;
/// Terms of a sum: digits of a key switch, or diagonals of a matrix.
const TERMS: usize = 4;
/// Bytes that no cache holds.
const COLD_BYTES: usize = 512 << 20;
const REPEATS: usize = 200;

/// The least time of `repeats` runs, in nanoseconds.
fn least(repeats: usize, mut run: impl FnMut()) -> f64 {
    let time = |_| {
        let start = Instant::now();
        run();
        start.elapsed().as_nanos() as f64
    };
    (0..repeats).map(time).fold(f64::INFINITY, f64::min)
}

/// Limbs of reduced, irregular words.
fn limbs(count: usize, q: &Modulus) -> Limbs {
    let mut limbs = Limbs::zeroed(N, count);
    for (i, limb) in limbs.split_mut().into_iter().enumerate() {
        Stream::new(&Seed::new([7; 32]), 0, i as u64).uniform(&kernels::active(), q, limb);
    }
    limbs
}

fn ntt_butterfly(q: &Modulus) -> f64 {
    let table = NttTable::new(N, *q).expect("a ring degree");
    let mut limbs = limbs(1, q);
    let limb = limbs.limb_mut(0);
    let forward = least(REPEATS, || table.forward(black_box(limb)));
    let inverse = least(REPEATS, || table.inverse(black_box(limb)));
    (forward + inverse) / 2.0 / (N / 2 * LOG_N as usize) as f64
}

fn conversion_word(kernels: &Kernels, primes: &[Modulus]) -> f64 {
    let (sources, destinations) = primes.split_at(4);
    let conversion = BaseConversion::new(sources, destinations);
    let (src, mut dst) = (
        limbs(sources.len(), &sources[0]),
        Limbs::zeroed(N, destinations.len()),
    );
    let (src, mut dst) = (src.iter().collect::<Vec<_>>(), dst.split_mut());
    let time = least(REPEATS, || conversion.convert(kernels, &src, black_box(&mut dst)));
    time / (sources.len() * destinations.len() * N) as f64
}

/// Sums of [`TERMS`] products, and what they are made of.
struct Sums<'a> {
    kernels: &'a Kernels,
    q: &'a Modulus,
    digits: Limbs,
    factors: Limbs,
    out: Limbs,
}

impl<'a> Sums<'a> {
    fn new(kernels: &'a Kernels, q: &'a Modulus) -> Self {
        let cold = COLD_BYTES / (N * 8);
        // What the factors are does not matter to the time; that each has memory of its own does.
        let mut factors = Limbs::zeroed(N, cold - cold % (2 * TERMS));
        factors.split_mut().into_iter().for_each(|limb| limb.fill(12345));
        Sums {
            kernels,
            q,
            digits: limbs(TERMS, q),
            factors,
            out: Limbs::zeroed(N, 2),
        }
    }

    /// Time of one sum over the factors of each of `groups` groups, in turn.
    fn least(
        &mut self,
        groups: usize,
        repeats: usize,
        factors_each: usize,
        sum: impl Fn([&mut [u64]; 2], &[(&[u64], &[u64], &[u64])]),
    ) -> f64 {
        let (digits, factors) = (&self.digits, &self.factors);
        let terms: Vec<Vec<_>> = (0..groups)
            .map(|group| {
                let factor = |term: usize, of| factors.limb((group * TERMS + term) * factors_each + of);
                (0..TERMS)
                    .map(|term| (digits.limb(term), factor(term, 0), factor(term, factors_each - 1)))
                    .collect()
            })
            .collect();
        let mut outs = self.out.split_mut();
        let [out0, out1] = outs.as_mut_slice() else {
            return 0.0;
        };
        let pass = least(repeats, || {
            terms.iter().for_each(|terms| sum([black_box(out0), out1], terms))
        });
        pass / groups as f64
    }

    /// (a product, a byte of keys): two results, two factors a term.
    fn keys(&mut self) -> (f64, f64) {
        let (kernels, q) = (*self.kernels, *self.q);
        let sum = |outs: [&mut [u64]; 2], terms: &[(&[u64], &[u64], &[u64])]| {
            kernels.inner_product_pair(&q, outs, terms)
        };
        let groups = self.factors.count() / (2 * TERMS);
        let hot = self.least(1, REPEATS, 2, sum);
        let cold = self.least(groups, 5, 2, sum);
        let products = (2 * TERMS * N) as f64;
        (hot / products, (cold - hot).max(0.0) / (8.0 * products))
    }

    /// A byte of plaintexts: both parts of a ciphertext meet the same factor.
    fn plain_byte(&mut self) -> f64 {
        let (kernels, q) = (*self.kernels, *self.q);
        let sum = |[out0, out1]: [&mut [u64]; 2], terms: &[(&[u64], &[u64], &[u64])]| {
            let pairs: Vec<_> = terms.iter().map(|&(digit, factor, _)| (digit, factor)).collect();
            kernels.inner_product(&q, out0, &pairs);
            kernels.inner_product(&q, out1, &pairs);
        };
        let groups = self.factors.count() / TERMS;
        let hot = self.least(1, REPEATS, 1, sum);
        let cold = self.least(groups, 5, 1, sum);
        (cold - hot).max(0.0) / (8 * TERMS * N) as f64
    }

    /// A word of an automorphism, which is fused with the sum whose results it permutes.
    fn automorphism_word(&mut self) -> f64 {
        let (kernels, q) = (*self.kernels, *self.q);
        let automorphism = Automorphism::new(N, galois_of_rotation(N, 3));
        let still = self.least(1, REPEATS, 2, |outs, terms| {
            kernels.inner_product_pair(&q, outs, terms)
        });
        let moved = self.least(1, REPEATS, 2, |outs, terms| {
            automorphism.inner_product_pair(&kernels, &q, outs, terms, false);
        });
        (moved - still).max(0.0) / (2 * N) as f64
    }
}

fn measure() -> PriceTable {
    let kernels = kernels::active();
    let primes: Vec<Modulus> = ntt_primes(45, 2 * N as u64).take(16).map(Modulus::new).collect();
    let mut sums = Sums::new(&kernels, &primes[0]);
    let (mac_word, key_byte) = sums.keys();
    PriceTable {
        ntt_butterfly: ntt_butterfly(&primes[0]),
        conversion_word: conversion_word(&kernels, &primes),
        mac_word,
        automorphism_word: sums.automorphism_word(),
        key_byte,
        plain_byte: sums.plain_byte(),
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let out = arguments
        .iter()
        .position(|argument| argument == "--out")
        .and_then(|at| arguments.get(at + 1));
    let (measured, assumed) = (measure(), PriceTable::DEFAULT);
    println!(
        "{} kernels, N = 2^{LOG_N}, one thread; nanoseconds (default)",
        kernels::active().path()
    );
    let lines = [
        ("butterfly", measured.ntt_butterfly, assumed.ntt_butterfly),
        (
            "conversion word",
            measured.conversion_word,
            assumed.conversion_word,
        ),
        ("mac word", measured.mac_word, assumed.mac_word),
        (
            "automorphism word",
            measured.automorphism_word,
            assumed.automorphism_word,
        ),
        ("key byte", measured.key_byte, assumed.key_byte),
        ("plain byte", measured.plain_byte, assumed.plain_byte),
    ];
    for (name, measured, assumed) in lines {
        println!("  {name:<18} {measured:.4} ({assumed:.4})");
    }
    if let Some(path) = out {
        let json = serde_json::to_string_pretty(&measured).expect("numbers");
        std::fs::write(path, json + "\n").unwrap_or_else(|error| panic!("cannot write {path}: {error}"));
    }
}
