//! The npz format: a zip archive of npy files, stored or deflated.
//!
//! The central directory is the authority; each entry's sizes are checked against the file before it is inflated, its checksum
//! afterwards. Source: PKWARE, APPNOTE 6.3 (sections 4.3 and 4.5.3, zip64).

use super::Checkpoint;
use super::npy::{self, Array};
use crate::error::{Error, Result};

const WHAT: &str = "npz file";
/// End of central directory without its comment, and the longest comment.
const END_BYTES: usize = 22;
const MAX_COMMENT_BYTES: usize = 0xffff;
/// Trained floats hardly compress; a file that claims more than this factor over all its entries is a bomb.
const MAX_INFLATION: u64 = 64;

pub(super) fn read(bytes: &[u8]) -> Result<Checkpoint> {
    let mut checkpoint = Checkpoint::default();
    let mut budget = (bytes.len() as u64)
        .saturating_mul(MAX_INFLATION)
        .saturating_add(1 << 20);
    for entry in directory(bytes)? {
        let Some(name) = entry.name.strip_suffix(".npy") else {
            return Err(corrupted(
                &format!("entry `{}`", entry.name),
                "npy entries only (save a state dict as safetensors, or with numpy.savez)",
            ));
        };
        budget = budget.checked_sub(entry.size).ok_or_else(|| {
            corrupted(
                &format!("entries that inflate more than {MAX_INFLATION} times"),
                "trained weights",
            )
        })?;
        let content = entry.content(bytes)?;
        match npy::read(&content, &format!("`{name}` of the {WHAT}"))? {
            Array::Float(tensor) => checkpoint.insert(name.to_owned(), tensor, WHAT)?,
            Array::Other(kind) => {
                checkpoint.skipped.insert(name.to_owned(), kind);
            }
        }
    }
    Ok(checkpoint)
}

fn corrupted(found: &str, expected: &str) -> Error {
    Error::Corrupted {
        what: WHAT.into(),
        found: found.into(),
        expected: expected.into(),
    }
}

/// Little-endian fields read one after the other.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn at(bytes: &'a [u8], offset: u64) -> Result<Self> {
        let cut = || Error::Truncated {
            what: WHAT.into(),
            found: bytes.len() as u64,
            expected: offset,
        };
        let offset = usize::try_from(offset).map_err(|_| cut())?;
        bytes.get(offset..).map(Self).ok_or_else(cut)
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        let found = self.0.len() as u64;
        let (head, rest) = self.0.split_at_checked(count).ok_or_else(|| Error::Truncated {
            what: format!("record of the {WHAT}"),
            found,
            expected: count as u64,
        })?;
        self.0 = rest;
        Ok(head)
    }

    /// An unsigned number of `count` <= 8 bytes.
    fn number(&mut self, count: usize) -> Result<u64> {
        Ok(self
            .take(count)?
            .iter()
            .rev()
            .fold(0, |n, &b| n << 8 | u64::from(b)))
    }

    fn signature(&mut self, expected: &[u8; 4]) -> Result<()> {
        match self.take(4)? {
            found if found == expected => Ok(()),
            found => Err(corrupted(
                &format!("record {found:02x?}"),
                &format!("{expected:02x?}"),
            )),
        }
    }
}

struct Entry {
    name: String,
    method: u64,
    crc: u64,
    packed: u64,
    size: u64,
    header: u64,
}

fn directory(bytes: &[u8]) -> Result<Vec<Entry>> {
    let first = bytes.len().saturating_sub(END_BYTES + MAX_COMMENT_BYTES);
    let tail = bytes.get(first..).unwrap_or_default();
    let end = tail
        .windows(4)
        .rposition(|w| w == b"PK\x05\x06")
        .map(|at| (first + at) as u64);
    let end = end.ok_or_else(|| Error::Truncated {
        what: WHAT.into(),
        found: bytes.len() as u64,
        expected: (bytes.len() + END_BYTES) as u64,
    })?;
    let mut reader = Reader::at(bytes, end)?;
    reader.signature(b"PK\x05\x06")?;
    reader.take(6)?;
    let mut count = reader.number(2)?;
    reader.take(4)?;
    let mut offset = reader.number(4)?;
    let comment = reader.number(2)?;
    reader.take(comment as usize)?;
    if (count == 0xffff || offset == 0xffff_ffff) && end >= 20 {
        let mut locator = Reader::at(bytes, end - 20)?;
        locator.signature(b"PK\x06\x07")?;
        locator.take(4)?;
        let mut end64 = Reader::at(bytes, locator.number(8)?)?;
        end64.signature(b"PK\x06\x06")?;
        end64.take(28)?;
        count = end64.number(8)?;
        end64.take(8)?;
        offset = end64.number(8)?;
    }
    let mut reader = Reader::at(bytes, offset)?;
    let mut entries = Vec::new();
    for _ in 0..count {
        entries.push(Entry::read(&mut reader)?);
    }
    Ok(entries)
}

