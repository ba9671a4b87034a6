//! Inputs and labels from safetensors.

use std::path::{Path, PathBuf};

use he_nn::{Error, Result};
use safetensors::{Dtype, SafeTensors};

/// Samples of a data set.
#[derive(Clone, Debug)]
pub struct Data {
    /// Samples one after the other.
    pub inputs: Vec<f32>,
    /// Numbers of one sample.
    pub elements: usize,
    /// The right answers, where the file has them.
    pub labels: Option<Vec<i64>>,
    /// What the network gave where it was trained, where the file has it: one sample after the other.
    pub logits: Option<Vec<f32>>,
}

/// A file of the bundled data.
pub fn bundled(folder: &str, file: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "data", folder, file]
        .iter()
        .collect()
}

impl Data {
    /// Reads `x` or `x_raw` (bytes are pixels and divided by 255) and, where there are any, labels `y` and outputs `logits`.
    pub fn open(path: &Path) -> Result<Self> {
        let bytes = std::fs::read(path).map_err(|source| Error::Io {
            path: path.into(),
            source,
        })?;
        let broken = |what: String| {
            let source = std::io::Error::new(std::io::ErrorKind::InvalidData, what);
            Error::Io {
                path: path.into(),
                source,
            }
        };
        let tensors = SafeTensors::deserialize(&bytes).map_err(|e| broken(e.to_string()))?;
        let x = tensors
            .tensor("x")
            .or_else(|_| tensors.tensor("x_raw"))
            .map_err(|e| broken(e.to_string()))?;
        let inputs: Vec<f32> = match x.dtype() {
            Dtype::U8 => x.data().iter().map(|&pixel| f32::from(pixel) / 255.0).collect(),
            Dtype::F32 => numbers(x.data(), f32::from_le_bytes),
            other => return Err(broken(format!("inputs of type {other:?}, expected U8 or F32"))),
        };
        let samples = x.shape().first().copied().unwrap_or(0);
        if samples == 0 || inputs.is_empty() {
            return Err(broken("no samples".into()));
        }
        let labels = tensors.tensor("y").ok().filter(|y| y.dtype() == Dtype::I64);
        let labels = labels.map(|y| numbers(y.data(), i64::from_le_bytes));
        let logits = tensors.tensor("logits").ok().filter(|y| y.dtype() == Dtype::F32);
        let logits = logits.map(|y| numbers(y.data(), f32::from_le_bytes));
        Ok(Data {
            elements: inputs.len() / samples,
            inputs,
            labels,
            logits,
        })
    }

    /// Number of samples.
    pub fn len(&self) -> usize {
        self.inputs.len() / self.elements
    }

    /// Sample `i`, cycling.
    pub fn sample(&self, i: usize) -> &[f32] {
        let at = i % self.len() * self.elements;
        &self.inputs[at..at + self.elements]
    }

    /// What the file says the network gives for sample `i`, cycling.
    pub fn logits(&self, i: usize) -> Option<&[f32]> {
        let logits = self.logits.as_deref()?;
        let outputs = logits.len() / self.len();
        let at = i % self.len() * outputs;
        Some(&logits[at..at + outputs])
    }

    /// The label of sample `i`, cycling.
    pub fn label(&self, i: usize) -> Option<i64> {
        self.labels.as_ref()?.get(i % self.len()).copied()
    }
}

fn numbers<T, const BYTES: usize>(bytes: &[u8], read: fn([u8; BYTES]) -> T) -> Vec<T> {
    bytes
        .as_chunks::<BYTES>()
        .0
        .iter()
        .map(|&chunk| read(chunk))
        .collect()
}
