//! [`standardize()`]: its rule, what it means on floats.

use crate::graph::{Along, Op, Tensor, Tensors, Weights};

/// Standardisation of features, as scikit-learn's `StandardScaler`.
///
/// `(x - mean) / scale`, elementwise.
///
/// * **Shape** unchanged; weights `mean` and `scale` in the shape of the tensor.
/// * **Depth** 0: `(x - mean) / scale` folds into the next affine layer.
/// * **Packing** None of its own: it is part of the affine layer that absorbs it, and adds no rotation.
/// * **Errors** At compile time `depth/nothing_absorbs` of `docs/errors.md`. [`Error::Checkpoint`](crate::Error::Checkpoint);
///   [`Error::NonFinite`](crate::Error::NonFinite) for a scale of zero.
#[track_caller]
pub const fn standardize<'t>(x: Tensor<'t>, w: Weights<'t>) -> Tensor<'t> {
    let shape = x.shape();
    let tensors = Tensors::NONE.and("mean", shape).and("scale", shape);
    let along = if x.rank() <= 1 {
        Along::Channel
    } else {
        Along::Element
    };
    x.then_with(Op::Standardize, shape, 0, x.form().map(along), w, tensors)
}

/// `a` and `b` of `a x + b`, one of each for every element.
pub(crate) fn map(tensors: &[Vec<f64>]) -> (Vec<f64>, Vec<f64>) {
    let [mean, scale] = tensors else {
        return (Vec::new(), Vec::new());
    };
    (
        scale.iter().map(|s| 1.0 / s).collect(),
        mean.iter().zip(scale).map(|(m, s)| -m / s).collect(),
    )
}

/// On floats.
pub(crate) fn clear(x: &[f64], tensors: &[Vec<f64>]) -> Vec<f64> {
    let [mean, scale] = tensors else { return Vec::new() };
    x.iter()
        .zip(mean.iter().zip(scale))
        .map(|(x, (m, s))| (x - m) / s)
        .collect()
}
