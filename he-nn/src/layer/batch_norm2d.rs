//! [`batch_norm2d()`]: its rule.

use crate::graph::{Along, Op, Tensor, Weights};

use super::BatchNorm;
use super::batch_norm1d::{check, tensors};
use super::window::expect_image;

/// [`batch_norm2d_with`] PyTorch's default epsilon.
#[track_caller]
pub const fn batch_norm2d<'t>(x: Tensor<'t>, w: Weights<'t>) -> Tensor<'t> {
    batch_norm2d_with(x, w, BatchNorm::DEFAULT)
}

/// Batch normalisation of images, as PyTorch's `BatchNorm2d` in evaluation mode.
///
/// Normalises each channel.
///
/// * **Shape** `[C, H, W] -> [C, H, W]`; weights `weight`, `bias`, `running_mean`, `running_var`, all `[C]`.
/// * **Depth** 0: folds into the affine layer in front of it, or waits for the next.
/// * **Packing** As for `batch_norm1d`.
/// * **Errors** At compile time `shape/image_expected` of `docs/errors.md`. Otherwise as for `batch_norm1d`.
/// * **Source** Ioffe and Szegedy, ICML 2015, algorithm 2.
#[track_caller]
pub const fn batch_norm2d_with<'t>(x: Tensor<'t>, w: Weights<'t>, options: BatchNorm) -> Tensor<'t> {
    expect_image("batch_norm2d", &x);
    check(&options);
    let form = x.form().map(Along::Channel);
    x.then_with(
        Op::BatchNorm2d(options),
        x.shape(),
        0,
        form,
        w,
        tensors(x.channels()),
    )
}
