//! Which instructions the kernels may use: decided once, at the first call.
//!
//! The environment variable `HE_CPU` = `scalar`, `avx2` or `avx512` forces a path; without it the best supported one is taken.

use std::fmt;
use std::sync::OnceLock;

/// A family of instructions for which kernels exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Path {
    /// Portable code on 64-bit words with 128-bit products.
    Scalar,
    /// AVX2, FMA, BMI1 and BMI2: four words a vector, products of 64-bit words.
    Avx2,
    /// AVX-512 F, DQ, VL, BW, IFMA and VBMI, and VAES: eight words a vector, 52-bit products, four blocks of AES.
    Avx512,
}

impl Path {
    /// The name `HE_CPU` knows the path by.
    pub const fn name(self) -> &'static str {
        match self {
            Path::Scalar => "scalar",
            Path::Avx2 => "avx2",
            Path::Avx512 => "avx512",
        }
    }

    /// Whether this machine has the instructions.
    pub fn is_supported(self) -> bool {
        match self {
            Path::Scalar => true,
            #[cfg(target_arch = "x86_64")]
            Path::Avx2 => {
                is_x86_feature_detected!("avx2")
                    && is_x86_feature_detected!("fma")
                    && is_x86_feature_detected!("bmi1")
                    && is_x86_feature_detected!("bmi2")
            }
            #[cfg(target_arch = "x86_64")]
            Path::Avx512 => {
                Path::Avx2.is_supported()
                    && is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512dq")
                    && is_x86_feature_detected!("avx512vl")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512ifma")
                    && is_x86_feature_detected!("avx512vbmi")
                    && is_x86_feature_detected!("vaes")
            }
            #[cfg(not(target_arch = "x86_64"))]
            _ => false,
        }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Every path this machine can run, slowest first. Never empty.
pub fn paths_available() -> Vec<Path> {
    [Path::Scalar, Path::Avx2, Path::Avx512]
        .into_iter()
        .filter(|path| path.is_supported())
        .collect()
}

/// The path in use: what `HE_CPU` asks for, else the best supported one.
///
/// # Panics
/// If `HE_CPU` names no path or one this machine lacks: a benchmark or test that silently ran another path would lie.
#[expect(
    clippy::panic,
    reason = "a wrong HE_CPU is refused at start, before any computation"
)]
pub fn active() -> Path {
    static ACTIVE: OnceLock<Path> = OnceLock::new();
    *ACTIVE.get_or_init(|| {
        let available = paths_available();
        let names = available
            .iter()
            .map(|path| path.name())
            .collect::<Vec<_>>()
            .join(", ");
        match std::env::var("HE_CPU") {
            Err(_) => available.last().copied().unwrap_or(Path::Scalar),
            Ok(wanted) => match available.iter().find(|path| path.name() == wanted) {
                Some(path) => *path,
                None => {
                    panic!("HE_CPU asks for `{wanted}`, this machine offers: {names}\nhelp: unset HE_CPU")
                }
            },
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalar_is_always_there_and_the_active_path_is_supported() {
        assert_eq!(paths_available().first(), Some(&Path::Scalar));
        assert!(active().is_supported());
        println!("paths: {:?}, active: {}", paths_available(), active());
    }
}
