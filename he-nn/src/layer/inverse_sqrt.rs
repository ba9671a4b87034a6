//! [`inverse_sqrt()`]: its rule.

use crate::graph::Tensor;

use super::reciprocal::record;
use super::{Positive, Reciprocal};

/// Inverse square root: `1 / sqrt(x)` for positive values, by Newton's method from a minimax polynomial, with recentred steps.
///
/// * **Shape** unchanged.
/// * **Depth** that of the seed, two a step, and one in front as for [`inverse`](super::inverse()). The combination of the least depth is taken: a
///   seed of 4 levels alone for `[0.1, 1]` and 1/1000, one of 6 and a step for `[0.001, 1]`. With `bootstrap` a refresh may stand behind the
///   seed and in the middle of every step.
/// * **Packing** Any: it acts on every slot where it stands, on every tile, without a rotation. The products of ciphertexts are about
///   `2 sqrt(degree)` of the seed and three a step, for every tile, each with one key switch.
/// * **Errors** As for [`inverse`](super::inverse()).
/// * **Source** P. Soderquist and M. Leeser, ACM Computing Surveys 28, 1996; see [`approx::InverseSqrt`](crate::approx::InverseSqrt).
#[track_caller]
pub const fn inverse_sqrt<'t>(x: Tensor<'t>, on: Positive) -> Tensor<'t> {
    record(x, Reciprocal::InverseSqrt(on))
}
