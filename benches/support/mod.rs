//! What the benches of kernels share: operands, and the least of many times.

use std::time::Instant;

use he_core::math::buffer::Limbs;
use he_core::math::kernels;
use he_core::math::modulus::Modulus;
use he_core::math::sample::Seed;
use he_core::math::uniform::UniformStream;

/// The least time of `repeats` runs, in nanoseconds.
pub fn least(repeats: usize, mut run: impl FnMut()) -> f64 {
    let time = |_| {
        let start = Instant::now();
        run();
        start.elapsed().as_nanos() as f64
    };
    (0..repeats).map(time).fold(f64::INFINITY, f64::min)
}

/// Limbs of reduced, irregular words.
pub fn limbs(n: usize, count: usize, q: &Modulus) -> Limbs {
    let mut limbs = Limbs::zeroed(n, count);
    for (i, limb) in limbs.split_mut().into_iter().enumerate() {
        UniformStream::new(&Seed::new([7; 32]), 0, i as u64).fill(&kernels::active(), q, 0, limb);
    }
    limbs
}
