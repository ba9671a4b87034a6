//! [`conv2d()`]: its rule, its options, what it means on floats.

use crate::graph::{Form, Message, Op, Shape, Tensor, Tensors, Weights};

use super::window::{expect_image, windows};

/// Options of [`conv2d`]; pairs are `[along the height, along the width]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conv2d {
    /// Output channels.
    pub out: usize,
    /// Kernel, 1 unless set.
    pub kernel: [usize; 2],
    /// Distance between windows, 1 unless set.
    pub stride: [usize; 2],
    /// Zeros on each side, 0 unless set.
    pub padding: [usize; 2],
    /// Whether there is a bias, true unless set.
    pub bias: bool,
}

impl Conv2d {
    /// `channels` output channels, a 1x1 kernel, stride 1, no padding, a bias.
    pub const fn out(channels: usize) -> Conv2d {
        Conv2d {
            out: channels,
            kernel: [1, 1],
            stride: [1, 1],
            padding: [0, 0],
            bias: true,
        }
    }

    /// A square kernel.
    pub const fn kernel(self, size: usize) -> Conv2d {
        self.kernel_hw(size, size)
    }

    /// A kernel of `height` rows and `width` columns.
    pub const fn kernel_hw(self, height: usize, width: usize) -> Conv2d {
        Conv2d {
            kernel: [height, width],
            ..self
        }
    }

    /// The same stride along both axes.
    pub const fn stride(self, stride: usize) -> Conv2d {
        self.stride_hw(stride, stride)
    }

    /// A stride for each axis.
    pub const fn stride_hw(self, height: usize, width: usize) -> Conv2d {
        Conv2d {
            stride: [height, width],
            ..self
        }
    }

    /// `padding` zeros on each side of both axes.
    pub const fn padding(self, padding: usize) -> Conv2d {
        self.padding_hw(padding, padding)
    }

    /// Zeros on each side, for each axis.
    pub const fn padding_hw(self, height: usize, width: usize) -> Conv2d {
        Conv2d {
            padding: [height, width],
            ..self
        }
    }

    /// With or without a bias.
    pub const fn bias(self, bias: bool) -> Conv2d {
        Conv2d { bias, ..self }
    }
}

/// 2-D convolution (cross-correlation, as PyTorch's `Conv2d`).
///
/// * **Shape** `[C, H, W] -> [O, H', W']`, `H' = (H + 2 padding - kernel) / stride + 1`; weights `weight [O, C, kh, kw]`, `bias [O]`.
/// * **Depth** 1. Absorbs a map that waits at its input.
/// * **Packing** Interleaved: output pixels stand where the input pixels they are centred on stand, channels are numbered by bits above
///   them, and `kh kw` times the blocks of channels are the diagonals. Phases of the stride: the client sends one block for each, and
///   folds add them up. Image to column: the client repeats pixels so that every rotation is a multiple of a block; only for the first
///   layer. Dense: where the output is small. `d` diagonals split into babies and giants take about `2 sqrt(d)` rotations an input and an
///   output tile; every fold by `2^f` takes at least `f`.
/// * **Errors** At compile time `shape/image_expected`, `shape/kernel_too_large`, `shape/zero_stride`, `shape/no_output_channels`,
///   `depth/budget_spent` of `docs/errors.md`. [`Error::Checkpoint`](crate::Error::Checkpoint);
///   [`Error::Infeasible`](crate::Error::Infeasible) where no packing fits.
/// * **Source** One rule for all of them is in `docs/packing.md`. Interleaved tiles: Aharoni et al., PoPETs 2023, section 3; gaps behind
///   a stride, at one level: Ebel, Garimella, Reagen (Orion), ASPLOS 2025 (arXiv 2311.03470).
#[track_caller]
pub const fn conv2d<'t>(x: Tensor<'t>, w: Weights<'t>, options: Conv2d) -> Tensor<'t> {
    expect_image("conv2d", &x);
    let Conv2d {
        out,
        kernel,
        stride,
        padding,
        bias,
    } = options;
    if out == 0 {
        Message::new("`conv2d` has 0 output channels")
            .help("write `Conv2d::out(n)` with n at least 1")
            .raise();
    }
    let height = windows(
        "conv2d",
        "height",
        x.height(),
        kernel[0],
        stride[0],
        padding[0],
        false,
    );
    let width = windows(
        "conv2d",
        "width",
        x.width(),
        kernel[1],
        stride[1],
        padding[1],
        false,
    );
    let mut tensors = Tensors::NONE.and("weight", Shape::new(&[out, x.channels(), kernel[0], kernel[1]]));
    if bias {
        tensors = tensors.and("bias", Shape::new(&[out]));
    }
    x.then_with(
        Op::Conv2d(options),
        Shape::new(&[out, height, width]),
        1,
        Form::Affine,
        w,
        tensors,
    )
}

