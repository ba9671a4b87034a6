//! Sparsity patterns of linear maps between flat, row-major tensors, without weights.
//!
//! Notation: a pattern has `rows` outputs and `cols` inputs; each entry `(out, input, tap)` adds `taps[tap] * x[input]` to
//! `y[out]`. Entries that share a tap share its value, which is what packings of convolutions live on. Two entries with the same
//! `(out, input)` add up.

use std::sync::Arc;

use super::window::{Window, adaptive_pool, conv2d, pool};

pub(super) use crate::layer::relabel::ZERO;

/// Which inputs feed which outputs, and which entries share a value.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Pattern {
    /// `[batch, input] -> [batch, out]`, the same weights `[out, input]` for each row.
    Dense {
        /// Rows that share the weights.
        batch: usize,
        /// Output features.
        out: usize,
        /// Input features.
        input: usize,
    },
    /// `[C, H, W] -> [out, H', W']`, weights `[out, C / groups, kernel, kernel]`.
    Conv2d {
        /// `[C, H, W]`.
        input: [usize; 3],
        /// `[out, H', W']`.
        output: [usize; 3],
        /// Kernel, stride, padding and dilation.
        window: Window,
        /// Groups of channels that do not mix.
        groups: usize,
    },
    /// Window sums of each channel, `[C, H, W] -> [C, H', W']`: one tap, of value 1.
    Pool {
        /// `[C, H, W]`.
        input: [usize; 3],
        /// `[C, H', W']`.
        output: [usize; 3],
        /// Kernel, stride and padding.
        window: Window,
    },
    /// Sums over the windows `[floor(i H / H'), ceil((i + 1) H / H'))` of each channel: one tap, of value 1.
    AdaptivePool {
        /// `[C, H, W]`.
        input: [usize; 3],
        /// `[C, H', W']`.
        output: [usize; 3],
    },
    /// `[outer, axis, inner] -> [outer, inner]`, sums over the middle axis: one tap, of value 1.
    Reduce {
        /// Product of the dimensions before the axis.
        outer: usize,
        /// Length of the axis.
        axis: usize,
        /// Product of the dimensions behind the axis.
        inner: usize,
    },
    /// `y[i] = taps[i] * x[i]`.
    Diagonal {
        /// Number of elements.
        elements: usize,
    },
    /// `inner` reads a relabelled tensor: its input `j` is input `columns[j]` of this pattern, or zero.
    Columns {
        /// The pattern over the relabelled tensor.
        inner: Box<Pattern>,
        /// One source for each input of `inner`, or `u32::MAX`.
        columns: Arc<[u32]>,
        /// Number of inputs.
        cols: usize,
    },
    /// Output `r` is output `rows[r]` of `inner`, or zero.
    Rows {
        /// The pattern whose outputs are relabelled.
        inner: Box<Pattern>,
        /// One output of `inner` for each output, or `u32::MAX`.
        rows: Arc<[u32]>,
    },
    /// `inner` with a value of its own for each entry, in the order of `inner`.
    Unshared {
        /// The pattern that keeps its entries.
        inner: Box<Pattern>,
        /// Number of entries.
        entries: usize,
    },
}

impl Pattern {
    /// Number of outputs.
    #[must_use]
    pub fn rows(&self) -> usize {
        match self {
            Self::Dense { batch, out, .. } => batch * out,
            Self::Conv2d { output, .. } | Self::Pool { output, .. } | Self::AdaptivePool { output, .. } => {
                output.iter().product()
            }
            Self::Reduce { outer, inner, .. } => outer * inner,
            Self::Diagonal { elements } => *elements,
            Self::Columns { inner, .. } | Self::Unshared { inner, .. } => inner.rows(),
            Self::Rows { rows, .. } => rows.len(),
        }
    }

    /// Number of inputs.
    #[must_use]
    pub fn cols(&self) -> usize {
        match self {
            Self::Dense { batch, input, .. } => batch * input,
            Self::Conv2d { input, .. } | Self::Pool { input, .. } | Self::AdaptivePool { input, .. } => {
                input.iter().product()
            }
            Self::Reduce { outer, axis, inner } => outer * axis * inner,
            Self::Diagonal { elements } => *elements,
            Self::Columns { cols, .. } => *cols,
            Self::Rows { inner, .. } | Self::Unshared { inner, .. } => inner.cols(),
        }
    }

