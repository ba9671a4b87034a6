//! Bytes of a program, and its digest.
//!
//! Layout: 4 bytes magic, 2 bytes version (little endian), body (postcard), 32 bytes BLAKE3 of all that precedes. The digest finds
//! accidents, not attackers. Decoding allocates at most a fixed multiple of the bytes it was given: lengths inside the body are
//! only believed as far as the bytes that follow them. A decoded program is not verified.

use super::op::Program;

const MAGIC: [u8; 4] = *b"hepr";
const VERSION: u16 = 2;
const HEADER: usize = MAGIC.len() + size_of::<u16>();
const DIGEST: usize = blake3::OUT_LEN;

/// Why bytes are not a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[expect(
    missing_docs,
    reason = "the fields are explained by the message above each variant"
)]
pub enum DecodeError {
    /// Fewer bytes than the frame needs.
    #[error("a program takes at least {expected} bytes, found {found}")]
    Truncated { expected: usize, found: usize },
    /// The first bytes are not those of a program.
    #[error("these bytes are not a program")]
    Magic,
    /// Written by another version.
    #[error("program version {found}, expected {expected}")]
    Version { expected: u16, found: u16 },
    /// The digest does not fit the bytes.
    #[error("the program's bytes were damaged")]
    Digest,
    /// The body is not a program.
    #[error("the program's body is malformed")]
    Malformed,
}

/// Bytes of `program`. Equal programs have equal bytes.
pub fn encode(program: &Program) -> Result<Vec<u8>, DecodeError> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend(VERSION.to_le_bytes());
    let mut bytes = postcard::to_extend(program, bytes).map_err(|_| DecodeError::Malformed)?;
    let digest = blake3::hash(&bytes);
    bytes.extend(digest.as_bytes());
    Ok(bytes)
}

/// The program that `bytes` encode, all of them.
pub fn decode(bytes: &[u8]) -> Result<Program, DecodeError> {
    let truncated = DecodeError::Truncated {
        expected: HEADER + DIGEST,
        found: bytes.len(),
    };
    let (content, digest) = bytes.split_last_chunk::<DIGEST>().ok_or(truncated)?;
    let (magic, rest) = content.split_first_chunk::<4>().ok_or(truncated)?;
    let (version, body) = rest.split_first_chunk::<2>().ok_or(truncated)?;
    if *magic != MAGIC {
        return Err(DecodeError::Magic);
    }
    let found = u16::from_le_bytes(*version);
    if found != VERSION {
        return Err(DecodeError::Version {
            expected: VERSION,
            found,
        });
    }
    if blake3::hash(content) != *digest {
        return Err(DecodeError::Digest);
    }
    decode_body(body)
}

/// The body alone, whatever its digest.
fn decode_body(body: &[u8]) -> Result<Program, DecodeError> {
    match postcard::take_from_bytes(body) {
        Ok((program, [])) => Ok(program),
        _ => Err(DecodeError::Malformed),
    }
}

/// Digest of `program`: of its bytes, so that it changes with the version.
pub fn digest(program: &Program) -> Result<[u8; DIGEST], DecodeError> {
    let bytes = encode(program)?;
    Ok(*blake3::hash(&bytes[..bytes.len() - DIGEST]).as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::program::{Builder, ChainView, PlainClass, Term};
    use proptest::prelude::*;

    fn sample() -> Program {
        let mut b = Builder::new(64, ChainView::uniform(3, 40.0));
        b.layer("fc1");
        let x = b.input("image", 2, 3).unwrap();
        let plain = b.factor(x, PlainClass::Periodic { period: 8 }, true).unwrap();
        let terms = (0..4)
            .map(|i| Term {
                output: i / 2,
                giant: 0,
                input: i % 2,
                baby: 5,
                plain,
            })
            .collect();
        let y = b.linear(x, 2, terms).unwrap();
        let y = b.rotate_sum(y, &[vec![0, 1, 2, 3], vec![0, 16]]).unwrap();
        let c = (0..4).map(|_| b.coefficient(y).unwrap()).collect();
        let y = b.polynomial(y, c).unwrap();
        b.output("logits", y);
        let mut program = b.finish().unwrap().0.into_program();
        program.bootstrap = Some(crate::bootstrap::BootstrapSpec::b16());
        program
    }

    #[test]
    fn what_is_encoded_is_decoded() {
        let program = sample();
        let bytes = encode(&program).unwrap();
        assert_eq!(decode(&bytes), Ok(program.clone()));
        assert_eq!(bytes[bytes.len() - DIGEST..], digest(&program).unwrap());
    }

    #[test]
    fn every_truncation_and_extension_is_rejected() {
        let mut bytes = encode(&sample()).unwrap();
        for end in 0..bytes.len() {
            assert!(decode(&bytes[..end]).is_err(), "{end} bytes were accepted");
        }
        bytes.push(0);
        assert!(decode(&bytes).is_err());
    }

    #[test]
    fn every_single_bit_flip_is_rejected() {
        let bytes = encode(&sample()).unwrap();
        for bit in 0..8 * bytes.len() {
            let mut bytes = bytes.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(decode(&bytes).is_err(), "bit {bit} was not noticed");
        }
    }

    #[test]
    fn another_version_is_named() {
        let mut bytes = encode(&sample()).unwrap();
        bytes[4] = 9;
        assert_eq!(
            decode(&bytes),
            Err(DecodeError::Version {
                expected: VERSION,
                found: 9
            })
        );
    }

    #[test]
    fn a_huge_length_is_an_error_and_not_an_allocation() {
        // slots = 64, then a list of 2^63 layers; then a single layer whose name is that long.
        let huge = [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01];
        assert_eq!(
            decode_body(&[&[64][..], &huge].concat()),
            Err(DecodeError::Malformed)
        );
        assert_eq!(
            decode_body(&[&[64, 1][..], &huge].concat()),
            Err(DecodeError::Malformed)
        );
    }

    proptest! {
        // Behind a correct digest anything may stand: decoding must return, and what it returns must survive verification.
        #[test]
        fn a_hostile_body_never_panics(edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12)) {
            let bytes = encode(&sample()).unwrap();
            let mut body = bytes[HEADER..bytes.len() - DIGEST].to_vec();
            for (at, value) in edits {
                let at = at.index(body.len());
                body[at] = value;
            }
            if let Ok(program) = decode_body(&body) {
                let _ = crate::program::verify::verify(&program, &ChainView::uniform(3, 40.0));
            }
        }

        #[test]
        fn random_bytes_never_panic(body in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode_body(&body);
            prop_assert!(decode(&body).is_err());
        }
    }
}
