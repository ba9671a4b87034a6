//! Words below 2^b in b bits each: the wire form of limbs.
//!
//! Little-endian bit order: word i occupies bits `i b .. (i + 1) b` of the stream, whose last byte is filled with zeros.

use crate::error::{Error, Result};

/// Bytes that `count` words of `bits` bits take.
pub(crate) fn packed_bytes(count: usize, bits: u32) -> usize {
    (count * bits as usize).div_ceil(8)
}

/// Appends the words of `limb`, each below `2^bits`.
pub(crate) fn pack(limb: &[u64], bits: u32, out: &mut Vec<u8>) {
    out.reserve(packed_bytes(limb.len(), bits));
    let (mut buffer, mut filled) = (0u128, 0);
    for &word in limb {
        buffer |= u128::from(word) << filled;
        filled += bits;
        if filled >= 64 {
            out.extend_from_slice(&(buffer as u64).to_le_bytes());
            buffer >>= 64;
            filled -= 64;
        }
    }
    out.extend_from_slice(&(buffer as u64).to_le_bytes()[..filled.div_ceil(8) as usize]);
}

/// Reads words of `bits` bits, each of which must be below `modulus`. `bytes` has the length that [`packed_bytes`] states.
pub(crate) fn unpack(bytes: &[u8], bits: u32, modulus: u64, limb: &mut [u64]) -> Result<()> {
    let expected = packed_bytes(limb.len(), bits);
    if bytes.len() != expected {
        return Err(Error::Truncated {
            what: "packed limb",
            found: bytes.len(),
            expected,
        });
    }
    let mask = (1u64 << bits) - 1;
    let (mut buffer, mut filled, mut largest) = (0u128, 0, 0);
    let mut chunks = bytes.chunks(8);
    for word in &mut *limb {
        if filled < bits {
            let mut next = [0u8; 8];
            let chunk = chunks.next().unwrap_or(&[]);
            next[..chunk.len()].copy_from_slice(chunk);
            buffer |= u128::from(u64::from_le_bytes(next)) << filled;
            filled += 64;
        }
        *word = buffer as u64 & mask;
        largest = largest.max(*word);
        buffer >>= bits;
        filled -= bits;
    }
    if largest >= modulus {
        return Err(Error::Corrupted {
            what: "packed limb",
            reason: "a word is not below its modulus",
        });
    }
    if buffer != 0 {
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
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn round_trip(words in prop::collection::vec(any::<u64>(), 1..40), bits in 2u32..=50) {
            let words: Vec<u64> = words.iter().map(|w| w & ((1 << bits) - 1)).collect();
            let mut bytes = vec![];
            pack(&words, bits, &mut bytes);
            prop_assert_eq!(bytes.len(), packed_bytes(words.len(), bits));
            let mut read = vec![0; words.len()];
            unpack(&bytes, bits, 1 << bits, &mut read).unwrap();
            prop_assert_eq!(&read, &words);
            let largest = *words.iter().max().unwrap();
            prop_assert!(unpack(&bytes, bits, largest, &mut read).is_err());
            prop_assert!(unpack(&bytes[1..], bits, 1 << bits, &mut read).is_err());
        }
    }

    #[test]
    fn padding_must_be_zero() {
        let mut bytes = vec![];
        pack(&[1, 2, 3], 50, &mut bytes);
        *bytes.last_mut().unwrap() |= 0x80;
        assert!(unpack(&bytes, 50, 1 << 50, &mut [0; 3]).is_err());
    }
}
