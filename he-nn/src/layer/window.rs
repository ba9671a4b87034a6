//! Sliding windows: output sizes and the errors of convolutions and poolings.

use crate::graph::{Message, Shape, Tensor};

/// Refuses anything but `[C, H, W]`.
#[track_caller]
pub(super) const fn expect_image(layer: &str, x: &Tensor<'_>) {
    let shape = x.shape();
    if shape.rank() != 3 {
        let message = Message::new("`")
            .text(layer)
            .text("` takes an image [channels, height, width], and this tensor has shape ")
            .shape(&shape);
        match shape.rank() {
            2 => message
                .help("write `reshape(x, [1, height, width])` to give it a channel")
                .raise(),
            _ => message
                .help("write `reshape(x, [channels, height, width])` in front of it")
                .raise(),
        }
    }
}

/// Number of windows along one axis: PyTorch's `floor((size + 2 padding - kernel) / stride) + 1`, or `ceil` without a window
/// that starts in the right padding.
#[track_caller]
pub(super) const fn windows(
    layer: &str,
    axis: &str,
    size: usize,
    kernel: usize,
    stride: usize,
    padding: usize,
    ceil: bool,
) -> usize {
    if kernel == 0 || stride == 0 {
        Message::new("`")
            .text(layer)
            .text("` has a ")
            .text(if kernel == 0 { "kernel" } else { "stride" })
            .text(" of 0")
            .help("kernels and strides are at least 1")
            .raise();
    }
    let padded = size + 2 * padding;
    if kernel > padded {
        let message = Message::new("`")
            .text(layer)
            .text("` has a kernel of ")
            .number(kernel)
            .text(" along the ")
            .text(axis)
            .text(", and the input is only ")
            .number(size);
        let message = if padding > 0 {
            message.text(" + 2 * ").number(padding).text(" of padding")
        } else {
            message
        };
        message
            .text(" there")
            .help("use a kernel of at most ")
            .number(padded)
            .text(", or a padding of at least ")
            .number((kernel - size).div_ceil(2))
            .raise();
    }
    let whole = (padded - kernel) / stride + 1;
    if ceil && !(padded - kernel).is_multiple_of(stride) && whole * stride < size + padding {
        whole + 1
    } else {
        whole
    }
}

/// `[C, H, W]` to `[C, H', W']` for a pooling.
#[track_caller]
pub(super) const fn pooled(
    layer: &str,
    x: &Tensor<'_>,
    kernel: [usize; 2],
    stride: [usize; 2],
    padding: [usize; 2],
    ceil: bool,
) -> Shape {
    expect_image(layer, x);
    let mut axis = 0;
    while axis < 2 {
        if 2 * padding[axis] > kernel[axis] {
            Message::new("`")
                .text(layer)
                .text("` has a padding of ")
                .number(padding[axis])
                .text(", more than half its kernel of ")
                .number(kernel[axis])
                .help("use a padding of at most ")
                .number(kernel[axis] / 2)
                .raise();
        }
        axis += 1;
    }
    let height = windows(
        layer,
        "height",
        x.height(),
        kernel[0],
        stride[0],
        padding[0],
        ceil,
    );
    let width = windows(layer, "width", x.width(), kernel[1], stride[1], padding[1], ceil);
    Shape::new(&[x.channels(), height, width])
}

/// On floats: sums over windows of each channel, in row-major order of `[C, H', W']`.
pub(crate) fn window_sums(
    x: &[f64],
    from: &[usize],
    to: &[usize],
    [kernel, stride, padding]: [[usize; 2]; 3],
) -> Vec<f64> {
    let (&[channels, height, width], &[_, rows, columns]) = (from, to) else {
        return Vec::new();
    };
    let span = |axis: usize, i: usize, size: usize| {
        let start = i * stride[axis];
        let end = (start + kernel[axis]).saturating_sub(padding[axis]).min(size);
        start.saturating_sub(padding[axis])..end
    };
    let mut y = Vec::with_capacity(channels * rows * columns);
    for channel in x.chunks_exact(height * width) {
        for i in 0..rows {
            for j in 0..columns {
                let row = |r: usize| {
                    span(1, j, width)
                        .map(move |c| channel[r * width + c])
                        .sum::<f64>()
                };
                y.push(span(0, i, height).map(row).sum());
            }
        }
    }
    y
}

#[cfg(test)]
mod tests {
    use super::windows;

    #[test]
    fn window_counts_are_those_of_pytorch() {
        assert_eq!(windows("w", "height", 28, 5, 2, 1, false), 13);
        assert_eq!(windows("w", "height", 7, 2, 2, 0, false), 3);
        assert_eq!(windows("w", "height", 7, 2, 2, 0, true), 4);
        // The last window would start in the right padding: dropped.
        assert_eq!(windows("w", "height", 5, 2, 3, 1, true), 2);
        assert_eq!(windows("w", "height", 6, 3, 3, 0, true), 2);
    }
}
