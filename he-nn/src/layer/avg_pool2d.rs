//! [`avg_pool2d()`]: its rule, its options, what it means on floats.

use crate::graph::{Along, Op, Tensor};

use super::window::pooled;

/// Options of [`avg_pool2d_with`]; pairs are `[along the height, along the width]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AvgPool2d {
    /// Window.
    pub kernel: [usize; 2],
    /// Distance between windows.
    pub stride: [usize; 2],
    /// Zeros on each side.
    pub padding: [usize; 2],
    /// Whether the last window may reach beyond the padded input.
    pub ceil: bool,
    /// Whether the divisor counts the padding.
    pub count_include_pad: bool,
}

impl AvgPool2d {
    /// Square windows side by side.
    pub const fn kernel(size: usize) -> AvgPool2d {
        AvgPool2d::kernel_hw(size, size)
    }

    /// Windows of `height` rows and `width` columns, side by side.
    pub const fn kernel_hw(height: usize, width: usize) -> AvgPool2d {
        let kernel = [height, width];
        AvgPool2d {
            kernel,
            stride: kernel,
            padding: [0, 0],
            ceil: false,
            count_include_pad: true,
        }
    }

    /// The same stride along both axes.
    pub const fn stride(self, stride: usize) -> AvgPool2d {
        AvgPool2d {
            stride: [stride, stride],
            ..self
        }
    }

    /// `padding` zeros on each side of both axes.
    pub const fn padding(self, padding: usize) -> AvgPool2d {
        AvgPool2d {
            padding: [padding, padding],
            ..self
        }
    }

    /// PyTorch's `ceil_mode`.
    pub const fn ceil(self, ceil: bool) -> AvgPool2d {
        AvgPool2d { ceil, ..self }
    }

    /// PyTorch's `count_include_pad`.
    pub const fn count_include_pad(self, count: bool) -> AvgPool2d {
        AvgPool2d {
            count_include_pad: count,
            ..self
        }
    }
}

/// Averages square windows that stand side by side.
#[track_caller]
pub const fn avg_pool2d<'t>(x: Tensor<'t>, kernel: usize) -> Tensor<'t> {
    avg_pool2d_with(x, AvgPool2d::kernel(kernel))
}

/// Average pooling, as PyTorch's `AvgPool2d`.
///
/// * **Shape** `[C, H, W] -> [C, H', W']`; the stride is the kernel unless set.
/// * **Depth** 0: the sums are rotations, and the division folds into a neighbouring affine layer, or stays a factor that the plan
///   knows. Windows of unequal divisors leave a map that the next layer absorbs.
/// * **Packing** Window sums: if the pixels of every window lie at the same distances in the slots, one set of at most `kh kw` rotations
///   of each tile adds them up; `kh kw - 1` where the pixels share a tile. The result keeps the stride as gaps.
/// * **Errors** At compile time `shape/image_expected`, `shape/kernel_too_large`, `shape/zero_stride`, `shape/padding_too_large` of
///   `docs/errors.md`. [`Error::Infeasible`](crate::Error::Infeasible) where the windows lie at different distances (cut off at the
///   border, or spread over tiles).
/// * **Source** Gilad-Bachrach et al. (CryptoNets), ICML 2016.
#[track_caller]
pub const fn avg_pool2d_with<'t>(x: Tensor<'t>, options: AvgPool2d) -> Tensor<'t> {
    let AvgPool2d {
        kernel,
        stride,
        padding,
        ceil,
        count_include_pad,
    } = options;
    let shape = pooled("avg_pool2d", &x, kernel, stride, padding, ceil);
    let x = if x.form().allows_sums(true) {
        x
    } else {
        x.settled()
    };
    let padded = padding[0] + padding[1] > 0;
    let overhang = (shape.dim(1) - 1) * stride[0] + kernel[0] > x.height() + 2 * padding[0]
        || (shape.dim(2) - 1) * stride[1] + kernel[1] > x.width() + 2 * padding[1];
    let along = if overhang || padded && !count_include_pad {
        Along::Element
    } else {
        Along::Nothing
    };
    x.then(Op::AvgPool2d(options), shape, 0, x.form().map(along))
}

/// Divisor of each window, `[H', W']`, as PyTorch counts it: a window ends at the padding at the latest.
pub(crate) fn divisors(options: &AvgPool2d, from: &[usize], to: &[usize]) -> Vec<f64> {
    let length = |axis: usize, i: usize| {
        let (size, padding) = (from[axis + 1], options.padding[axis]);
        let start = i * options.stride[axis];
        let end = (start + options.kernel[axis]).min(size + 2 * padding);
        if options.count_include_pad {
            end - start
        } else {
            end.min(size + padding) - start.max(padding)
        }
    };
    let rows = 0..to[1];
    rows.flat_map(|i| (0..to[2]).map(move |j| (length(0, i) * length(1, j)) as f64))
        .collect()
}

/// On floats.
pub(crate) fn clear(options: &AvgPool2d, x: &[f64], from: &[usize], to: &[usize]) -> Vec<f64> {
    let sums = super::window::window_sums(x, from, to, [options.kernel, options.stride, options.padding]);
    let divisors = divisors(options, from, to);
    sums.iter()
        .zip(divisors.iter().cycle())
        .map(|(sum, d)| sum / d)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_counts_as_in_pytorch() {
        // AvgPool2d(2, stride=2, padding=1) of [[1, 2], [3, 4]]: each window holds one element.
        let options = AvgPool2d::kernel(2).padding(1);
        let x = [1.0, 2.0, 3.0, 4.0];
        assert_eq!(
            clear(&options, &x, &[1, 2, 2], &[1, 2, 2]),
            [0.25, 0.5, 0.75, 1.0]
        );
        assert_eq!(
            clear(&options.count_include_pad(false), &x, &[1, 2, 2], &[1, 2, 2]),
            x
        );
    }

    #[test]
    fn the_overhang_of_ceil_mode_is_not_counted() {
        // AvgPool2d(2, ceil_mode=True) of a row of three.
        let options = AvgPool2d::kernel_hw(1, 2).ceil(true);
        assert_eq!(
            clear(&options, &[1.0, 3.0, 5.0], &[1, 1, 3], &[1, 1, 2]),
            [2.0, 5.0]
        );
    }
}
