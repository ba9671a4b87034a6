//! Windows of 2-D operations, and the entries of the patterns that they make. Notation as in [`pattern`](super::pattern).

/// A window of a 2-D operation over the last two dimensions of `[C, H, W]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Window {
    /// Rows and columns of the kernel.
    pub kernel: [usize; 2],
    /// Distance of neighbouring windows.
    pub stride: [usize; 2],
    /// Zeros before the first row and column.
    pub padding: [usize; 2],
    /// Distance of neighbouring kernel entries.
    pub dilation: [usize; 2],
}

impl Window {
    /// The input row (axis 0) or column (axis 1) under kernel entry `k` of window `o`, unless it is padding.
    fn source(&self, axis: usize, o: usize, k: usize, extent: usize) -> Option<usize> {
        let at = o * self.stride[axis] + k * self.dilation[axis];
        at.checked_sub(self.padding[axis]).filter(|&i| i < extent)
    }
}

pub(super) fn conv2d(
    [channels, height, width]: [usize; 3],
    [out, rows, columns]: [usize; 3],
    window: &Window,
    groups: usize,
    f: &mut dyn FnMut(u32, u32, u32),
) {
    let [kh, kw] = window.kernel;
    let (per_group, outs_per_group) = (channels / groups, out / groups);
    for o in 0..out {
        let first = o / outs_per_group * per_group;
        for y in 0..rows {
            for x in 0..columns {
                let row = (o * rows + y) * columns + x;
                for c in 0..per_group {
                    for ky in 0..kh {
                        let Some(iy) = window.source(0, y, ky, height) else {
                            continue;
                        };
                        for kx in 0..kw {
                            let Some(ix) = window.source(1, x, kx, width) else {
                                continue;
                            };
                            let input = ((first + c) * height + iy) * width + ix;
                            f(
                                row as u32,
                                input as u32,
                                (((o * per_group + c) * kh + ky) * kw + kx) as u32,
                            );
                        }
                    }
                }
            }
        }
    }
}

pub(super) fn pool(
    [channels, height, width]: [usize; 3],
    [_, rows, columns]: [usize; 3],
    window: &Window,
    f: &mut dyn FnMut(u32, u32, u32),
) {
    for c in 0..channels {
        for y in 0..rows {
            for x in 0..columns {
                for ky in 0..window.kernel[0] {
                    let Some(iy) = window.source(0, y, ky, height) else {
                        continue;
                    };
                    for kx in 0..window.kernel[1] {
                        let Some(ix) = window.source(1, x, kx, width) else {
                            continue;
                        };
                        f(
                            ((c * rows + y) * columns + x) as u32,
                            ((c * height + iy) * width + ix) as u32,
                            0,
                        );
                    }
                }
            }
        }
    }
}

pub(super) fn adaptive_pool(
    [channels, height, width]: [usize; 3],
    [_, rows, columns]: [usize; 3],
    f: &mut dyn FnMut(u32, u32, u32),
) {
    let range = |i: usize, n: usize, extent: usize| i * extent / n..((i + 1) * extent).div_ceil(n);
    for c in 0..channels {
        for y in 0..rows {
            for x in 0..columns {
                for iy in range(y, rows, height) {
                    for ix in range(x, columns, width) {
                        f(
                            ((c * rows + y) * columns + x) as u32,
                            ((c * height + iy) * width + ix) as u32,
                            0,
                        );
                    }
                }
            }
        }
    }
}
