//! The npy format: a magic, a version, a Python dictionary literal, raw elements.
//!
//! Source: NumPy, `numpy/lib/format.py`, format versions 1.0 to 3.0.

use super::{Elements, TensorData};
use crate::error::{Error, Result};

const MAGIC: &[u8] = b"\x93NUMPY";
/// NumPy's own limit on headers that it evaluates.
const MAX_HEADER_BYTES: usize = 10_000;
/// NumPy's limit on dimensions.
const MAX_DIMENSIONS: usize = 64;

/// An array, or the name of its element type where that is not a float.
pub(super) enum Array {
    Float(TensorData),
    Other(String),
}

pub(super) fn read(bytes: &[u8], what: &str) -> Result<Array> {
    let corrupted = |found: &str, expected: &str| Error::Corrupted {
        what: what.to_owned(),
        found: found.to_owned(),
        expected: expected.to_owned(),
    };
    let cut = |expected: usize| Error::Truncated {
        what: what.to_owned(),
        found: bytes.len() as u64,
        expected: expected as u64,
    };
    let rest = bytes
        .strip_prefix(MAGIC)
        .ok_or_else(|| corrupted("another start", "the npy magic"))?;
    let (&[major, _], rest) = rest.split_first_chunk().ok_or_else(|| cut(8))?;
    let (length, rest) = match major {
        1 => {
            let (b, rest) = rest.split_first_chunk().ok_or_else(|| cut(10))?;
            (usize::from(u16::from_le_bytes(*b)), rest)
        }
        2 | 3 => {
            let (b, rest) = rest.split_first_chunk().ok_or_else(|| cut(12))?;
            (u32::from_le_bytes(*b) as usize, rest)
        }
        _ => {
            return Err(Error::Version {
                what: what.to_owned(),
                found: u32::from(major),
                expected: 3,
            });
        }
    };
    if length > MAX_HEADER_BYTES {
        return Err(corrupted(&format!("a header of {length} bytes"), "at most 10000"));
    }
    let (header, data) = rest.split_at_checked(length).ok_or_else(|| cut(length))?;
    let header = std::str::from_utf8(header).map_err(|_| corrupted("a header that is no text", "text"))?;
    let header = Header::parse(header).ok_or_else(|| {
        corrupted(
            "another header",
            "a dictionary of `descr`, `fortran_order` and `shape`",
        )
    })?;
    let wrong_length = |count: usize| {
        corrupted(
            &format!("{} bytes of elements", data.len()),
            &format!("{count} elements of {}", header.descr),
        )
    };
    let count = header.shape.iter().try_fold(1usize, |n, &d| n.checked_mul(d));
    let count = count.ok_or_else(|| wrong_length(usize::MAX))?;
    let Some(elements) = elements(&header.descr, data) else {
        return Ok(Array::Other(header.descr));
    };
    let found = match &elements {
        Elements::F32(v) => v.len(),
        Elements::F64(v) => v.len(),
    };
    if found != count || data.len() % count.max(1) != 0 {
        return Err(wrong_length(count));
    }
    let elements = match (header.fortran_order, elements) {
        (false, e) => e,
        (true, Elements::F32(v)) => Elements::F32(row_major(&v, &header.shape)),
        (true, Elements::F64(v)) => Elements::F64(row_major(&v, &header.shape)),
    };
    Ok(Array::Float(TensorData::checked(header.shape, elements)?))
}

fn elements(descr: &str, data: &[u8]) -> Option<Elements> {
    let chunks2 = || data.as_chunks::<2>().0.iter();
    let chunks4 = || data.as_chunks::<4>().0.iter();
    let chunks8 = || data.as_chunks::<8>().0.iter();
    Some(match descr {
        "<f2" => Elements::F32(chunks2().map(|&b| half::f16::from_le_bytes(b).to_f32()).collect()),
        ">f2" => Elements::F32(chunks2().map(|&b| half::f16::from_be_bytes(b).to_f32()).collect()),
        "<f4" => Elements::F32(chunks4().map(|&b| f32::from_le_bytes(b)).collect()),
        ">f4" => Elements::F32(chunks4().map(|&b| f32::from_be_bytes(b)).collect()),
        "<f8" => Elements::F64(chunks8().map(|&b| f64::from_le_bytes(b)).collect()),
        ">f8" => Elements::F64(chunks8().map(|&b| f64::from_be_bytes(b)).collect()),
        _ => return None,
    })
}

