//! Arrangements of an image that a convolution reads.

use he_core::tile::arrangement::{Arrangement, Axis};

use super::InputCandidate;
use crate::plan::packing::candidate::Anchors;
use crate::plan::packing::place::Window;

/// Phases looked at: those of the first convolution's stride, and of strides and poolings after it.
const PHASES_MAX: u32 = 4;

/// An image and the convolution that reads it first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Image {
    /// `[C, H, W]`.
    pub input: [u32; 3],
    /// Output height and width.
    pub output: [u32; 2],
    /// Kernel height and width.
    pub kernel: [u32; 2],
    /// Stride.
    pub stride: u32,
    /// Zero padding.
    pub padding: u32,
}

impl Image {
    /// Arrangements in periods of some slots.
    pub(super) fn arrange(&self, period: u32, found: &mut Vec<InputCandidate>) {
        self.planes(period, found);
        self.interleaved(period, found);
        for parts in [1, 2] {
            self.columns(period, parts, found);
        }
    }

    /// Image planes, whole or split into the phases of a stride, with copies. Phases serve more than the first layer: a pooling sums
    /// phases, and where these stand in the highest bits the sum leaves neither gaps nor unknown slots but copies.
    fn planes(&self, period: u32, found: &mut Vec<InputCandidate>) {
        let Image {
            input: [channels, height, width],
            stride,
            ..
        } = *self;
        let least = if stride.is_power_of_two() { stride } else { 1 };
        let phases = (0..3)
            .map(|log| least << log)
            .filter(|&phase| phase <= PHASES_MAX.max(least));
        let phases: Vec<u32> = std::iter::once(1)
            .chain(phases.filter(|&phase| phase > 1))
            .collect();
        for (&phase, complex) in phases.iter().flat_map(|phase| [(phase, false), (phase, true)]) {
            // As complex numbers, even and odd columns are real and imaginary parts.
            let phase_columns = if complex { phase.max(2) } else { phase };
            let rows = height.div_ceil(phase).next_power_of_two();
            let columns = width.div_ceil(phase_columns).next_power_of_two();
            // The finest step in the highest bits: it is summed first.
            let steps = (0..phase.trailing_zeros()).rev().map(|log| 1 << log);
            let phases = steps.flat_map(|step| [Axis::along(2, 2, step), Axis::along(1, 2, step)]);
            let even_odd = Axis::along(2, 2, 1);
            let phases: Vec<Axis> = phases.filter(|&axis| !complex || axis != even_odd).collect();
            let block = (rows * columns) << phases.len();
            if block > period {
                continue;
            }
            let fit = (period / block).min(channels.next_power_of_two());
            let mut tiles = if fit < channels {
                vec![Axis::along(0, channels.div_ceil(fit), fit)]
            } else {
                vec![]
            };
            tiles.extend(complex.then_some(even_odd));
            let copies = Axis::copies(period / (block * fit));
            let plane = [
                Axis::along(2, columns, phase_columns),
                Axis::along(1, rows, phase),
            ];
            let mut parts = vec![Axis::along(0, fit, 1)];
            parts.extend(phases);
            // What is summed over folds for free when it stands in the highest bits: copies below the phases, or above them.
            for copies_first in [true, false] {
                if copies_first && (copies.extent == 1 || parts.iter().all(|axis| axis.extent == 1)) {
                    continue;
                }
                let (below, above) = if copies_first {
                    (Some(copies), None)
                } else {
                    (None, Some(copies))
                };
                let mut axes: Vec<Axis> = plane
                    .into_iter()
                    .chain(below)
                    .chain(parts.iter().copied())
                    .chain(above)
                    .collect();
                axes.retain(|axis| axis.extent > 1);
                let name = if phase > 1 { "stride phases" } else { "planes" };
                let arrangement = Arrangement::new(&[channels, height, width], axes, tiles.clone());
                found.push(InputCandidate::new(name, arrangement, complex));
            }
        }
    }

