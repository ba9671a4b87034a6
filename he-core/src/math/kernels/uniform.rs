//! Uniform words of public streams.

#[cfg(target_arch = "x86_64")]
use super::Backend;
use super::Kernels;
use crate::math::modulus::Modulus;
use crate::math::uniform::UniformStream;

impl Kernels {
    /// The coefficients of a stream modulo `q` from `first`, an even number, on.
    pub(crate) fn uniform(&self, q: &Modulus, stream: &UniformStream, first: usize, out: &mut [u64]) {
        let done = match self.0 {
            #[cfg(target_arch = "x86_64")]
            Backend::Avx512(simd) => simd.uniform(q, stream, first, out),
            _ => 0,
        };
        if done < out.len() {
            stream.fill_portable(q, first + done, &mut out[done..]);
        }
    }
}