/// Reorders elements stored with the first index running fastest.
fn row_major<T: Copy>(stored: &[T], shape: &[usize]) -> Vec<T> {
    let mut index = vec![0usize; shape.len()];
    let mut out = Vec::with_capacity(stored.len());
    for _ in 0..stored.len() {
        let at = index.iter().zip(shape).rev().fold(0, |at, (&i, &d)| at * d + i);
        out.extend(stored.get(at).copied());
        for (i, &d) in index.iter_mut().zip(shape).rev() {
            *i += 1;
            if *i < d {
                break;
            }
            *i = 0;
        }
    }
    out
}

struct Header {
    descr: String,
    fortran_order: bool,
    shape: Vec<usize>,
}

impl Header {
    /// Reads `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }`, keys in any order.
    fn parse(text: &str) -> Option<Self> {
        let mut rest = text.trim().strip_prefix('{')?.strip_suffix('}')?.trim();
        let (mut descr, mut fortran_order, mut shape) = (None, None, None);
        while !rest.is_empty() {
            let (key, after) = quoted(rest)?;
            let after = after.trim_start().strip_prefix(':')?.trim_start();
            let after = match key {
                "descr" if after.starts_with(['\'', '"']) => {
                    let (value, after) = quoted(after)?;
                    descr = Some(value.to_owned());
                    after
                }
                // A record type: a list, never a float.
                "descr" => {
                    let end = after.rfind(']')?;
                    let (value, after) = after.split_at_checked(end + 1)?;
                    descr = Some(value.to_owned());
                    after
                }
                "fortran_order" => {
                    let (value, after) = match after.strip_prefix("False") {
                        Some(after) => (false, after),
                        None => (true, after.strip_prefix("True")?),
                    };
                    fortran_order = Some(value);
                    after
                }
                "shape" => {
                    let (inner, after) = after.strip_prefix('(')?.split_once(')')?;
                    let dimensions = inner.split(',').map(str::trim).filter(|d| !d.is_empty());
                    let dimensions: Vec<usize> = dimensions.map(|d| d.parse().ok()).collect::<Option<_>>()?;
                    shape = Some(dimensions).filter(|s| s.len() <= MAX_DIMENSIONS);
                    after
                }
                _ => return None,
            };
            let after = after.trim_start();
            rest = match after.strip_prefix(',') {
                Some(after) => after.trim_start(),
                None if after.is_empty() => after,
                None => return None,
            };
        }
        Some(Self {
            descr: descr?,
            fortran_order: fortran_order?,
            shape: shape?,
        })
    }
}

fn quoted(text: &str) -> Option<(&str, &str)> {
    let quote = text.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
    text.get(1..)?.split_once(quote)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::checkpoint) fn npy(descr: &str, fortran: &str, shape: &str, data: &[u8]) -> Vec<u8> {
        let header = format!("{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {shape}, }}\n");
        let length = u16::try_from(header.len()).unwrap().to_le_bytes();
        [MAGIC, &[1, 0], &length, header.as_bytes(), data].concat()
    }

    fn float(bytes: &[u8]) -> TensorData {
        match read(bytes, "npy").unwrap() {
            Array::Float(t) => t,
            Array::Other(d) => panic!("{d}"),
        }
    }

    #[test]
    fn both_orders_and_both_endians_are_read() {
        let le: Vec<u8> = (0..6u8).flat_map(|i| f32::from(i).to_le_bytes()).collect();
        let be: Vec<u8> = (0..6u8).flat_map(|i| f64::from(i).to_be_bytes()).collect();
        let t = float(&npy("<f4", "False", "(2, 3)", &le));
        assert_eq!(
            (t.shape(), t.to_f64()),
            (&[2, 3][..], vec![0.0, 1.0, 2.0, 3.0, 4.0, 5.0])
        );
        // Column-major storage of [[0, 2, 4], [1, 3, 5]].
        let t = float(&npy(">f8", "True", "(2, 3)", &be));
        assert_eq!(
            (t.shape(), t.to_f64()),
            (&[2, 3][..], vec![0.0, 2.0, 4.0, 1.0, 3.0, 5.0])
        );
        let t = float(&npy("<f4", "False", "()", &1.0f32.to_le_bytes()));
        assert_eq!((t.shape(), t.to_f64()), (&[][..], vec![1.0]));
        assert!(
            matches!(read(&npy("<i8", "False", "(1,)", &[0; 8]), "npy").unwrap(), Array::Other(d) if d == "<i8")
        );
    }

    #[test]
    fn lengths_that_do_not_fit_the_shape_are_refused() {
        for (shape, bytes) in [("(3,)", 8), ("(2,)", 9), ("(4611686018427387904, 16)", 8)] {
            assert!(
                read(&npy("<f4", "False", shape, &vec![0; bytes]), "npy").is_err(),
                "{shape}"
            );
        }
    }
}
