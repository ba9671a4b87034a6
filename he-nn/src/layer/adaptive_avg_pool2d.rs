//! Adaptive average pooling, as PyTorch's `AdaptiveAvgPool2d`.
//!
//! * **Shape** `[C, H, W] -> [C, H', W']` for the given `[H', W']`; window `i` of `H'` covers rows `floor(i H / H')` to
//!   `ceil((i + 1) H / H')`.
//! * **Depth** 0, as for `avg_pool2d`; windows of unequal size leave a map that the next layer absorbs.

use crate::graph::{Along, Message, Op, Shape, Tensor};

use super::window::expect_image;

/// Averages an image to `[C, height, width]`; see the [module documentation](self).
#[track_caller]
pub const fn adaptive_avg_pool2d<'t>(x: Tensor<'t>, output: [usize; 2]) -> Tensor<'t> {
    expect_image("adaptive_avg_pool2d", &x);
    let [height, width] = output;
    if height == 0 || width == 0 || height > x.height() || width > x.width() {
        Message::new("`adaptive_avg_pool2d` cannot turn ")
            .number(x.height())
            .text(" x ")
            .number(x.width())
            .text(" into ")
            .number(height)
            .text(" x ")
            .number(width)
            .help("ask for at least 1 and at most as many rows and columns as the input has")
            .raise();
    }
    let x = if x.form().allows_sums(true) {
        x
    } else {
        x.settled()
    };
    let equal = x.height().is_multiple_of(height) && x.width().is_multiple_of(width);
    let along = if equal { Along::Nothing } else { Along::Element };
    let shape = Shape::new(&[x.channels(), height, width]);
    x.then(
        Op::AdaptiveAvgPool2d { height, width },
        shape,
        0,
        x.form().map(along),
    )
}
