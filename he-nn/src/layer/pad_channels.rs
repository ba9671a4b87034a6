//! [`pad_channels()`]: its rule.

use crate::graph::{Form, Op, Tensor};

use super::relabel::ZERO;
use super::window::expect_image;

/// Zero channels on both sides of an image's: `pad(x, (0, 0, 0, 0, n, n))`, the shortcut of He et al. 2015, option A.
///
/// Puts `channels` zero channels before and as many after.
///
/// * **Shape** `[C, H, W] -> [C + 2 n, H, W]`.
/// * **Depth** 0.
/// * **Packing** None of its own where the next layer is affine. A sum needs the other operand in the same slots.
/// * **Errors** At compile time `shape/image_expected` of `docs/errors.md`.
/// * **Source** He, Zhang, Ren, Sun, CVPR 2016, section 3.3, option A.
#[track_caller]
pub const fn pad_channels<'t>(x: Tensor<'t>, channels: usize) -> Tensor<'t> {
    expect_image("pad_channels", &x);
    let shape = x.shape().with(0, x.channels() + 2 * channels);
    // The zero channels have no weights that a factor or an offset of their own could fold into.
    let form = match x.form() {
        Form::Affine => Form::AffineUniform,
        form => form,
    };
    x.then(Op::PadChannels { channels }, shape, 0, form)
}

/// The element behind each element of the result, or [`ZERO`].
pub(crate) fn sources(from: &[usize], channels: usize) -> Vec<u32> {
    let inner = from[1..].iter().product::<usize>();
    let zeros = core::iter::repeat_n(ZERO, channels * inner);
    zeros
        .clone()
        .chain(0..(from[0] * inner) as u32)
        .chain(zeros)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeros_stand_on_both_sides() {
        assert_eq!(sources(&[1, 1, 2], 1), [ZERO, ZERO, 0, 1, ZERO, ZERO]);
    }
}
