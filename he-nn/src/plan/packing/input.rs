//! Ways a client may arrange an input: the first layer's packing is free, because packing happens before encryption.

use he_core::tile::arrangement::{Arrangement, Axis};

use super::candidate::Anchors;
use super::cover::Window;

/// Shape of the first layer that reads an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// A dense layer (or anything without image structure) with this many outputs.
    Dense {
        /// Output elements.
        outputs: u32,
    },
    /// A convolution of a `[C, H, W]` image.
    Image {
        /// `[C, H, W]`.
        input: [u32; 3],
        /// Output height and width.
        output: [u32; 2],
        /// Kernel height and width.
        kernel: [u32; 2],
        /// Stride.
        stride: u32,
        /// Zero padding.
        padding: u32,
    },
}

/// An arrangement, with the anchors of its first layer where the layout alone does not tell them.
#[derive(Clone, Debug)]
pub struct InputCandidate {
    /// Name for reports.
    pub name: &'static str,
    /// The packing.
    pub arrangement: Arrangement,
    /// Anchors of the first layer's output positions.
    pub anchors: Option<Anchors>,
}

/// Arrangements of an input of `shape` for `batch` samples in tiles of `slots` slots. The first dimension of every arrangement is
/// the batch; samples stand in consecutive periods, which is the second result.
pub fn arrangements(shape: &[u32], reader: Reader, slots: u32, batch: u32) -> Vec<(InputCandidate, u32)> {
    let period = slots / batch.next_power_of_two().min(slots);
    let mut found = Vec::new();
    match reader {
        Reader::Dense { outputs } => dense(shape, outputs, period, &mut found),
        Reader::Image {
            input,
            output,
            kernel,
            stride,
            padding,
        } => {
            planes(input, stride, period, &mut found);
            columns(input, output, kernel, stride, padding, period, &mut found);
        }
    }
    found
        .into_iter()
        // A block that does not divide the period, as that of nine taps, would shift one sample against the next.
        .filter(|candidate| {
            batch == 1 || u64::from(period).is_multiple_of(candidate.arrangement.used_slots())
        })
        .map(|mut candidate| {
            let batched = batch.next_power_of_two();
            let arrangement = &mut candidate.arrangement;
            let used = arrangement
                .slot_axes
                .iter()
                .map(|axis| axis.extent)
                .product::<u32>();
            // Every sample starts at a multiple of the period.
            if used < period {
                arrangement.slot_axes.push(Axis::copies(period / used));
            }
            for axis in arrangement.slot_axes.iter_mut().chain(&mut arrangement.tile_axes) {
                axis.dim = axis.dim.map(|dim| dim + 1);
            }
            arrangement.slot_axes.push(Axis::along(0, batched, 1));
            arrangement.shape.insert(0, batch);
            arrangement.offset.insert(0, 0);
            arrangement.wrap.insert(0, 0);
            (candidate, period)
        })
        .collect()
}

/// A vector: contiguous with copies, plain or skewed by the share of a diagonal method's rotations that each copy serves.
fn dense(shape: &[u32], outputs: u32, period: u32, found: &mut Vec<InputCandidate>) {
    let size: u32 = shape.iter().product();
    let padded = size.next_power_of_two();
    let flat = |slot_axes: Vec<Axis>, tile_axes: Vec<Axis>, wrap: u32| {
        let mut arrangement = Arrangement::new(&[size], slot_axes, tile_axes);
        arrangement.wrap = vec![wrap];
        arrangement
    };
    if padded > period {
        // More elements than slots: plain tiles.
        let tiles = size.div_ceil(period);
        let arrangement = flat(
            vec![Axis::along(0, period, 1)],
            vec![Axis::along(0, tiles, period)],
            0,
        );
        found.push(InputCandidate {
            name: "plain",
            arrangement,
            anchors: None,
        });
        let interleaved = flat(
            vec![Axis::along(0, period, tiles)],
            vec![Axis::along(0, tiles, 1)],
            0,
        );
        found.push(InputCandidate {
            name: "interleaved",
            arrangement: interleaved,
            anchors: None,
        });
        return;
    }
    let copies = period / padded;
    let plain = flat(vec![Axis::along(0, padded, 1), Axis::copies(copies)], vec![], 0);
    found.push(InputCandidate {
        name: "copies",
        arrangement: plain,
        anchors: None,
    });
    let rows = outputs.next_power_of_two();
    if copies > 1 && rows > copies {
        let skew = rows / copies;
        let skewed = flat(
            vec![Axis::along(0, padded, 1), Axis::along(0, copies, skew)],
            vec![],
            padded,
        );
        found.push(InputCandidate {
            name: "skewed copies",
            arrangement: skewed,
            anchors: None,
        });
    }
}

