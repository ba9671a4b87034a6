//! The ways in which an affine map may be packed on one layout, estimated and worked out on demand.

use std::sync::{Arc, OnceLock};

use super::memo::{Made, Memo};
use crate::plan::network::Geometry;
use crate::plan::packing::bits::SlotBits;
use crate::plan::packing::candidate::{Anchors, Candidate, Placement, candidates};
use crate::plan::packing::merge::Merge;
use crate::plan::packing::split::Splits;
use crate::plan::packing::transform::Reading;

/// Candidates that need more than this many times the fewest output tiles are not looked at.
const SPREAD: usize = 16;

/// A map on a layout, with the candidates for its result.
pub(super) struct Ground {
    reading: Reading,
    anchors: Arc<Anchors>,
    channels: usize,
    period: usize,
    options: Vec<Packable>,
}

/// A candidate, and what is known of it.
pub(super) struct Packable {
    pub(super) candidate: Candidate,
    /// Real tiles of the result.
    pub(super) tiles: usize,
    /// The ways to serve a few rows; none where one is lost.
    estimate: OnceLock<Option<Vec<(Merge, Splits)>>>,
    transform: OnceLock<Made>,
}

impl Ground {
    /// `anchors`: where the input's arrangement tells them. None where an output stands at no input.
    pub(super) fn new(reading: Reading, geometry: Geometry, anchors: Option<Arc<Anchors>>) -> Option<Self> {
        let (places, map) = (&reading.places, &reading.map);
        let period = places.period();
        let (anchors, channels) = match geometry {
            Geometry::Image {
                input,
                output,
                stride,
                padding,
                ..
            } => {
                let size = [output[1], output[2]];
                let of_image = || Anchors::of_image(places, input, size, stride, padding).map(Arc::new);
                (anchors.or_else(of_image), output[0] as usize)
            }
            Geometry::Dense | Geometry::Diagonal => (None, map.rows()),
        };
        let (anchors, channels) = match anchors {
            Some(anchors) => (anchors, channels),
            // Where an output pixel has no input pixel to stand at, a small map is packed as if it had no shape.
            None if geometry == Geometry::Dense || map.rows() <= period => {
                (Arc::new(Anchors::single()), map.rows())
            }
            None => return None,
        };
        let bits = SlotBits::of(places.layout(), period);
        let mut options: Vec<Packable> = candidates(&bits, &anchors, channels)
            .into_iter()
            .map(|candidate| Packable {
                tiles: Placement::new(&candidate, &anchors, channels, period).tiles(),
                candidate,
                estimate: OnceLock::new(),
                transform: OnceLock::new(),
            })
            .collect();
        let fewest = options.iter().map(|option| option.tiles).min().unwrap_or(0);
        options.retain(|option| option.tiles <= SPREAD * fewest);
        let window = anchors.window;
        Some(Ground {
            reading: Reading { window, ..reading },
            anchors,
            channels,
            period,
            options,
        })
    }

    /// Bytes of what is known of the candidates.
    pub(super) fn bytes(&self) -> usize {
        let of = |option: &Packable| {
            let ways = option.estimate.get().into_iter().flatten().flatten();
            let transform = option
                .transform
                .get()
                .and_then(|transform| transform.as_ref().ok());
            ways.map(|(_, splits)| splits.bytes()).sum::<usize>() + transform.map_or(0, |t| t.bytes())
        };
        self.options.iter().map(of).sum()
    }

    /// The candidates.
    pub(super) fn options(&self) -> &[Packable] {
        &self.options
    }

    fn placement<'a>(&'a self, option: &'a Packable) -> Placement<'a> {
        Placement::new(&option.candidate, &self.anchors, self.channels, self.period)
    }

    /// The ways to serve a few rows; none where one is lost.
    pub(super) fn estimate<'a>(&self, option: &'a Packable) -> Option<&'a [(Merge, Splits)]> {
        let sample = || self.reading.sample(&self.placement(option)).ok();
        option.estimate.get_or_init(sample).as_deref()
    }

    /// The whole transform.
    ///
    /// # Errors
    /// Why a row is lost.
    pub(super) fn transform(&self, option: &Packable, memo: &Memo) -> Made {
        let make = || {
            let owners = self.placement(option).owners();
            let transform = self.reading.onto(owners, &option.candidate)?;
            Ok(memo.shared(transform))
        };
        option.transform.get_or_init(make).clone()
    }
}