impl Entry {
    fn read(r: &mut Reader<'_>) -> Result<Self> {
        r.signature(b"PK\x01\x02")?;
        r.take(4)?;
        let flags = r.number(2)?;
        if flags & 1 != 0 {
            return Err(corrupted("an encrypted entry", "plain entries"));
        }
        let method = r.number(2)?;
        r.take(4)?;
        let crc = r.number(4)?;
        let (mut packed, mut size) = (r.number(4)?, r.number(4)?);
        let (name, extra, comment) = (r.number(2)?, r.number(2)?, r.number(2)?);
        r.take(8)?;
        let mut header = r.number(4)?;
        let name = r.take(name as usize)?;
        let name =
            String::from_utf8(name.to_vec()).map_err(|_| corrupted("a name that is no text", "UTF-8"))?;
        let mut extra = Reader(r.take(extra as usize)?);
        r.take(comment as usize)?;
        while extra.0.len() >= 4 {
            let (id, length) = (extra.number(2)?, extra.number(2)?);
            let mut field = Reader(extra.take(length as usize)?);
            if id == 1 {
                for value in [&mut size, &mut packed, &mut header] {
                    if *value == 0xffff_ffff {
                        *value = field.number(8)?;
                    }
                }
            }
        }
        Ok(Self {
            name,
            method,
            crc,
            packed,
            size,
            header,
        })
    }

    fn content(&self, bytes: &[u8]) -> Result<Vec<u8>> {
        let mut r = Reader::at(bytes, self.header)?;
        r.signature(b"PK\x03\x04")?;
        r.take(22)?;
        let (name, extra) = (r.number(2)?, r.number(2)?);
        r.take((name + extra) as usize)?;
        let packed = r.take(usize::try_from(self.packed).unwrap_or(usize::MAX))?;
        let size = usize::try_from(self.size).unwrap_or(usize::MAX);
        let content = match self.method {
            0 => packed.to_vec(),
            8 => miniz_oxide::inflate::decompress_to_vec_with_limit(packed, size)
                .map_err(|e| corrupted(&format!("`{}` that does not inflate ({e})", self.name), "deflate"))?,
            other => {
                return Err(corrupted(
                    &format!("compression method {other}"),
                    "stored (0) or deflated (8)",
                ));
            }
        };
        if content.len() != size {
            return Err(corrupted(
                &format!("{} bytes in `{}`", content.len(), self.name),
                &size.to_string(),
            ));
        }
        let crc = u64::from(crc32(&content));
        if crc != self.crc {
            return Err(corrupted(
                &format!("checksum {crc:08x} of `{}`", self.name),
                &format!("{:08x}", self.crc),
            ));
        }
        Ok(content)
    }
}

/// CRC-32 of zip: reflected polynomial 0xedb88320, initial value and final xor all ones.
fn crc32(bytes: &[u8]) -> u32 {
    const TABLE: [u32; 256] = {
        let mut table = [0; 256];
        let mut i = 0;
        while i < 256 {
            let mut c = i as u32;
            let mut bit = 0;
            while bit < 8 {
                c = if c & 1 == 1 { c >> 1 ^ 0xedb8_8320 } else { c >> 1 };
                bit += 1;
            }
            table[i] = c;
            i += 1;
        }
        table
    };
    !bytes
        .iter()
        .fold(!0, |c, &b| c >> 8 ^ TABLE[usize::from(c as u8 ^ b)])
}

#[cfg(test)]
mod tests {
    use super::super::npy::tests::npy;
    use super::*;
    use proptest::prelude::*;