/// Phases looked at: those of the first convolution's stride, and of strides and poolings after it.
const PHASES_MAX: u32 = 4;

/// Image planes, whole or split into the phases of a stride, with copies. Phases serve more than the first layer: a pooling sums
/// phases, and where these stand in the highest bits the sum leaves neither gaps nor unknown slots but copies.
fn planes(input: [u32; 3], stride: u32, period: u32, found: &mut Vec<InputCandidate>) {
    let [channels, height, width] = input;
    let least = if stride.is_power_of_two() { stride } else { 1 };
    let phases = (0..3)
        .map(|log| least << log)
        .filter(|&phase| phase <= PHASES_MAX.max(least));
    let phases: Vec<u32> = std::iter::once(1)
        .chain(phases.filter(|&phase| phase > 1))
        .collect();
    for &phase in &phases {
        let rows = height.div_ceil(phase).next_power_of_two();
        let columns = width.div_ceil(phase).next_power_of_two();
        let block = rows * columns * phase * phase;
        if block > period {
            continue;
        }
        let fit = (period / block).min(channels.next_power_of_two());
        let tiles = if fit < channels {
            vec![Axis::along(0, channels.div_ceil(fit), fit)]
        } else {
            vec![]
        };
        let copies = Axis::copies(period / (block * fit));
        let plane = [Axis::along(2, columns, phase), Axis::along(1, rows, phase)];
        // The finest step in the highest bits: it is summed first.
        let steps = (0..phase.trailing_zeros()).rev().map(|log| 1 << log);
        let mut parts = vec![Axis::along(0, fit, 1)];
        parts.extend(steps.flat_map(|step| [Axis::along(2, 2, step), Axis::along(1, 2, step)]));
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
            found.push(InputCandidate {
                name,
                arrangement,
                anchors: None,
            });
        }
    }
    interleaved(input, period, found);
}

/// Interleaved planes: neighbouring pixels in different tiles, for small periods and large batches.
fn interleaved(input: [u32; 3], period: u32, found: &mut Vec<InputCandidate>) {
    let [channels, height, width] = input;
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
            let arrangement = Arrangement::new(&[channels, height, width], axes, tiles);
            if !found.iter().any(|candidate| candidate.arrangement == arrangement) {
                found.push(InputCandidate {
                    name: "interleaved planes",
                    arrangement,
                    anchors: None,
                });
            }
        }
    }
}

/// Image to column: one block of output positions for every tap of the kernel and channel.
fn columns(
    input: [u32; 3],
    output: [u32; 2],
    kernel: [u32; 2],
    stride: u32,
    padding: u32,
    period: u32,
    found: &mut Vec<InputCandidate>,
) {
    let (rows, columns) = (output[0].next_power_of_two(), output[1].next_power_of_two());
    let taps = kernel[0] * kernel[1] * input[0];
    let block = rows * columns;
    if block * taps.next_power_of_two() > period {
        return;
    }
    let mut axes = vec![
        Axis::along(2, columns, stride),
        Axis::along(1, rows, stride),
        Axis::along(2, kernel[1], 1),
        Axis::along(1, kernel[0], 1),
        Axis::along(0, input[0], 1),
    ];
    // Blocks beyond the taps are zero; copies start at a power of two, so that they are only used when the taps fill one.
    let copies = period / (block * taps.next_power_of_two());
    if taps.is_power_of_two() && copies > 1 {
        axes.push(Axis::copies(copies));
    }
    let mut arrangement = Arrangement::new(&input, axes, vec![]);
    arrangement.offset = vec![0, padding, padding];
    let at = (0..output[0])
        .flat_map(|y| (0..output[1]).map(move |x| (0, y * columns + x)))
        .collect();
    let anchors = Anchors {
        at,
        window: Window {
            bias: 0,
            grain: block as i32,
        },
    };
    found.push(InputCandidate {
        name: "image to column",
        arrangement,
        anchors: Some(anchors),
    });
}
