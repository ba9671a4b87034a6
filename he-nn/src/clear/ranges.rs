//! The largest absolute value at every site of a model: what approximation intervals and scales are chosen by.

use crate::error::{Error, Result};
use crate::graph::NodeId;
use crate::model::Model;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Factor between the largest value seen and the range: held-out samples leave the range of the training set by up to 13 %.
pub const MARGIN: f64 = 1.5;

/// The same for the typical size: a root mean square over many elements varies less than their largest.
pub const TYPICAL_MARGIN: f64 = 1.25;

const MAGIC: &[u8; 8] = b"heranges";
const VERSION: u32 = 1;

/// What samples say of one node's values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SiteRange {
    /// Name of the node.
    pub label: String,
    /// Largest absolute value.
    pub largest: f64,
    /// Largest root mean square over the elements of one sample: what errors that add up over many elements are governed by.
    pub typical: f64,
}

/// A bound for every node of one model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ranges {
    model: String,
    /// Each node, in the graph's order.
    sites: Vec<SiteRange>,
    /// False if no sample was seen.
    calibrated: bool,
}

impl Ranges {
    /// One bound for every site of a model, for planning without samples.
    #[must_use]
    pub fn assumed(model: &Model, bound: f64) -> Self {
        Self::new(model, vec![(bound, bound); model.nodes().len()], false)
    }

    /// From the largest values and root mean squares seen; inputs keep the bound that the model states.
    pub(super) fn measured(model: &Model, seen: &[(f64, f64)]) -> Self {
        // A site that is always zero would make an empty interval.
        let with_margin = |value: f64, margin: f64| if value == 0.0 { 1.0 } else { margin * value };
        let sites = seen
            .iter()
            .map(|&(largest, typical)| (with_margin(largest, MARGIN), with_margin(typical, TYPICAL_MARGIN)));
        Self::new(model, sites.collect(), true)
    }

    fn new(model: &Model, mut bounds: Vec<(f64, f64)>, calibrated: bool) -> Self {
        for input in model.inputs() {
            let (largest, typical) = &mut bounds[input.node.index()];
            *largest = input.range;
            *typical = typical.min(input.range);
        }
        let labels = model.nodes().iter().map(|node| node.label().to_owned());
        let sites = labels.zip(bounds).map(|(label, (largest, typical))| SiteRange {
            label,
            largest,
            typical,
        });
        Self {
            model: model.name().to_owned(),
            sites: sites.collect(),
            calibrated,
        }
    }

    /// The bound at a node.
    #[must_use]
    pub fn of(&self, node: NodeId) -> f64 {
        self.sites.get(node.index()).map_or(1.0, |site| site.largest)
    }

    /// The typical size at a node: the largest root mean square of one sample's values.
    #[must_use]
    pub fn typical(&self, node: NodeId) -> f64 {
        self.sites.get(node.index()).map_or(1.0, |site| site.typical)
    }

    /// False if the bounds were assumed and not measured.
    #[must_use]
    pub fn is_calibrated(&self) -> bool {
        self.calibrated
    }

    /// Every site, in the graph's order.
    #[must_use]
    pub fn sites(&self) -> &[SiteRange] {
        &self.sites
    }

    /// Refuses ranges of another model.
    ///
    /// # Errors
    /// [`Error::ModelMismatch`].
    pub fn check(&self, model: &Model) -> Result<()> {
        let labels = model.nodes().iter().map(|node| node.label());
        if self.model == model.name() && labels.eq(self.sites.iter().map(|site| site.label.as_str())) {
            return Ok(());
        }
        Err(Error::ModelMismatch {
            what: "calibrated ranges".into(),
            found: format!("`{}` with {} sites", self.model, self.sites.len()),
            expected: format!("`{}` with {} sites", model.name(), model.nodes().len()),
        })
    }

    /// Bytes of a file.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        // Strings and floats always serialise into a growing buffer.
        let body = postcard::to_stdvec(self).unwrap_or_default();
        [MAGIC.as_slice(), &VERSION.to_le_bytes(), &body].concat()
    }

    /// Reads the bytes of a file.
    ///
    /// # Errors
    /// [`Error::Truncated`], [`Error::Version`] or [`Error::Corrupted`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        const WHAT: &str = "ranges file";
        let corrupted = |found: &str| Error::Corrupted {
            what: WHAT.into(),
            found: found.into(),
            expected: "the output of `Ranges::to_bytes`".into(),
        };
        let truncated = || Error::Truncated {
            what: WHAT.into(),
            found: bytes.len() as u64,
            expected: bytes.len() as u64 + 1,
        };
        let (magic, rest) = bytes.split_first_chunk::<8>().ok_or_else(truncated)?;
        if magic != MAGIC {
            return Err(corrupted("another start"));
        }
        let (version, body) = rest.split_first_chunk::<4>().ok_or_else(truncated)?;
        let version = u32::from_le_bytes(*version);
        if version != VERSION {
            return Err(Error::Version {
                what: WHAT.into(),
                found: version,
                expected: VERSION,
            });
        }
        let (ranges, rest) = postcard::take_from_bytes::<Self>(body).map_err(|error| match error {
            postcard::Error::DeserializeUnexpectedEnd => truncated(),
            other => corrupted(&other.to_string()),
        })?;
        if !rest.is_empty() {
            return Err(corrupted(&format!("{} bytes too many", rest.len())));
        }
        match ranges.sites.iter().find(|site| {
            ![site.largest, site.typical]
                .iter()
                .all(|bound| bound.is_finite() && *bound > 0.0)
        }) {
            Some(SiteRange {
                label,
                largest,
                typical,
            }) => Err(corrupted(&format!(
                "bounds of {largest} and {typical} at `{label}`"
            ))),
            None => Ok(ranges),
        }
    }

    /// Writes a file.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        std::fs::write(path, self.to_bytes()).map_err(Error::io(path))
    }

    /// Reads a file.
    ///
    /// # Errors
    /// [`Error::Io`], or as [`from_bytes`](Self::from_bytes).
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let bytes = std::fs::read(path).map_err(Error::io(path))?;
        Self::from_bytes(&bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site(label: &str, largest: f64) -> SiteRange {
        SiteRange {
            label: label.to_owned(),
            largest,
            typical: largest / 4.0,
        }
    }

    #[test]
    fn bytes_round_trip_and_truncations_are_refused() {
        let sites = vec![site("conv1", 2.5), site("square", 1e-3)];
        let ranges = Ranges {
            model: "net".into(),
            sites,
            calibrated: true,
        };
        let bytes = ranges.to_bytes();
        assert_eq!(Ranges::from_bytes(&bytes).unwrap(), ranges);
        for length in 0..bytes.len() {
            assert!(
                matches!(Ranges::from_bytes(&bytes[..length]), Err(Error::Truncated { .. })),
                "{length}"
            );
        }
        let mut newer = bytes.clone();
        newer[8] = 2;
        assert!(matches!(
            Ranges::from_bytes(&newer),
            Err(Error::Version {
                found: 2,
                expected: 1,
                ..
            })
        ));
        let sites = vec![site("conv1", f64::NAN)];
        let broken = Ranges { sites, ..ranges }.to_bytes();
        assert!(matches!(
            Ranges::from_bytes(&broken),
            Err(Error::Corrupted { .. })
        ));
    }
}
