//! The AVX2 path: the portable code compiled with AVX2, FMA, BMI1 and BMI2.
//!
//! Additions, moves and the rounding of base conversions become vectors; products stay 64-bit multiplications, which four 32-bit ones
//! a lane would not beat.

use super::{KeySum, Lines, Made, Op, Operands, PanelSums, RunSums, WeightedSums, scalar};
use crate::math::cpu::Path;
use crate::math::modulus::Modulus;
use crate::math::panel::Panel;
use std::ops::Range;

/// Proof that the machine has the instructions: every method below relies on it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Avx2(());

impl Avx2 {
    /// The proof, if the machine has the instructions.
    pub(super) fn detect() -> Option<Self> {
        Path::Avx2.is_supported().then_some(Self(()))
    }
}

/// Defines methods that run the portable functions of the same name with the instructions enabled.
macro_rules! recompiled {
    ($(fn $name:ident($($argument:ident: $type:ty),* $(,)?);)*) => {
        impl Avx2 {
            $(pub(super) fn $name(self, $($argument: $type),*) {
                #[target_feature(enable = "avx2,fma,bmi1,bmi2")]
                fn run($($argument: $type),*) {
                    scalar::$name($($argument),*)
                }
                // SAFETY: `self` proves the instructions.
                unsafe { run($($argument),*) }
            })*
        }
    };
}

recompiled! {
    fn elementwise(op: Op, q: &Modulus, operands: Operands<'_>);
    fn inner_product(q: &Modulus, out: &mut [u64], terms: &[(&[u64], &[u64])], add: bool, from: usize);
    fn inner_product_pair(q: &Modulus, outs: [&mut [u64]; 2], terms: &[(&[u64], &[u64], &[u64])], add: bool, from: usize);
    fn key_sum(q: &Modulus, outs: [&mut [u64]; 2], panel: &Panel, sum: &KeySum<'_>, made: Option<Made<'_>>, range: Range<usize>);
    fn panel_sums(q: &Modulus, outs: &mut [[&mut [u64]; 2]], sums: &PanelSums<'_>, range: Range<usize>);
    fn run_sums(q: &Modulus, outs: &mut [[&mut [u64]; 2]], all: &RunSums<'_>, range: Range<usize>);
    fn reduce_i64(q: &Modulus, out: &mut [u64], x: &[i64]);
    fn reduce_i8(q: &Modulus, out: &mut [u64], x: &[i8]);
    fn permute_lines(out: &mut [u64], a: &[u64], lines: &Lines);
    fn rounded_sum(out: &mut [u64], rows: &[&[u64]], inverses: &[f64], from: usize);
    fn weighted_sums(dst: &mut [&mut [u64]], at: usize, sums: &WeightedSums<'_>, from: usize);
}
