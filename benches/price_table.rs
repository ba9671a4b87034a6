//! What one unit of each price of the planner costs on this machine: `cargo bench --bench price_table -- --out prices.json`.
//!
//! One thread, at ring degree 2^14, in the shapes that key switching has: sums over four digits for two results, conversions of four
//! limbs to twelve. Arithmetic is measured with operands in the nearest cache that holds them; a byte of keys or plaintexts is what
//! the same sum takes longer, a byte, when the second factors come from memory, because each is read once a request. The figures are
//! the least of many runs; the machine should be idle. Nothing is asserted.
//!
//! The file is JSON of [`PriceTable`]: `serde_json::from_str::<PriceTable>(..)`, then `Goal::prices`.

use std::hint::black_box;

use he_core::math::automorphism::{Automorphism, galois_of_rotation};
use he_core::math::base_conversion::BaseConversion;
use he_core::math::buffer::Limbs;
use he_core::math::kernels::{self, Kernels, KeySum, PanelSums, PanelTerm};
use he_core::math::modulus::Modulus;
use he_core::math::ntt::NttTable;
use he_core::math::panel::Panel;
use he_core::math::prime::ntt_primes;
use he_nn::plan::PriceTable;

mod support;
use support::{least, limbs};

const LOG_N: u32 = 14;
const N: usize = 1 << LOG_N;
/// Terms of a sum: digits of a key switch, or diagonals of a matrix.
const TERMS: usize = 4;
/// Bytes that no cache holds.
const COLD_BYTES: usize = 512 << 20;
const REPEATS: usize = 200;

fn ntt_butterfly(q: &Modulus) -> f64 {
    let table = NttTable::new(N, *q).expect("a ring degree");
    let mut limbs = limbs(N, 1, q);
    let limb = limbs.limb_mut(0);
    let forward = least(REPEATS, || table.forward(black_box(limb)));
    let inverse = least(REPEATS, || table.inverse(black_box(limb)));
    (forward + inverse) / 2.0 / (N / 2 * LOG_N as usize) as f64
}

fn conversion_word(kernels: &Kernels, primes: &[Modulus]) -> f64 {
    let (sources, destinations) = primes.split_at(4);
    let conversion = BaseConversion::new(sources, destinations);
    let (src, mut dst) = (
        limbs(N, sources.len(), &sources[0]),
        Limbs::zeroed(N, destinations.len()),
    );
    let (src, mut dst) = (src.iter().collect::<Vec<_>>(), dst.split_mut());
    let time = least(REPEATS, || conversion.convert(kernels, &src, black_box(&mut dst)));
    time / (sources.len() * destinations.len() * N) as f64
}

/// Sums of products with panels, and what they are made of.
struct Sums<'a> {
    kernels: &'a Kernels,
    q: &'a Modulus,
    digits: Limbs,
    out: Limbs,
}

impl<'a> Sums<'a> {
    fn new(kernels: &'a Kernels, q: &'a Modulus) -> Self {
        Sums {
            kernels,
            q,
            digits: limbs(N, 2 * TERMS, q),
            out: Limbs::zeroed(N, 2),
        }
    }

    /// As many panels as no cache holds.
    fn panels(&self, rows: usize) -> Vec<Panel> {
        let words: Vec<(usize, &[u64])> = (0..rows).map(|row| (row, self.digits.limb(row))).collect();
        let one = || {
            let mut panel = Panel::zeroed(N, rows, self.q.bits());
            panel.set(self.kernels, &words);
            panel
        };
        let count = COLD_BYTES / one().bytes();
        (0..count).map(|_| one()).collect()
    }

    /// Time of one sum, with the panel in a cache and from memory.
    fn hot_and_cold(
        &mut self,
        panels: &[Panel],
        sum: impl Fn([&mut [u64]; 2], &Limbs, &Panel),
    ) -> (f64, f64) {
        let digits = &self.digits;
        let mut outs = self.out.split_mut();
        let [out0, out1] = outs.as_mut_slice() else {
            return (0.0, 0.0);
        };
        let hot = least(REPEATS, || sum([black_box(out0), out1], digits, &panels[0]));
        let cold = least(5, || {
            panels
                .iter()
                .for_each(|panel| sum([black_box(out0), out1], digits, panel))
        });
        (hot, cold / panels.len() as f64)
    }

    /// (a product, a byte of keys, a word of an automorphism): the automorphism is part of the sum whose results it permutes.
    fn keys(&mut self) -> (f64, f64, f64) {
        let (kernels, q) = (*self.kernels, *self.q);
        let automorphism = Automorphism::new(N, galois_of_rotation(N, 3));
        let panels = self.panels(2 * TERMS);
        let sum =
            |automorphism: Option<&Automorphism>, outs: [&mut [u64]; 2], digits: &Limbs, panel: &Panel| {
                let digits: Vec<&[u64]> = digits.iter().take(TERMS).collect();
                let sum = KeySum {
                    uniform: None,
                    panel,
                    digits: &digits,
                    plus: None,
                    automorphism,
                    add: false,
                };
                kernels.key_sum(&q, outs, &sum, 0..N);
            };
        let (hot, cold) = self.hot_and_cold(&panels, |outs, digits, panel| sum(None, outs, digits, panel));
        let (moved, _) = self.hot_and_cold(&panels[..1], |outs, digits, panel| {
            sum(Some(&automorphism), outs, digits, panel)
        });
        let products = (2 * TERMS * N) as f64;
        (
            hot / products,
            (cold - hot).max(0.0) / panels[0].bytes() as f64,
            (moved - hot).max(0.0) / (2 * N) as f64,
        )
    }

    /// A byte of plaintexts: both parts of a ciphertext meet the same factor.
    fn plain_byte(&mut self) -> f64 {
        let (kernels, q) = (*self.kernels, *self.q);
        let panels = self.panels(TERMS);
        let terms: Vec<PanelTerm> = (0..TERMS as u32)
            .map(|i| PanelTerm { row: i, factor: i })
            .collect();
        let (hot, cold) = self.hot_and_cold(&panels, |outs, digits, panel| {
            let factors: Vec<[&[u64]; 2]> = (0..TERMS)
                .map(|i| [digits.limb(2 * i), digits.limb(2 * i + 1)])
                .collect();
            let sums = PanelSums {
                panel,
                factors: &factors,
                terms: &[&terms],
            };
            kernels.panel_sums(&q, &mut [outs], &sums, 0..N);
        });
        (cold - hot).max(0.0) / panels[0].bytes() as f64
    }
}

fn measure() -> PriceTable {
    let kernels = kernels::active();
    let primes: Vec<Modulus> = ntt_primes(45, 2 * N as u64).take(16).map(Modulus::new).collect();
    let mut sums = Sums::new(&kernels, &primes[0]);
    let (mac_word, key_byte, automorphism_word) = sums.keys();
    PriceTable {
        ntt_butterfly: ntt_butterfly(&primes[0]),
        conversion_word: conversion_word(&kernels, &primes),
        mac_word,
        automorphism_word,
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
