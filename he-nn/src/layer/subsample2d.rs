//! [`subsample2d()`]: its rule.

use crate::graph::{Message, Op, Shape, Tensor};

use super::window::expect_image;

/// Every `stride`-th row and column of an image, from the first: `x[:, ::s, ::s]`, the shortcut of He et al. 2015, option A.
///
/// Keeps every `stride`-th row and column.
///
/// * **Shape** `[C, H, W] -> [C, ceil(H / s), ceil(W / s)]`.
/// * **Depth** 0.
/// * **Packing** None of its own: the pixels that stay keep their slots, with gaps between them.
/// * **Errors** At compile time `shape/image_expected`, `shape/zero_stride` of `docs/errors.md`.
/// * **Source** He, Zhang, Ren, Sun, CVPR 2016, section 3.3, option A.
#[track_caller]
pub const fn subsample2d<'t>(x: Tensor<'t>, stride: usize) -> Tensor<'t> {
    expect_image("subsample2d", &x);
    if stride == 0 {
        Message::new("`subsample2d` has a stride of 0")
            .help("strides are at least 1")
            .raise();
    }
    let shape = Shape::new(&[
        x.channels(),
        x.height().div_ceil(stride),
        x.width().div_ceil(stride),
    ]);
    x.then(Op::Subsample2d { stride }, shape, 0, x.form())
}

/// The element behind each element of the result.
pub(crate) fn sources(from: &[usize], stride: usize) -> Vec<u32> {
    let &[channels, height, width] = from else {
        return Vec::new();
    };
    let rows = (0..channels).flat_map(|c| (0..height).step_by(stride).map(move |y| (c * height + y) * width));
    rows.flat_map(|row| (0..width).step_by(stride).map(move |x| (row + x) as u32))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::sources;

    #[test]
    fn odd_sizes_keep_the_last_row() {
        assert_eq!(sources(&[1, 3, 4], 2), [0, 2, 8, 10]);
    }
}