    /// Number of values.
    #[must_use]
    pub fn taps(&self) -> usize {
        match self {
            Self::Dense { out, input, .. } => out * input,
            Self::Conv2d {
                input,
                output,
                window,
                groups,
            } => output[0] * (input[0] / groups) * window.kernel[0] * window.kernel[1],
            Self::Pool { .. } | Self::AdaptivePool { .. } | Self::Reduce { .. } => 1,
            Self::Diagonal { elements } => *elements,
            Self::Columns { inner, .. } | Self::Rows { inner, .. } => inner.taps(),
            Self::Unshared { entries, .. } => *entries,
        }
    }

    /// Groups of channels that do not mix.
    pub(super) fn groups(&self) -> usize {
        if let Self::Conv2d { groups, .. } = self {
            *groups
        } else {
            1
        }
    }

    /// The rows as classes that read the same inputs, each with the next taps: how many, and the pattern of the first.
    #[must_use]
    pub fn classes(&self) -> (usize, Pattern) {
        match self {
            &Self::Dense { batch: 1, out, input } => {
                let (batch, first) = (1, 1);
                (
                    out,
                    Self::Dense {
                        batch,
                        out: first,
                        input,
                    },
                )
            }
            &Self::Conv2d {
                input,
                output: [out, rows, columns],
                window,
                groups: 1,
            } => {
                let (output, groups) = ([1, rows, columns], 1);
                (
                    out,
                    Self::Conv2d {
                        input,
                        output,
                        window,
                        groups,
                    },
                )
            }
            Self::Columns { inner, columns, cols } => {
                let (count, inner) = inner.classes();
                let (inner, columns, cols) = (Box::new(inner), columns.clone(), *cols);
                (count, Self::Columns { inner, columns, cols })
            }
            _ => (1, self.clone()),
        }
    }

    /// Number of entries.
    #[must_use]
    pub fn entries(&self) -> usize {
        match self {
            Self::Dense { batch, out, input } => batch * out * input,
            Self::Diagonal { elements } => *elements,
            Self::Unshared { entries, .. } => *entries,
            _ => {
                let mut count = 0;
                self.for_each(&mut |_, _, _| count += 1);
                count
            }
        }
    }

    /// Visits every entry as `(out, input, tap)`, in an order that depends on the pattern only.
    pub fn for_each(&self, f: &mut dyn FnMut(u32, u32, u32)) {
        match self {
            &Self::Dense { batch, out, input } => {
                for b in 0..batch {
                    for o in 0..out {
                        for i in 0..input {
                            f(
                                (b * out + o) as u32,
                                (b * input + i) as u32,
                                (o * input + i) as u32,
                            );
                        }
                    }
                }
            }
            Self::Conv2d {
                input,
                output,
                window,
                groups,
            } => conv2d(*input, *output, window, *groups, f),
            Self::Pool {
                input,
                output,
                window,
            } => pool(*input, *output, window, f),
            Self::AdaptivePool { input, output } => adaptive_pool(*input, *output, f),
            &Self::Reduce { outer, axis, inner } => {
                for o in 0..outer {
                    for i in 0..inner {
                        for k in 0..axis {
                            f((o * inner + i) as u32, ((o * axis + k) * inner + i) as u32, 0);
                        }
                    }
                }
            }
            Self::Diagonal { elements } => (0..*elements as u32).for_each(|i| f(i, i, i)),
            Self::Columns { inner, columns, .. } => inner.for_each(&mut |o, i, t| {
                let source = columns[i as usize];
                if source != ZERO {
                    f(o, source, t);
                }
            }),
            Self::Rows { inner, rows } => {
                let targets = targets(rows, inner.rows());
                inner.for_each(&mut |o, i, t| targets[o as usize].iter().for_each(|&row| f(row, i, t)));
            }
            Self::Unshared { inner, .. } => {
                let mut next = 0;
                inner.for_each(&mut |o, i, _| {
                    f(o, i, next);
                    next += 1;
                });
            }
        }
    }
}

