//! Trained parameters: named float tensors read from safetensors or npz files.
//!
//! Names and layouts are those of a PyTorch state dict. Floats (f16, bf16, f32, f64) are kept; other element types, such as the
//! integer `num_batches_tracked` of batch norm, are remembered by name only, so that a model which needs one says why it
//! cannot be used. Files are untrusted: sizes are checked against the bytes at hand before anything is allocated.

mod manifest;
mod npy;
mod npz;
mod safetensors;

use crate::error::{Error, Result};
use std::collections::BTreeMap;
use std::path::Path;

pub(crate) use manifest::parameters;
pub use manifest::{Manifest, Parameter};

/// Values hashed at a time.
const HASHED_AT_ONCE: usize = 1 << 14;

/// Elements of a tensor, in the precision of the file (f16 and bf16 widen to f32 without loss).
#[derive(Clone, Debug, PartialEq)]
enum Elements {
    F32(Vec<f32>),
    F64(Vec<f64>),
}

/// A float tensor, row-major.
#[derive(Clone, Debug, PartialEq)]
pub struct TensorData {
    shape: Vec<usize>,
    elements: Elements,
}

impl TensorData {
    /// A tensor of f32 elements.
    ///
    /// # Errors
    /// [`Error::Length`] if the number of values is not the product of the shape.
    pub fn new(shape: &[usize], values: Vec<f32>) -> Result<Self> {
        Self::checked(shape.to_vec(), Elements::F32(values))
    }

    fn checked(shape: Vec<usize>, elements: Elements) -> Result<Self> {
        let found = match &elements {
            Elements::F32(v) => v.len(),
            Elements::F64(v) => v.len(),
        };
        let expected = shape
            .iter()
            .try_fold(1usize, |n, &d| n.checked_mul(d))
            .unwrap_or(usize::MAX);
        if found != expected {
            return Err(Error::Length {
                what: format!("tensor of shape {shape:?}"),
                found,
                expected,
            });
        }
        Ok(Self { shape, elements })
    }

    /// Dimensions.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Elements as f64.
    #[must_use]
    pub fn to_f64(&self) -> Vec<f64> {
        match &self.elements {
            Elements::F32(v) => v.iter().map(|&x| f64::from(x)).collect(),
            Elements::F64(v) => v.clone(),
        }
    }

    fn first_non_finite(&self) -> Option<(usize, f64)> {
        match &self.elements {
            Elements::F32(v) => v
                .iter()
                .position(|x| !x.is_finite())
                .map(|i| (i, f64::from(v[i]))),
            Elements::F64(v) => v.iter().position(|x| !x.is_finite()).map(|i| (i, v[i])),
        }
    }
}

/// Named float tensors.
#[derive(Clone, Debug, Default)]
pub struct Checkpoint {
    tensors: BTreeMap<String, TensorData>,
    /// Tensors of other element types, by name.
    skipped: BTreeMap<String, String>,
    extra_allowed: bool,
}

impl Checkpoint {
    /// Reads a safetensors or npz file; the content decides which it is.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Truncated`] or [`Error::Corrupted`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let bytes = std::fs::read(path).map_err(Error::io(path))?;
        Self::from_bytes(&bytes)
    }

    /// Reads the content of a safetensors or npz file.
    ///
    /// # Errors
    /// [`Error::Truncated`] or [`Error::Corrupted`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        if bytes.starts_with(b"PK") {
            npz::read(bytes)
        } else {
            safetensors::read(bytes)
        }
    }

    /// A checkpoint from tensors at hand.
    pub fn from_tensors(tensors: impl IntoIterator<Item = (String, TensorData)>) -> Self {
        Self {
            tensors: tensors.into_iter().collect(),
            ..Self::default()
        }
    }

    /// Accepts tensors that the model does not name.
    #[must_use]
    pub fn allow_extra(mut self) -> Self {
        self.extra_allowed = true;
        self
    }

    /// A tensor by name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&TensorData> {
        self.tensors.get(name)
    }

    /// Names of the float tensors, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// Of all names, shapes and values.
    pub(crate) fn digest(&self) -> [u8; 32] {
        let mut hash = blake3::Hasher::new();
        let number = |n: usize| (n as u64).to_le_bytes();
        for (name, tensor) in &self.tensors {
            hash.update(&number(name.len())).update(name.as_bytes());
            hash.update(&number(tensor.shape.len()));
            tensor.shape.iter().for_each(|&d| {
                hash.update(&number(d));
            });
            match &tensor.elements {
                Elements::F32(values) => values.chunks(HASHED_AT_ONCE).for_each(|values| {
                    let bytes: Vec<u8> = values.iter().flat_map(|x| x.to_le_bytes()).collect();
                    hash.update(b"f32").update(&bytes);
                }),
                Elements::F64(values) => values.chunks(HASHED_AT_ONCE).for_each(|values| {
                    let bytes: Vec<u8> = values.iter().flat_map(|x| x.to_le_bytes()).collect();
                    hash.update(b"f64").update(&bytes);
                }),
            }
        }
        *hash.finalize().as_bytes()
    }

    /// The values of a parameter.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] if it is missing, has another shape or is not finite.
    pub(crate) fn values(&self, parameter: &Parameter) -> Result<Vec<f64>> {
        match (self.mismatch(parameter), self.tensors.get(&parameter.name)) {
            (None, Some(tensor)) => Ok(tensor.to_f64()),
            (mismatch, _) => Err(Error::Checkpoint {
                model: parameter.name.clone(),
                mismatches: mismatch.into_iter().collect(),
            }),
        }
    }

    fn insert(&mut self, name: String, tensor: TensorData, what: &str) -> Result<()> {
        if self.tensors.contains_key(&name) || self.skipped.contains_key(&name) {
            return Err(Error::Corrupted {
                what: what.to_owned(),
                found: format!("two tensors named `{name}`"),
                expected: "distinct names".to_owned(),
            });
        }
        self.tensors.insert(name, tensor);
        Ok(())
    }
}
