//! [`adaptive_avg_pool2d()`]: its rule, what it means on floats.

use crate::graph::{Along, Message, Op, Shape, Tensor};

use super::window::expect_image;

/// Adaptive average pooling, as PyTorch's `AdaptiveAvgPool2d`.
///
/// Averages an image to `[C, height, width]`.
///
/// * **Shape** `[C, H, W] -> [C, H', W']` for the given `[H', W']`; window `i` of `H'` covers rows `floor(i H / H')` to
///   `ceil((i + 1) H / H')`.
/// * **Depth** 0, as for `avg_pool2d`; windows of unequal size leave a map that the next layer absorbs.
/// * **Packing** As for `avg_pool2d`, if windows are of equal size; windows of unequal size rarely lie at the same distances.
/// * **Errors** At compile time `shape/image_expected`, `shape/adaptive_pool_enlarges` of `docs/errors.md`.
///   [`Error::Infeasible`](crate::Error::Infeasible) as for `avg_pool2d`.
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

/// Elements of each window, `[H', W']`.
pub(crate) fn divisors(from: &[usize], to: &[usize]) -> Vec<f64> {
    let length = |axis: usize, i: usize| window(i, to[axis], from[axis]).len();
    (0..to[1])
        .flat_map(|i| (0..to[2]).map(move |j| (length(1, i) * length(2, j)) as f64))
        .collect()
}

/// The entries that window `i` of `count` covers of an axis of `size`.
fn window(i: usize, count: usize, size: usize) -> core::ops::Range<usize> {
    i * size / count..((i + 1) * size).div_ceil(count)
}

/// On floats.
pub(crate) fn clear(x: &[f64], from: &[usize], to: &[usize]) -> Vec<f64> {
    let (&[channels, height, width], &[_, rows, columns]) = (from, to) else {
        return Vec::new();
    };
    let mut y = Vec::with_capacity(channels * rows * columns);
    for channel in x.chunks_exact(height * width) {
        for i in 0..rows {
            for j in 0..columns {
                let (vertical, horizontal) = (window(i, rows, height), window(j, columns, width));
                let count = (vertical.len() * horizontal.len()) as f64;
                let row = |r: usize| horizontal.clone().map(|c| channel[r * width + c]).sum::<f64>();
                y.push(vertical.map(row).sum::<f64>() / count);
            }
        }
    }
    y
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unequal_windows_overlap_as_in_pytorch() {
        // AdaptiveAvgPool2d((1, 2)) of five columns: windows 0..3 and 2..5.
        assert_eq!(
            clear(&[1.0, 2.0, 3.0, 4.0, 5.0], &[1, 1, 5], &[1, 1, 2]),
            [2.0, 4.0]
        );
        assert_eq!(divisors(&[1, 1, 5], &[1, 1, 2]), [3.0, 3.0]);
    }
}