    /// Interleaved planes: neighbouring pixels in different tiles, for small periods and large batches.
    fn interleaved(&self, period: u32, found: &mut Vec<InputCandidate>) {
        let [channels, height, width] = self.input;
        let area = height.next_power_of_two() * width.next_power_of_two();
        if area <= period {
            return;
        }
        let log_period = period.trailing_zeros();
        for log_rows in 0..=log_period {
            let (rows, columns) = (1 << log_rows, 1 << (log_period - log_rows));
            if log_rows.abs_diff(log_period - log_rows) > 1
                || rows > height.next_power_of_two()
                || columns > width.next_power_of_two()
            {
                continue;
            }
            let (outer_rows, outer_columns) = (height.div_ceil(rows), width.div_ceil(columns));
            for (outer_rows, outer_columns) in [
                (outer_rows, outer_columns),
                (outer_rows.next_power_of_two(), outer_columns.next_power_of_two()),
            ] {
                let axes = vec![
                    Axis::along(2, columns, outer_columns),
                    Axis::along(1, rows, outer_rows),
                ];
                let tiles = vec![
                    Axis::along(2, outer_columns, 1),
                    Axis::along(1, outer_rows, 1),
                    Axis::along(0, channels, 1),
                ];
                let arrangement = Arrangement::new(&[channels, height, width], axes.clone(), tiles);
                if !found.iter().any(|candidate| candidate.arrangement == arrangement) {
                    found.push(InputCandidate::new("interleaved planes", arrangement, false));
                }
                if outer_columns % 2 == 0 {
                    // Merged with its neighbour on the right: a kernel reads both.
                    let tiles = vec![
                        Axis::along(2, outer_columns / 2, 2),
                        Axis::along(1, outer_rows, 1),
                        Axis::along(0, channels, 1),
                        Axis::along(2, 2, 1),
                    ];
                    let arrangement = Arrangement::new(&[channels, height, width], axes, tiles);
                    if !found.iter().any(|candidate| candidate.arrangement == arrangement) {
                        found.push(InputCandidate::new("interleaved planes", arrangement, true));
                    }
                }
            }
        }
    }

    /// Image to column: one block of output positions for every tap of the kernel and channel. In two parts, taps of neighbouring kernel
    /// rows are real and imaginary part of a slot.
    fn columns(&self, period: u32, parts: u32, found: &mut Vec<InputCandidate>) {
        let Image {
            input,
            output,
            kernel,
            stride,
            padding,
        } = *self;
        let (rows, columns) = (output[0].next_power_of_two(), output[1].next_power_of_two());
        let kernel_rows = kernel[0].div_ceil(parts);
        let taps = kernel_rows * kernel[1] * input[0];
        let block = rows * columns;
        if block * taps.next_power_of_two() > period {
            return;
        }
        let mut axes = vec![
            Axis::along(2, columns, stride),
            Axis::along(1, rows, stride),
            Axis::along(2, kernel[1], 1),
            Axis::along(1, kernel_rows, parts),
            Axis::along(0, input[0], 1),
        ];
        // Blocks beyond the taps are zero; copies start at a power of two, so that they are only used when the taps fill one.
        let copies = period / (block * taps.next_power_of_two());
        if taps.is_power_of_two() && copies > 1 {
            axes.push(Axis::copies(copies));
        }
        let complex = parts > 1;
        let tiles = if complex {
            vec![Axis::along(1, parts, 1)]
        } else {
            vec![]
        };
        let mut arrangement = Arrangement::new(&input, axes, tiles);
        arrangement.offset = vec![0, padding, padding];
        let at = (0..output[0])
            .flat_map(|y| (0..output[1]).map(move |x| (0, y * columns + x)))
            .collect();
        let mut candidate = InputCandidate::new("image to column", arrangement, complex);
        candidate.anchors = Some(Anchors {
            at,
            window: Window {
                bias: 0,
                grain: block as i32,
            },
        });
        found.push(candidate);
    }
}
