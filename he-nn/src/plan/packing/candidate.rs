//! Ways to pack the output of an affine map, given the layout of its input.
//!
//! An affine layer maps input elements to `channels x positions` output elements; a dense layer has one position, a convolution
//! one for each output pixel. Positions are *carried*: output pixel `p` stays in the slot of its anchor, the input pixel it is
//! centred on (this is what interleaved packing and gaps after a stride amount to). Channels are placed by slot bits. Of the
//! bits that distinguish input data at an anchor's place (channels, stride phases, all bits of a dense layer's input), a
//! candidate uses some to number output channels and sums over others by folds; bits that merely repeat the input number
//! further output channels for free.

use super::bits::{SlotBits, mask, spread};
use super::cover::{NONE, Owners, Places, Window};

/// Slots that output positions are carried in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anchors {
    /// (tile, slot) of each position.
    pub at: Vec<(u32, u32)>,
    /// Preferred rotations.
    pub window: Window,
}

impl Anchors {
    /// A dense layer's single position.
    pub fn single() -> Self {
        Anchors {
            at: vec![(0, 0)],
            window: Window { bias: 0, grain: 1 },
        }
    }

    /// Anchors of a convolution or pooling: the first copy of pixel `(y * stride, x * stride)` of channel 0. None when such a
    /// pixel does not exist or stands nowhere.
    pub fn of_image(
        places: &Places,
        input: [u32; 3],
        output: [u32; 2],
        stride: u32,
        reach: u32,
    ) -> Option<Self> {
        let slot_of = |y: u32, x: u32| {
            (y < input[1] && x < input[2]).then(|| places.of_element(y * input[2] + x).first().copied())?
        };
        let mut at = Vec::with_capacity((output[0] * output[1]) as usize);
        for y in 0..output[0] {
            for x in 0..output[1] {
                at.push(slot_of(y * stride, x * stride)?);
            }
        }
        // The farthest a tap may lie behind its anchor in the same plane.
        let width = output[1] as usize;
        let step = |first: usize, second: usize| match (at.get(first), at.get(second)) {
            (Some(a), Some(b)) if a.0 == b.0 && b.1 > a.1 => (b.1 - a.1) as i32,
            _ => 0,
        };
        let column = (1..width).map(|x| step(x - 1, x)).max().unwrap_or(0);
        let row = (1..output[0] as usize)
            .map(|y| step((y - 1) * width, y * width))
            .max()
            .unwrap_or(0);
        let steps = reach.div_ceil(stride.max(1)) as i32;
        let wrap = (column + row).max(1);
        Some(Anchors {
            at,
            window: Window {
                bias: steps * wrap,
                grain: 1,
            },
        })
    }
}

/// One way to pack an affine layer's output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Bits that number output channels.
    pub out_bits: Vec<u32>,
    /// Bits summed by folds.
    pub fold_bits: Vec<u32>,
    /// Bits over which the output is repeated.
    pub copy_bits: Vec<u32>,
}

/// Lists the candidates for `channels` output channels.
pub fn candidates(bits: &SlotBits, anchors: &Anchors, channels: usize) -> Vec<Candidate> {
    let first = anchors.at.first().map_or(0, |a| a.1);
    let varying = anchors.at.iter().fold(0u32, |acc, &(_, slot)| acc | slot ^ first);
    let contraction: Vec<u32> = bits
        .data
        .iter()
        .copied()
        .filter(|bit| varying >> bit & 1 == 0)
        .collect();
    let wanted = channels.next_power_of_two().trailing_zeros() as usize;
    let mut found: Vec<Candidate> = Vec::new();
    for outs in 0..=contraction.len().min(wanted) {
        for chosen in runs(&contraction, outs) {
            let rest: Vec<u32> = contraction
                .iter()
                .copied()
                .filter(|bit| !chosen.contains(bit))
                .collect();
            let copies = bits.copies.len().min(wanted - outs);
            for copied in runs(&bits.copies, copies) {
                let mut out_bits: Vec<u32> = chosen.iter().chain(&copied).copied().collect();
                out_bits.sort_unstable();
                let copy_bits: Vec<u32> = bits
                    .copies
                    .iter()
                    .copied()
                    .filter(|bit| !copied.contains(bit))
                    .collect();
                // A dense layer that leaves bits unsummed pays for each with twice the rotations.
                let fewest = if anchors.at.len() == 1 {
                    rest.len().saturating_sub(1)
                } else {
                    0
                };
                for folds in fewest..=rest.len() {
                    for fold_bits in runs(&rest, folds) {
                        let candidate = Candidate {
                            out_bits: out_bits.clone(),
                            fold_bits,
                            copy_bits: copy_bits.clone(),
                        };
                        if !found.contains(&candidate) {
                            found.push(candidate);
                        }
                    }
                }
            }
        }
    }
    found
}

/// The lowest and the highest `count` of a list of bits.
fn runs(bits: &[u32], count: usize) -> Vec<Vec<u32>> {
    let low = bits[..count].to_vec();
    let high = bits[bits.len() - count..].to_vec();
    if low == high { vec![low] } else { vec![low, high] }
}

impl Candidate {
    /// Which instance of which row (`channel * positions + position`) each slot of each output tile accumulates.
    pub fn owners(&self, period: usize, anchors: &Anchors, channels: usize) -> Owners {
        let positions = anchors.at.len();
        let per_tile = 1usize << self.out_bits.len();
        let groups = channels.div_ceil(per_tile);
        let mut anchor_tiles: Vec<u32> = anchors.at.iter().map(|a| a.0).collect();
        anchor_tiles.sort_unstable();
        anchor_tiles.dedup();
        let copies = 1usize << self.copy_bits.len();
        let mut instance = vec![NONE; groups * anchor_tiles.len() * period];
        let placed = mask(&self.out_bits) | mask(&self.fold_bits) | mask(&self.copy_bits);
        for (position, &(tile, anchor)) in anchors.at.iter().enumerate() {
            let plane = anchor_tiles.partition_point(|&t| t < tile);
            let base = anchor as usize & !placed;
            for group in 0..groups {
                for index in 0..per_tile {
                    let channel = group * per_tile + index;
                    if channel >= channels {
                        break;
                    }
                    let out = base | spread(index, &self.out_bits);
                    for copy in 0..copies {
                        let number = ((channel * positions + position) * copies + copy) as u32;
                        for part in 0..1usize << self.fold_bits.len() {
                            let slot = out | spread(copy, &self.copy_bits) | spread(part, &self.fold_bits);
                            instance[(group * anchor_tiles.len() + plane) * period + slot] = number;
                        }
                    }
                }
            }
        }
        let row = (0..channels * positions * copies)
            .map(|number| (number / copies) as u32)
            .collect();
        Owners {
            period,
            instance,
            row,
        }
    }

    /// Rotate-and-add stages of at most `2^max_log` rotations each, low bits first.
    pub fn stages(&self, max_log: usize) -> Vec<Vec<i32>> {
        self.fold_bits
            .chunks(max_log.max(1))
            .map(|bits| {
                (0..1usize << bits.len())
                    .map(|value| spread(value, bits) as i32)
                    .collect()
            })
            .collect()
    }
}
