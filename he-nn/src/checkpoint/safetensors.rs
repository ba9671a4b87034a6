//! The safetensors format: an eight-byte header length, a JSON header, raw little-endian tensors.
//!
//! The `safetensors` crate bounds the header and checks that the tensors tile the file exactly. The format carries no
//! checksum: a flipped bit in a weight shows only if it makes the weight non-finite.

use super::{Checkpoint, Elements, TensorData};
use crate::error::{Error, Result};
use ::safetensors::{Dtype, SafeTensorError, SafeTensors};

const WHAT: &str = "safetensors file";

pub(super) fn read(bytes: &[u8]) -> Result<Checkpoint> {
    let file = SafeTensors::deserialize(bytes).map_err(|e| error(&e, bytes))?;
    let mut checkpoint = Checkpoint::default();
    for (name, view) in file.iter() {
        let Some(elements) = elements(view.dtype(), view.data()) else {
            checkpoint
                .skipped
                .insert(name.to_owned(), format!("{:?}", view.dtype()));
            continue;
        };
        let tensor = TensorData::checked(view.shape().to_vec(), elements)?;
        checkpoint.insert(name.to_owned(), tensor, WHAT)?;
    }
    Ok(checkpoint)
}

fn elements(dtype: Dtype, data: &[u8]) -> Option<Elements> {
    let halves = || data.as_chunks::<2>().0.iter();
    Some(match dtype {
        Dtype::F16 => Elements::F32(halves().map(|&b| half::f16::from_le_bytes(b).to_f32()).collect()),
        Dtype::BF16 => Elements::F32(halves().map(|&b| half::bf16::from_le_bytes(b).to_f32()).collect()),
        Dtype::F32 => Elements::F32(
            data.as_chunks()
                .0
                .iter()
                .map(|&b| f32::from_le_bytes(b))
                .collect(),
        ),
        Dtype::F64 => Elements::F64(
            data.as_chunks()
                .0
                .iter()
                .map(|&b| f64::from_le_bytes(b))
                .collect(),
        ),
        _ => return None,
    })
}

fn error(error: &SafeTensorError, bytes: &[u8]) -> Error {
    let found = bytes.len() as u64;
    let header = bytes.first_chunk().map_or(0, |&b| u64::from_le_bytes(b));
    match error {
        SafeTensorError::HeaderTooSmall => Error::Truncated {
            what: WHAT.into(),
            found,
            expected: 8,
        },
        SafeTensorError::InvalidHeaderLength => Error::Truncated {
            what: WHAT.into(),
            found,
            expected: header.saturating_add(8),
        },
        SafeTensorError::MetadataIncompleteBuffer => Error::Corrupted {
            what: WHAT.into(),
            found: format!("{found} bytes"),
            expected: "the length its header states".into(),
        },
        other => Error::Corrupted {
            what: WHAT.into(),
            found: other.to_string(),
            expected: "a safetensors or npz file".into(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::safetensors::tensor::TensorView;
    use proptest::prelude::*;

    fn sample() -> Vec<u8> {
        let f32s: Vec<u8> = [1.5f32, -2.0].iter().flat_map(|x| x.to_le_bytes()).collect();
        let f64s: Vec<u8> = [0.1f64].iter().flat_map(|x| x.to_le_bytes()).collect();
        let f16s: Vec<u8> = [half::f16::from_f32(0.25)]
            .iter()
            .flat_map(|x| x.to_le_bytes())
            .collect();
        let bf16s: Vec<u8> = [half::bf16::from_f32(-3.0)]
            .iter()
            .flat_map(|x| x.to_le_bytes())
            .collect();
        let view = |dtype, shape: &[usize], data| TensorView::new(dtype, shape.to_vec(), data).unwrap();
        let tensors = [
            ("a", view(Dtype::F32, &[1, 2], &f32s)),
            ("b", view(Dtype::F64, &[1], &f64s)),
            ("c", view(Dtype::F16, &[1], &f16s)),
            ("d", view(Dtype::BF16, &[], &bf16s)),
            ("n", view(Dtype::I64, &[], &[7, 0, 0, 0, 0, 0, 0, 0])),
        ];
        ::safetensors::serialize(tensors, None).unwrap()
    }

    #[test]
    fn every_float_type_is_read_and_integers_are_skipped() {
        let checkpoint = Checkpoint::from_bytes(&sample()).unwrap();
        let values = |name: &str| checkpoint.get(name).unwrap().to_f64();
        assert_eq!(checkpoint.get("a").unwrap().shape(), [1, 2]);
        assert_eq!(values("a"), [1.5, -2.0]);
        assert_eq!(values("b"), [0.1]);
        assert_eq!(values("c"), [0.25]);
        assert_eq!(values("d"), [-3.0]);
        assert_eq!(checkpoint.skipped.get("n").unwrap(), "I64");
        assert!(checkpoint.get("n").is_none());
    }

    #[test]
    fn every_truncation_is_refused() {
        let bytes = sample();
        for length in 0..bytes.len() {
            let error = Checkpoint::from_bytes(&bytes[..length]).unwrap_err();
            assert!(
                matches!(error, Error::Truncated { .. } | Error::Corrupted { .. }),
                "{length}: {error}"
            );
        }
    }

    proptest! {
        /// A flipped bit gives an error or a checkpoint no larger than the file: never a panic, never a large allocation.
        #[test]
        fn a_flipped_bit_never_panics(at in 0usize..sample().len(), bit in 0u8..8) {
            let mut bytes = sample();
            bytes[at] ^= 1 << bit;
            if let Ok(checkpoint) = Checkpoint::from_bytes(&bytes) {
                let floats: usize = checkpoint.tensors.values().map(|t| t.to_f64().len()).sum();
                prop_assert!(2 * floats <= bytes.len());
            }
        }
    }
}