/// The outputs that read each row.
fn targets(rows: &[u32], count: usize) -> Vec<Vec<u32>> {
    let mut targets = vec![Vec::new(); count];
    for (target, &row) in rows.iter().enumerate().filter(|&(_, &row)| row != ZERO) {
        targets[row as usize].push(target as u32);
    }
    targets
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(pattern: &Pattern) -> Vec<(u32, u32, u32)> {
        let mut list = Vec::new();
        pattern.for_each(&mut |o, i, t| list.push((o, i, t)));
        for &(o, i, t) in &list {
            assert!(
                (o as usize) < pattern.rows()
                    && (i as usize) < pattern.cols()
                    && (t as usize) < pattern.taps()
            );
        }
        assert_eq!(list.len(), pattern.entries());
        list
    }

    fn window(kernel: usize, stride: usize, padding: usize) -> Window {
        Window {
            kernel: [kernel; 2],
            stride: [stride; 2],
            padding: [padding; 2],
            dilation: [1; 2],
        }
    }

    #[test]
    fn padding_drops_entries_of_a_convolution() {
        let conv = Pattern::Conv2d {
            input: [1, 2, 2],
            output: [1, 2, 2],
            window: window(3, 1, 1),
            groups: 1,
        };
        let entries = list(&conv);
        assert_eq!(entries.len(), 16);
        // The first output lacks the first row and column of the kernel.
        assert_eq!(entries[..4], [(0, 0, 4), (0, 1, 5), (0, 2, 7), (0, 3, 8)]);
    }

    #[test]
    fn groups_read_their_own_channels() {
        let conv = Pattern::Conv2d {
            input: [4, 1, 1],
            output: [2, 1, 1],
            window: window(1, 1, 0),
            groups: 2,
        };
        assert_eq!(list(&conv), [(0, 0, 0), (0, 1, 1), (1, 2, 2), (1, 3, 3)]);
    }

    #[test]
    fn dense_rows_share_their_weights() {
        let dense = Pattern::Dense {
            batch: 2,
            out: 1,
            input: 2,
        };
        assert_eq!(list(&dense), [(0, 0, 0), (0, 1, 1), (1, 2, 0), (1, 3, 1)]);
    }

    #[test]
    fn sums_cover_each_window_once() {
        let pool = Pattern::Pool {
            input: [2, 4, 4],
            output: [2, 2, 2],
            window: window(2, 2, 0),
        };
        let mut seen = list(&pool).iter().map(|&(_, i, _)| i).collect::<Vec<_>>();
        seen.sort_unstable();
        assert_eq!(seen, (0..32).collect::<Vec<_>>());
        let adaptive = Pattern::AdaptivePool {
            input: [1, 1, 5],
            output: [1, 1, 2],
        };
        let expected = [(0, 0, 0), (0, 1, 0), (0, 2, 0), (1, 2, 0), (1, 3, 0), (1, 4, 0)];
        assert_eq!(list(&adaptive), expected);
        let reduce = Pattern::Reduce {
            outer: 1,
            axis: 2,
            inner: 2,
        };
        assert_eq!(list(&reduce), [(0, 0, 0), (0, 2, 0), (1, 1, 0), (1, 3, 0)]);
    }

    #[test]
    fn relabellings_drop_zeros_and_keep_taps() {
        let dense = Box::new(Pattern::Dense {
            batch: 1,
            out: 2,
            input: 2,
        });
        let columns = Pattern::Columns {
            inner: dense.clone(),
            columns: [5, ZERO].into(),
            cols: 7,
        };
        assert_eq!(list(&columns), [(0, 5, 0), (1, 5, 2)]);
        let rows = Pattern::Rows {
            inner: dense.clone(),
            rows: [1, ZERO, 1].into(),
        };
        assert_eq!(list(&rows), [(0, 0, 2), (2, 0, 2), (0, 1, 3), (2, 1, 3)]);
        let unshared = Pattern::Unshared {
            entries: rows.entries(),
            inner: Box::new(rows),
        };
        assert_eq!(list(&unshared).last().unwrap(), &(2, 1, 3));
    }
}
