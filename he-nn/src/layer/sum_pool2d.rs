//! [`sum_pool2d()`]: its rule, its options, what it means on floats.

use crate::graph::{Op, Tensor};

use super::window::pooled;

/// Options of [`sum_pool2d_with`]; pairs are `[along the height, along the width]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SumPool2d {
    /// Window.
    pub kernel: [usize; 2],
    /// Distance between windows.
    pub stride: [usize; 2],
    /// Zeros on each side.
    pub padding: [usize; 2],
    /// Whether the last window may reach beyond the padded input.
    pub ceil: bool,
}

impl SumPool2d {
    /// Square windows side by side.
    pub const fn kernel(size: usize) -> SumPool2d {
        SumPool2d::kernel_hw(size, size)
    }

    /// Windows of `height` rows and `width` columns, side by side.
    pub const fn kernel_hw(height: usize, width: usize) -> SumPool2d {
        let kernel = [height, width];
        SumPool2d {
            kernel,
            stride: kernel,
            padding: [0, 0],
            ceil: false,
        }
    }

    /// The same stride along both axes.
    pub const fn stride(self, stride: usize) -> SumPool2d {
        SumPool2d {
            stride: [stride, stride],
            ..self
        }
    }

    /// `padding` zeros on each side of both axes.
    pub const fn padding(self, padding: usize) -> SumPool2d {
        SumPool2d {
            padding: [padding, padding],
            ..self
        }
    }

    /// Rounds the number of windows up.
    pub const fn ceil(self, ceil: bool) -> SumPool2d {
        SumPool2d { ceil, ..self }
    }
}

/// Sums square windows that stand side by side.
#[track_caller]
pub const fn sum_pool2d<'t>(x: Tensor<'t>, kernel: usize) -> Tensor<'t> {
    sum_pool2d_with(x, SumPool2d::kernel(kernel))
}

/// Sum pooling: `avg_pool2d` without the division ("scaled mean pooling" in CryptoNets).
///
/// * **Shape** `[C, H, W] -> [C, H', W']`; the stride is the kernel unless set.
/// * **Depth** 0.
/// * **Packing** As for `avg_pool2d`.
/// * **Errors** As for `avg_pool2d`.
/// * **Source** Gilad-Bachrach et al. (CryptoNets), ICML 2016.
#[track_caller]
pub const fn sum_pool2d_with<'t>(x: Tensor<'t>, options: SumPool2d) -> Tensor<'t> {
    let SumPool2d {
        kernel,
        stride,
        padding,
        ceil,
    } = options;
    let shape = pooled("sum_pool2d", &x, kernel, stride, padding, ceil);
    let x = if x.form().allows_sums(true) {
        x
    } else {
        x.settled()
    };
    x.then(Op::SumPool2d(options), shape, 0, x.form())
}

/// On floats.
pub(crate) fn clear(options: &SumPool2d, x: &[f64], from: &[usize], to: &[usize]) -> Vec<f64> {
    super::window::window_sums(x, from, to, [options.kernel, options.stride, options.padding])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_overlap_where_the_stride_is_shorter() {
        let x: Vec<f64> = (1..=9).map(f64::from).collect();
        let y = clear(&SumPool2d::kernel(2).stride(1), &x, &[1, 3, 3], &[1, 2, 2]);
        assert_eq!(y, [12.0, 16.0, 24.0, 28.0]);
    }
}
