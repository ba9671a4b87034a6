//! [`inverse()`]: its rule.

use crate::graph::Tensor;

use super::reciprocal::record;
use super::{Positive, Reciprocal};

/// Inverse: `1 / x` for positive values, by Goldschmidt's method from a constant, with recentred squares.
///
/// * **Shape** unchanged.
/// * **Depth** one a step, and one in front: there values are brought to the interval where no layer does that, and slots that hold no element are
///   cleared where there are such. Steps are as many as the interval and the precision take: 4 for `[0.1, 1]` and 1/1000, one more for
///   every factor 4 between the ends. With `bootstrap` a refresh may stand between any two of them.
/// * **Packing** Any: it acts on every slot where it stands, on every tile, without a rotation. Two products of ciphertexts a step and tile, each
///   with one key switch.
/// * **Errors** At compile time `shape/inverse_interval`, `shape/inverse_span`, `shape/inverse_precision` of `docs/errors.md`.
///   [`Error::OutsideInterval`](crate::Error::OutsideInterval) of the clear model for a value outside of the interval.
/// * **Source** R. Goldschmidt, *Applications of division by convergence*, MIT 1964; see [`approx::Inverse`](crate::approx::Inverse).
#[track_caller]
pub const fn inverse<'t>(x: Tensor<'t>, on: Positive) -> Tensor<'t> {
    record(x, Reciprocal::Inverse(on))
}
