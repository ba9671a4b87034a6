//! Zero channels on both sides of an image's: `pad(x, (0, 0, 0, 0, n, n))`, the shortcut of He et al. 2015, option A.
//!
//! * **Shape** `[C, H, W] -> [C + 2 n, H, W]`.
//! * **Depth** 0.

use crate::graph::{Op, Tensor};

use super::window::expect_image;

/// Puts `channels` zero channels before and as many after; see the [module documentation](self).
#[track_caller]
pub const fn pad_channels<'t>(x: Tensor<'t>, channels: usize) -> Tensor<'t> {
    expect_image("pad_channels", &x);
    let shape = x.shape().with(0, x.channels() + 2 * channels);
    x.then(Op::PadChannels { channels }, shape, 0, x.form())
}