/// On floats: `y[o, i, j] = b[o] + sum w[o, c, k, l] x[c, i s + k - p, j s + l - p]`, one weight after the other.
pub(crate) fn clear(
    options: &Conv2d,
    x: &[f64],
    from: &[usize],
    to: &[usize],
    w: &[f64],
    b: &[f64],
) -> Vec<f64> {
    let (&[channels, height, width], &[out, rows, columns]) = (from, to) else {
        return Vec::new();
    };
    let [kh, kw] = options.kernel;
    let mut y = vec![0.0; out * rows * columns];
    for (o, plane) in y.chunks_exact_mut(rows * columns).enumerate() {
        plane.fill(b.get(o).copied().unwrap_or(0.0));
        for c in 0..channels {
            let image = &x[c * height * width..(c + 1) * height * width];
            for k in 0..kh {
                for l in 0..kw {
                    let weight = w[((o * channels + c) * kh + k) * kw + l];
                    let inside = options.inside(1, l, width, columns);
                    for i in options.inside(0, k, height, rows) {
                        let row = i * options.stride[0] + k - options.padding[0];
                        let first = row * width + inside.start * options.stride[1] + l - options.padding[1];
                        let source = image.iter().skip(first).step_by(options.stride[1]);
                        let target = &mut plane[i * columns..][inside.clone()];
                        target.iter_mut().zip(source).for_each(|(y, x)| *y += weight * x);
                    }
                }
            }
        }
    }
    y
}

impl Conv2d {
    /// The windows along `axis` whose kernel entry `k` lies on the image.
    fn inside(&self, axis: usize, k: usize, size: usize, windows: usize) -> core::ops::Range<usize> {
        let (stride, padding) = (self.stride[axis], self.padding[axis]);
        let start = padding.saturating_sub(k).div_ceil(stride);
        let end = (size + padding).saturating_sub(k).div_ceil(stride).min(windows);
        start..end.max(start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::{Budget, Trace};

    #[test]
    fn shape_depth_and_weights_of_the_first_layer_of_cryptonets() {
        let cells = Trace::cells::<2>();
        let trace = Trace::record_into(
            &cells,
            Budget::Depth(1),
            crate::graph::Survey { nodes: 2, depth: 1 },
        );
        let x = trace.input(0, &[1, 28, 28]);
        let y = conv2d(
            x,
            trace.weights().at("conv1"),
            Conv2d::out(5).kernel(5).stride(2).padding(1),
        );
        assert_eq!(y.shape().to_vec(), [5, 13, 13]);
        let node = cells[1].get();
        assert_eq!((node.depth, node.spent, node.form), (1, 1, Form::Affine));
        let names: Vec<_> = node
            .parameters()
            .map(|(name, shape)| format!("{name}{shape}"))
            .collect();
        assert_eq!(names, ["conv1.weight[5, 1, 5, 5]", "conv1.bias[5]"]);
    }

    #[test]
    fn a_padded_strided_convolution_by_hand() {
        let options = Conv2d::out(1).kernel(2).stride(2).padding(1);
        let x: Vec<f64> = (1..=4).map(f64::from).collect();
        // Windows of the padded 4 x 4 image hold one element each: 1 at the lower right, 2 at the lower left, ...
        let y = clear(
            &options,
            &x,
            &[1, 2, 2],
            &[1, 2, 2],
            &[1.0, 10.0, 100.0, 1000.0],
            &[0.5],
        );
        assert_eq!(y, [1000.5, 200.5, 30.5, 4.5]);
    }

    #[test]
    fn channels_add_up() {
        let y = clear(
            &Conv2d::out(2),
            &[1.0, 2.0],
            &[2, 1, 1],
            &[2, 1, 1],
            &[1.0, 10.0, -1.0, 1.0],
            &[],
        );
        assert_eq!(y, [21.0, 1.0]);
    }
}
