//! Words below 2^b in b bits each: the wire form of limbs.
//!
//! Little-endian bit order: word i occupies bits `i b .. (i + 1) b` of the stream, whose last byte is filled with zeros.

use crate::error::{Error, Result};
use crate::math::kernels::Kernels;

/// Bytes that `count` words of `bits` bits take.
pub(crate) fn packed_bytes(count: usize, bits: u32) -> usize {
    (count * bits as usize).div_ceil(8)
}

/// Words of a piece, which fill whole bytes.
const PIECE: usize = 8;

/// Appends the words of `limb`, each below `2^bits`.
pub(crate) fn pack(kernels: &Kernels, limb: &[u64], bits: u32, out: &mut Vec<u8>) {
    let start = out.len();
    out.resize(start + packed_bytes(limb.len(), bits), 0);
    let (pieces, rest) = limb.as_chunks::<PIECE>();
    kernels.pack(pieces.as_flattened(), bits, &mut out[start..]);
    let mut last = [0; PIECE];
    last[..rest.len()].copy_from_slice(rest);
    let mut bytes = [0; 8 * PIECE];
    kernels.pack(&last, bits, &mut bytes);
    let at = start + packed_bytes(PIECE * pieces.len(), bits);
    let behind = out.len() - at;
    out[at..].copy_from_slice(&bytes[..behind]);
}

/// Reads words of `bits` bits, each of which must be below `modulus`. `bytes` has the length that [`packed_bytes`] states.
pub(crate) fn unpack(
    kernels: &Kernels,
    bytes: &[u8],
    bits: u32,
    modulus: u64,
    limb: &mut [u64],
) -> Result<()> {
    let expected = packed_bytes(limb.len(), bits);
    if bytes.len() != expected {
        return Err(Error::Truncated {
            what: "packed limb",
            found: bytes.len(),
            expected,
        });
    }
    let (pieces, rest) = limb.as_chunks_mut::<PIECE>();
    let (whole, behind) = bytes.split_at(packed_bytes(PIECE * pieces.len(), bits));
    kernels.unpack(whole, bits, pieces.as_flattened_mut());
    let mut last = [0; 8 * PIECE];
    last[..behind.len()].copy_from_slice(behind);
    let mut words = [0; PIECE];
    kernels.unpack(&last[..PIECE / 8 * bits as usize], bits, &mut words);
    let (words, padding) = words.split_at(rest.len());
    rest.copy_from_slice(words);
    if limb.iter().fold(0, |largest, &word| word.max(largest)) >= modulus {
        return Err(Error::Corrupted {
            what: "packed limb",
            reason: "a word is not below its modulus",
        });
    }
    if padding.iter().any(|&word| word != 0) {
        return Err(Error::Corrupted {
            what: "packed limb",
            reason: "the padding is not zero",
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::kernels;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn round_trip(words in prop::collection::vec(any::<u64>(), 1..40), bits in 2u32..=50) {
            let words: Vec<u64> = words.iter().map(|w| w & ((1 << bits) - 1)).collect();
            // Bit by bit, behind a byte that stays.
            let mut expected = vec![0u8; 1 + packed_bytes(words.len(), bits)];
            expected[0] = 5;
            for (i, word) in words.iter().enumerate() {
                for bit in (0..bits as usize).filter(|bit| word >> bit & 1 == 1) {
                    let at = i * bits as usize + bit;
                    expected[1 + at / 8] |= 1 << (at % 8);
                }
            }
            for kernels in kernels::available() {
                let mut bytes = vec![5];
                pack(&kernels, &words, bits, &mut bytes);
                prop_assert_eq!(&bytes, &expected);
                let bytes = &bytes[1..];
                let mut read = vec![0; words.len()];
                unpack(&kernels, bytes, bits, 1 << bits, &mut read).unwrap();
                prop_assert_eq!(&read, &words);
                let largest = *words.iter().max().unwrap();
                prop_assert!(unpack(&kernels, bytes, bits, largest, &mut read).is_err());
                prop_assert!(unpack(&kernels, &bytes[1..], bits, 1 << bits, &mut read).is_err());
            }
        }
    }

    #[test]
    fn padding_must_be_zero() {
        let (kernels, mut bytes) = (kernels::active(), vec![]);
        pack(&kernels, &[1, 2, 3], 50, &mut bytes);
        assert!(unpack(&kernels, &bytes, 50, 1 << 50, &mut [0; 3]).is_ok());
        *bytes.last_mut().unwrap() |= 0x80;
        assert!(unpack(&kernels, &bytes, 50, 1 << 50, &mut [0; 3]).is_err());
    }
}
