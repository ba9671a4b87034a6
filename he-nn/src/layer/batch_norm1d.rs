//! [`batch_norm1d()`]: its rule, its options, what it means on floats.

use crate::graph::{Along, Message, Op, Shape, Tensor, Tensors, Weights};

/// Options of the batch norms.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BatchNorm {
    /// Added to the variance.
    pub eps: f64,
}

impl BatchNorm {
    /// PyTorch's default, `1e-5`.
    pub const DEFAULT: BatchNorm = BatchNorm { eps: 1e-5 };

    /// With another epsilon.
    pub const fn eps(eps: f64) -> BatchNorm {
        BatchNorm { eps }
    }
}

/// [`batch_norm1d_with`] PyTorch's default epsilon.
#[track_caller]
pub const fn batch_norm1d<'t>(x: Tensor<'t>, w: Weights<'t>) -> Tensor<'t> {
    batch_norm1d_with(x, w, BatchNorm::DEFAULT)
}

/// Batch normalisation of features, as PyTorch's `BatchNorm1d` in evaluation mode.
///
/// Normalises each entry of dimension 0.
///
/// * **Shape** `[C] -> [C]` or `[C, L] -> [C, L]`; weights `weight`, `bias`, `running_mean`, `running_var`, all `[C]`.
/// * **Depth** 0: `(x - mean) / sqrt(var + eps) * weight + bias` folds into the affine layer in front of it, or waits for the next.
/// * **Packing** None of its own: it is part of the affine layer that absorbs it, and adds no rotation. On its own: one product with a
///   plaintext a tile.
/// * **Errors** At compile time `shape/batch_norm_rank`, `depth/nothing_absorbs` of `docs/errors.md`.
///   [`Error::Checkpoint`](crate::Error::Checkpoint); [`Error::NonFinite`](crate::Error::NonFinite) for a variance that is not positive.
/// * **Source** Ioffe and Szegedy, ICML 2015, algorithm 2.
#[track_caller]
pub const fn batch_norm1d_with<'t>(x: Tensor<'t>, w: Weights<'t>, options: BatchNorm) -> Tensor<'t> {
    if x.rank() != 1 && x.rank() != 2 {
        let message =
            Message::new("`batch_norm1d` takes [C] or [C, L], and this tensor has shape ").shape(&x.shape());
        if x.rank() == 3 {
            message.help("use `batch_norm2d` for images").raise();
        }
        message.raise();
    }
    check(&options);
    let along = Along::Channel;
    x.then_with(
        Op::BatchNorm1d(options),
        x.shape(),
        0,
        x.form().map(along),
        w,
        tensors(x.dim(0)),
    )
}

/// The four vectors of a batch norm.
pub(super) const fn tensors(channels: usize) -> Tensors {
    let shape = Shape::new(&[channels]);
    Tensors::NONE
        .and("weight", shape)
        .and("bias", shape)
        .and("running_mean", shape)
        .and("running_var", shape)
}

/// Refuses an epsilon that may divide by zero.
#[track_caller]
pub(super) const fn check(options: &BatchNorm) {
    if !(options.eps > 0.0 && options.eps.is_finite()) {
        Message::new("the epsilon of a batch norm is not positive")
            .help("PyTorch's default is 1e-5")
            .raise();
    }
}

/// `a` and `b` of `a x + b`, one of each for every channel.
pub(crate) fn map(options: &BatchNorm, tensors: &[Vec<f64>]) -> (Vec<f64>, Vec<f64>) {
    let [weight, bias, mean, variance] = tensors else {
        return (Vec::new(), Vec::new());
    };
    let a: Vec<f64> = weight
        .iter()
        .zip(variance)
        .map(|(w, v)| w / (v + options.eps).sqrt())
        .collect();
    let b = bias
        .iter()
        .zip(mean.iter().zip(&a))
        .map(|(b, (m, a))| b - m * a)
        .collect();
    (a, b)
}

/// On floats: `(x - mean) / sqrt(var + eps) * weight + bias` with channels of `inner` elements.
pub(crate) fn clear(options: &BatchNorm, x: &[f64], inner: usize, tensors: &[Vec<f64>]) -> Vec<f64> {
    let [weight, bias, mean, variance] = tensors else {
        return Vec::new();
    };
    let value = |(i, x): (usize, &f64)| {
        let c = i / inner;
        (x - mean[c]) / (variance[c] + options.eps).sqrt() * weight[c] + bias[c]
    };
    x.iter().enumerate().map(value).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_are_normalised_by_their_own_statistics() {
        let tensors = [vec![2.0, 1.0], vec![1.0, 0.0], vec![3.0, -1.0], vec![3.0, 0.0]];
        let options = BatchNorm::eps(1.0);
        assert_eq!(
            clear(&options, &[3.0, 5.0, -1.0, 1.0], 2, &tensors),
            [1.0, 3.0, 0.0, 2.0]
        );
        assert_eq!(map(&options, &tensors), (vec![1.0, 1.0], vec![-2.0, 1.0]));
    }
}