    fn zip(entries: &[(&str, &[u8], bool)]) -> Vec<u8> {
        let (mut file, mut central) = (Vec::new(), Vec::new());
        let le = |value: usize, count: usize| (value as u64).to_le_bytes()[..count].to_vec();
        for &(name, content, deflate) in entries {
            let packed = if deflate {
                miniz_oxide::deflate::compress_to_vec(content, 6)
            } else {
                content.to_vec()
            };
            let offset = file.len();
            let common = [
                le(if deflate { 8 } else { 0 }, 2),
                le(0, 4),
                le(crc32(content) as usize, 4),
                le(packed.len(), 4),
                le(content.len(), 4),
                le(name.len(), 2),
                le(0, 2),
            ]
            .concat();
            file.extend([b"PK\x03\x04".to_vec(), le(20, 2), le(0, 2), common.clone()].concat());
            file.extend([name.as_bytes(), &packed].concat());
            central.extend([b"PK\x01\x02".to_vec(), le(20, 2), le(20, 2), le(0, 2), common].concat());
            central.extend([vec![0; 10], le(offset, 4), name.as_bytes().to_vec()].concat());
        }
        let (start, length, count) = (file.len(), central.len(), entries.len());
        file.extend(central);
        file.extend([b"PK\x05\x06".to_vec(), le(0, 4), le(count, 2), le(count, 2)].concat());
        file.extend([le(length, 4), le(start, 4), le(0, 2)].concat());
        file
    }

    fn sample() -> Vec<u8> {
        let floats: Vec<u8> = (0..40u8).flat_map(|i| f32::from(i / 8).to_le_bytes()).collect();
        zip(&[
            ("fc.weight.npy", &npy("<f4", "False", "(4, 10)", &floats), true),
            (
                "fc.bias.npy",
                &npy("<f8", "False", "(1,)", &0.1f64.to_le_bytes()),
                false,
            ),
            (
                "steps.npy",
                &npy("<i8", "False", "()", &[1, 0, 0, 0, 0, 0, 0, 0]),
                false,
            ),
        ])
    }

    #[test]
    fn stored_and_deflated_entries_are_read() {
        let checkpoint = Checkpoint::from_bytes(&sample()).unwrap();
        assert_eq!(checkpoint.names().collect::<Vec<_>>(), ["fc.bias", "fc.weight"]);
        let weight = checkpoint.get("fc.weight").unwrap();
        assert_eq!(weight.shape(), [4, 10]);
        assert!(
            weight
                .to_f64()
                .iter()
                .enumerate()
                .all(|(i, &x)| x == (i / 8) as f64)
        );
        assert_eq!(checkpoint.get("fc.bias").unwrap().to_f64(), [0.1]);
        assert_eq!(checkpoint.skipped.get("steps").unwrap(), "<i8");
    }

    #[test]
    fn the_checksum_is_that_of_zip() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn a_pickled_archive_is_refused_with_a_way_out() {
        let text = Checkpoint::from_bytes(&zip(&[("archive/data.pkl", b"", false)]))
            .unwrap_err()
            .to_string();
        assert!(
            text.contains("archive/data.pkl") && text.contains("safetensors"),
            "{text}"
        );
    }

    #[test]
    fn a_bomb_is_refused_before_it_is_inflated() {
        let zeros = npy("<f4", "False", "(4194304,)", &vec![0; 16 << 20]);
        let text = Checkpoint::from_bytes(&zip(&[("w.npy", &zeros, true)]))
            .unwrap_err()
            .to_string();
        assert!(text.contains("inflate more than 64 times"), "{text}");
    }

    #[test]
    fn every_truncation_is_refused() {
        let bytes = sample();
        for length in 0..bytes.len() {
            assert!(Checkpoint::from_bytes(&bytes[..length]).is_err(), "{length}");
        }
    }

    proptest! {
        /// The checksums leave only the fields that no reader needs (dates, versions, unused attributes, the local copies of sizes).
        #[test]
        fn a_flipped_bit_never_changes_a_value(at in 0usize..sample().len(), bit in 0u8..8) {
            let mut bytes = sample();
            bytes[at] ^= 1 << bit;
            let good = Checkpoint::from_bytes(&sample()).unwrap();
            if let Ok(checkpoint) = Checkpoint::from_bytes(&bytes) {
                for (name, tensor) in &checkpoint.tensors {
                    prop_assert!(good.tensors.values().any(|t| t == tensor), "{name}");
                }
            }
        }
    }
}
