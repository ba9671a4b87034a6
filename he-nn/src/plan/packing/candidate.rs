//! Ways to pack the output of an affine map, given the layout of its input.
//!
//! An affine layer maps input elements to `channels x positions` output elements; a dense layer has one position, a convolution
//! one for each output pixel. Positions are *carried*: output pixel `p` stays in the slot of its anchor, the input pixel it is
//! centred on (this is what interleaved packing and gaps after a stride amount to). Channels are placed by slot bits. Of the
//! bits that distinguish input data at an anchor's place (channels, stride phases, all bits of a dense layer's input), a
//! candidate uses some to number output channels and sums over others by folds; bits that merely repeat the input number
//! further output channels for free.

use super::bits::{SlotBits, mask, spread};
use super::owners::{Owners, Target, Targets};
use super::place::{Places, Window};

/// Slots that output positions are carried in.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
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
            window: Window::UPWARDS,
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
        // The farthest a tap may lie behind its anchor. Where the client splits an image into phases, neighbours stand in other
        // blocks, and it is the next pixel of the same phase that stands beside.
        let width = output[1] as usize;
        let step = |first: usize, second: usize| match (at.get(first), at.get(second)) {
            (Some(a), Some(b)) if a.0 == b.0 && b.1 > a.1 => Some(b.1 - a.1),
            _ => None,
        };
        let farthest = |count: usize, stride_of: usize| {
            [1usize, 2, 4]
                .into_iter()
                .filter_map(|phase| {
                    let steps = (phase..count).map(|i| step((i - phase) * stride_of, i * stride_of));
                    let step = steps.collect::<Option<Vec<u32>>>()?.into_iter().max()?;
                    Some(reach.div_ceil(stride.max(1) * phase as u32) * step)
                })
                .min()
                .unwrap_or(0) as i32
        };
        // Bits of positions above bits that are not: phases above copies.
        let first = at.first().map_or(0, |a| a.1);
        let varying = at.iter().fold(0u32, |bits, &(_, slot)| bits | slot ^ first);
        let above = varying
            .checked_ilog2()
            .map_or(0, |top| (top + 1) - (varying << (31 - top)).leading_ones());
        let grain = if varying.trailing_zeros() < above {
            1 << above
        } else {
            1
        };
        let bias = farthest(width, 1) + farthest(output[0] as usize, width);
        Some(Anchors {
            at,
            window: Window {
                bias: bias.max(i32::from(reach > 0)),
                grain,
            },
        })
    }
}

/// One way to pack an affine layer's output.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
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
                        // Bits that are neither outputs nor summed stay empty, or every half gathers the whole sum.
                        let mut copied = rest.clone();
                        copied.retain(|bit| !fold_bits.contains(bit));
                        let gathered = [vec![], copied];
                        let choices = if anchors.at.len() == 1 {
                            &gathered[..1]
                        } else {
                            &gathered[..]
                        };
                        for copied in choices {
                            let mut copy_bits: Vec<u32> = copy_bits.iter().chain(copied).copied().collect();
                            copy_bits.sort_unstable();
                            let candidate = Candidate {
                                out_bits: out_bits.clone(),
                                fold_bits: fold_bits.clone(),
                                copy_bits,
                            };
                            if !found.contains(&candidate) {
                                found.push(candidate);
                            }
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

/// A candidate on the anchors of one layer: where every output stands. Instance `(channel * positions + position) * copies + copy`.
#[derive(Clone, Debug)]
pub struct Placement<'a> {
    candidate: &'a Candidate,
    anchors: &'a Anchors,
    channels: usize,
    period: usize,
    /// Tiles of the anchors; each makes a tile for every group of channels that one tile holds.
    planes: Vec<u32>,
    /// Bits that the candidate sets.
    placed: usize,
}

impl<'a> Placement<'a> {
    /// Places `channels` channels in tiles of `period` slots a sample.
    pub fn new(candidate: &'a Candidate, anchors: &'a Anchors, channels: usize, period: usize) -> Self {
        let mut planes: Vec<u32> = anchors.at.iter().map(|a| a.0).collect();
        planes.sort_unstable();
        planes.dedup();
        Placement {
            candidate,
            anchors,
            channels,
            period,
            planes,
            placed: mask(&candidate.out_bits) | mask(&candidate.fold_bits) | mask(&candidate.copy_bits),
        }
    }

    /// Copies of every output.
    pub fn copies(&self) -> usize {
        1 << self.candidate.copy_bits.len()
    }

    /// Number of output tiles.
    pub fn tiles(&self) -> usize {
        self.channels.div_ceil(1 << self.candidate.out_bits.len()) * self.planes.len()
    }

    /// A few instances that show which rotations a map needs: channels, positions and copies spread over all there are.
    pub fn sample(&self) -> Vec<u32> {
        let spread = |count: usize, most: usize| -> Vec<usize> {
            let taken = count.min(most);
            (0..taken).map(|i| i * (count - 1) / (taken - 1).max(1)).collect()
        };
        let (positions, copies) = (self.anchors.at.len(), self.copies());
        let mut instances = Vec::new();
        for &channel in &spread(self.channels, if positions == 1 { 4 } else { 16 }) {
            for &position in &spread(positions, 3) {
                for &copy in &spread(copies, if positions == 1 { 1 } else { 2 }) {
                    instances.push(((channel * positions + position) * copies + copy) as u32);
                }
            }
        }
        instances
    }

    /// The targets of all instances.
    pub fn owners(&self) -> Owners {
        let of_channel = self.anchors.at.len() * self.copies();
        let group = of_channel << self.candidate.out_bits.len();
        Owners::new(self, self.channels * of_channel, self.tiles(), self.period, group)
    }
}

impl Targets for Placement<'_> {
    fn of_instance(&self, instance: u32) -> Target {
        let (positions, copies) = (self.anchors.at.len(), self.copies());
        let (row, copy) = (instance as usize / copies, instance as usize % copies);
        let (channel, position) = (row / positions, row % positions);
        let Candidate {
            out_bits,
            fold_bits,
            copy_bits,
        } = self.candidate;
        let per_tile = 1usize << out_bits.len();
        let (tile, anchor) = self.anchors.at[position];
        let base =
            anchor as usize & !self.placed | spread(channel % per_tile, out_bits) | spread(copy, copy_bits);
        let plane = self.planes.partition_point(|&t| t < tile);
        Target {
            tile: (channel / per_tile * self.planes.len() + plane) as u32,
            row: row as u32,
            base: base as u32,
            free: mask(fold_bits) as u32,
        }
    }
}

impl Candidate {
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
