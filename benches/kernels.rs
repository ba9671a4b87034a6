//! Times of the kernels: nanoseconds and ratios, printed, never asserted.
use he_core::math::modulus::Modulus;
use he_core::math::ntt::NttTable;
use he_core::math::prime::ntt_primes;
use std::hint::black_box;
use std::time::Instant;

/// The least time of `repeats` runs, in nanoseconds.
fn least(repeats: usize, mut run: impl FnMut()) -> f64 {
    (0..repeats)
        .map(|_| {
            let start = Instant::now();
            run();
            start.elapsed().as_nanos() as f64
        })
        .fold(f64::INFINITY, f64::min)
}

fn main() {
    for log_n in 13..=16 {
        let n = 1usize << log_n;
        let Some(q) = ntt_primes(50, 2 * n as u64).next() else { return };
        let Ok(table) = NttTable::new(n, Modulus::new(q)) else { return };
        let mut limb = (0..n as u64).collect::<Vec<_>>();
        let forward = least(200, || table.forward(black_box(&mut limb)));
        println!("forward 2^{log_n}: {:.1} us", forward / 1e3);
    }
}
