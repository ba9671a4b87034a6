//! The envelope around every message: lengths, version, kind, digest.

use std::io::{self, Read, Write};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{Error, Result};

/// Version of all formats of this module. Any change of a byte's meaning raises it.
const VERSION: u16 = 2;
const MAGIC: [u8; 4] = *b"henn";
const PREFIX_BYTES: usize = 20;
pub(super) const DIGEST_BYTES: usize = blake3::OUT_LEN;
const FRAME_PREFIX_BYTES: usize = 8;
/// A header holds shapes and places, never numbers of a tensor.
const HEADER_BYTES_MAX: u32 = 1 << 28;

/// What a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    ClientSpec = 1,
    EvaluationKeys = 2,
    PublicKey = 3,
    Request = 4,
    Reply = 5,
    Secret = 6,
    Plan = 7,
}

impl Kind {
    const ALL: [Kind; 7] = [
        Kind::ClientSpec,
        Kind::EvaluationKeys,
        Kind::PublicKey,
        Kind::Request,
        Kind::Reply,
        Kind::Secret,
        Kind::Plan,
    ];

    /// The kind with this number.
    fn of(byte: u8) -> Option<Kind> {
        Kind::ALL.into_iter().find(|&kind| kind as u8 == byte)
    }

    /// Its name in messages to people.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Kind::ClientSpec => "client specification",
            Kind::EvaluationKeys => "evaluation keys",
            Kind::PublicKey => "public key",
            Kind::Request => "request",
            Kind::Reply => "reply",
            Kind::Secret => "secret key",
            Kind::Plan => "plan",
        }
    }
}

/// What stands in front of the body, for frames of these lengths.
fn beginning(kind: Kind, header: &impl Serialize, frames: impl Iterator<Item = usize>) -> (Vec<u8>, usize) {
    // Numbers, strings and lists always serialise into a growing buffer.
    let header = postcard::to_stdvec(header).unwrap_or_default();
    let body: usize = frames.map(|length| FRAME_PREFIX_BYTES + length).sum();
    let mut out = Vec::with_capacity(PREFIX_BYTES + header.len());
    out.extend(MAGIC);
    out.extend(VERSION.to_le_bytes());
    out.extend([kind as u8, 0]);
    out.extend((header.len() as u32).to_le_bytes());
    out.extend((body as u64).to_le_bytes());
    out.extend(&header);
    (out, body)
}

/// Writes a message. The bytes are allocated once, so that a secret frame leaves no copy behind.
pub(crate) fn seal(kind: Kind, header: &impl Serialize, frames: &[impl AsRef<[u8]>]) -> Vec<u8> {
    let lengths = frames.iter().map(|frame| frame.as_ref().len());
    let (beginning, body) = beginning(kind, header, lengths);
    let mut out = Vec::with_capacity(beginning.len() + body + DIGEST_BYTES);
    out.extend(beginning);
    for frame in frames {
        out.extend((frame.as_ref().len() as u64).to_le_bytes());
        out.extend(frame.as_ref());
    }
    let digest = blake3::hash(&out);
    out.extend(digest.as_bytes());
    out
}

/// Writes a message piece by piece, for one that should not stand in memory as a whole.
pub(crate) struct Sealing<'w> {
    out: &'w mut dyn Write,
    hasher: blake3::Hasher,
}

impl<'w> Sealing<'w> {
    /// Begins a message whose frames have these lengths; they follow, each announced by [`frame`](Self::frame).
    pub(crate) fn start(
        out: &'w mut dyn Write,
        kind: Kind,
        header: &impl Serialize,
        frames: &[usize],
    ) -> io::Result<Self> {
        let hasher = blake3::Hasher::new();
        let mut sealing = Sealing { out, hasher };
        sealing.write(&beginning(kind, header, frames.iter().copied()).0)?;
        Ok(sealing)
    }

    pub(crate) fn frame(&mut self, length: usize) -> io::Result<()> {
        self.write(&(length as u64).to_le_bytes())
    }

    pub(crate) fn write(&mut self, piece: &[u8]) -> io::Result<()> {
        self.hasher.update(piece);
        self.out.write_all(piece)
    }

    /// Ends the message with its digest.
    pub(crate) fn finish(self) -> io::Result<[u8; DIGEST_BYTES]> {
        let digest = *self.hasher.finalize().as_bytes();
        self.out.write_all(&digest)?;
        Ok(digest)
    }
}

/// Reads a message of this kind: its header and its frames.
pub(crate) fn open<H: DeserializeOwned>(kind: Kind, bytes: &[u8]) -> Result<(H, Vec<&[u8]>)> {
    let what = kind.name();
    let truncated = |expected: u64| Error::Truncated {
        what: what.into(),
        found: bytes.len() as u64,
        expected,
    };
    let least = (PREFIX_BYTES + DIGEST_BYTES) as u64;
    let (prefix, rest) = bytes
        .split_first_chunk::<PREFIX_BYTES>()
        .ok_or_else(|| truncated(least))?;
    let prefix = Prefix::read(what, prefix)?;
    if prefix.kind != kind {
        return Err(corrupted(what, prefix.kind.name(), what));
    }
    let expected = prefix.message_bytes(what)?;
    let found = bytes.len() as u64;
    if found < expected {
        return Err(truncated(expected));
    }
    if found > expected {
        return Err(corrupted(
            what,
            format!("{found} bytes"),
            format!("{expected} bytes"),
        ));
    }
    let (signed, digest) = bytes
        .split_last_chunk::<DIGEST_BYTES>()
        .ok_or_else(|| truncated(expected))?;
    if blake3::hash(signed) != *digest {
        return Err(corrupted(
            what,
            "a digest that does not fit",
            "the digest of its bytes",
        ));
    }
    // Both fit: the whole message is there.
    let (content, _) = rest.split_at(rest.len() - DIGEST_BYTES);
    let (header, body) = content.split_at(prefix.header as usize);
    let header = match postcard::take_from_bytes(header) {
        Ok((header, [])) => header,
        Ok((_, rest)) => {
            return Err(corrupted(
                what,
                format!("a header with {} bytes too many", rest.len()),
                "a header",
            ));
        }
        Err(e) => return Err(corrupted(what, format!("a malformed header ({e})"), "a header")),
    };
    Ok((header, frames(what, body)?))
}

fn frames<'a>(what: &str, mut body: &'a [u8]) -> Result<Vec<&'a [u8]>> {
    let cut = |found: usize| {
        corrupted(
            what,
            format!("{found} bytes of a frame"),
            "the length the frame states",
        )
    };
    let mut frames = Vec::new();
    while !body.is_empty() {
        let (length, rest) = body
            .split_first_chunk::<FRAME_PREFIX_BYTES>()
            .ok_or_else(|| cut(body.len()))?;
        let length = usize::try_from(u64::from_le_bytes(*length)).map_err(|_| cut(rest.len()))?;
        let (frame, rest) = rest.split_at_checked(length).ok_or_else(|| cut(rest.len()))?;
        frames.push(frame);
        body = rest;
    }
    Ok(frames)
}

/// Reads one message of any kind from a stream, as its bytes. A message that announces more than `limit_bytes` is refused before it
/// is read, and memory grows only with what arrives.
///
/// # Errors
/// [`Error::Corrupted`], [`Error::Version`], [`Error::Truncated`], [`Error::Io`].
pub fn receive(stream: &mut impl Read, limit_bytes: u64) -> Result<Vec<u8>> {
    const WHAT: &str = "message";
    let io = |source| Error::Io {
        path: "the stream".into(),
        source,
    };
    let read = |stream: &mut dyn Read, out: &mut Vec<u8>, count: u64| -> Result<()> {
        let before = out.len() as u64;
        let found = stream.take(count).read_to_end(out).map_err(io)? as u64;
        if found < count {
            let (found, expected) = (before + found, before + count);
            return Err(Error::Truncated {
                what: WHAT.into(),
                found,
                expected,
            });
        }
        Ok(())
    };
    let mut bytes = Vec::new();
    read(stream, &mut bytes, PREFIX_BYTES as u64)?;
    let truncated = Error::Truncated {
        what: WHAT.into(),
        found: 0,
        expected: PREFIX_BYTES as u64,
    };
    let prefix = Prefix::read(WHAT, bytes.first_chunk().ok_or(truncated)?)?;
    let length = prefix.message_bytes(WHAT)?;
    if length > limit_bytes {
        return Err(corrupted(
            WHAT,
            format!("{length} bytes"),
            format!("at most {limit_bytes} bytes"),
        ));
    }
    read(stream, &mut bytes, length - PREFIX_BYTES as u64)?;
    Ok(bytes)
}

/// What stands in front.
struct Prefix {
    kind: Kind,
    header: u32,
    body: u64,
}

impl Prefix {
    fn read(what: &str, bytes: &[u8; PREFIX_BYTES]) -> Result<Self> {
        let [m0, m1, m2, m3, v0, v1, kind, zero, h0, h1, h2, h3, body @ ..] = *bytes;
        if [m0, m1, m2, m3] != MAGIC {
            return Err(corrupted(
                what,
                format!("a start of {:02x?}", [m0, m1, m2, m3]),
                "`henn`",
            ));
        }
        let found = u16::from_le_bytes([v0, v1]);
        if found != VERSION {
            return Err(Error::Version {
                what: what.into(),
                found: found.into(),
                expected: VERSION.into(),
            });
        }
        let unknown = || corrupted(what, format!("a message of kind {kind}.{zero}"), "a known kind");
        let kind = Kind::of(kind).filter(|_| zero == 0).ok_or_else(unknown)?;
        Ok(Prefix {
            kind,
            header: u32::from_le_bytes([h0, h1, h2, h3]),
            body: u64::from_le_bytes(body),
        })
    }

    /// Bytes of the whole message, if the prefix can be believed.
    fn message_bytes(&self, what: &str) -> Result<u64> {
        if self.header > HEADER_BYTES_MAX {
            return Err(corrupted(
                what,
                format!("a header of {} bytes", self.header),
                format!("at most {HEADER_BYTES_MAX} bytes"),
            ));
        }
        let frame = (PREFIX_BYTES + DIGEST_BYTES) as u64 + u64::from(self.header);
        frame.checked_add(self.body).ok_or_else(|| {
            corrupted(
                what,
                format!("a body of {} bytes", self.body),
                "a length that can be",
            )
        })
    }
}

pub(crate) fn corrupted(what: &str, found: impl Into<String>, expected: impl Into<String>) -> Error {
    Error::Corrupted {
        what: what.into(),
        found: found.into(),
        expected: expected.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn message() -> Vec<u8> {
        seal(
            Kind::Request,
            &(7u32, "name"),
            &[vec![1u8, 2, 3], vec![], vec![4; 300]],
        )
    }

    type Message<'a> = ((u32, String), Vec<&'a [u8]>);

    fn read(bytes: &[u8]) -> Result<Message<'_>> {
        open(Kind::Request, bytes)
    }

    /// Writes the digest that fits, as a clumsy or hostile writer would.
    fn resealed(mut bytes: Vec<u8>) -> Vec<u8> {
        bytes.truncate(bytes.len() - DIGEST_BYTES);
        let digest = blake3::hash(&bytes);
        bytes.extend(digest.as_bytes());
        bytes
    }

    #[test]
    fn round_trip() {
        let bytes = message();
        let (header, frames) = read(&bytes).unwrap();
        assert_eq!(header, (7, "name".into()));
        assert_eq!(frames, [&[1u8, 2, 3] as &[u8], &[], &[4; 300]]);
        assert_eq!(
            receive(&mut [&bytes[..], &[9; 9]].concat().as_slice(), 1 << 20).unwrap(),
            bytes
        );
    }

    #[test]
    fn a_message_written_in_pieces_is_the_same() {
        let mut bytes = vec![];
        let mut sealing = Sealing::start(&mut bytes, Kind::Request, &(7u32, "name"), &[3, 0, 300]).unwrap();
        for frame in [&[1u8, 2, 3] as &[u8], &[], &[4; 300]] {
            sealing.frame(frame.len()).unwrap();
            frame.chunks(2).for_each(|piece| sealing.write(piece).unwrap());
        }
        let digest = sealing.finish().unwrap();
        assert_eq!(bytes, message());
        assert_eq!(bytes.last_chunk(), Some(&digest));
    }

    #[test]
    fn every_cut_and_every_bit_is_noticed() {
        let bytes = message();
        for length in 0..bytes.len() {
            assert!(
                matches!(read(&bytes[..length]), Err(Error::Truncated { .. })),
                "cut to {length}"
            );
            assert!(matches!(
                receive(&mut &bytes[..length], 1 << 20),
                Err(Error::Truncated { .. })
            ));
        }
        for bit in 0..8 * bytes.len() {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let error = read(&flipped).unwrap_err();
            let typed = matches!(
                error,
                Error::Corrupted { .. } | Error::Version { .. } | Error::Truncated { .. }
            );
            assert!(typed, "bit {bit}: {error}");
        }
    }

    #[test]
    fn version_and_kind_are_told_apart() {
        let mut newer = message();
        newer[4] += 1;
        let found = read(&newer);
        assert!(
            matches!(
                found,
                Err(Error::Version {
                    found: 3,
                    expected: 2,
                    ..
                })
            ),
            "{found:?}"
        );
        let error = open::<(u32, String)>(Kind::Reply, &message()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "reply is corrupted: found request, expected reply"
        );
    }

    #[test]
    fn announced_lengths_allocate_nothing() {
        let mut huge = message();
        huge[12..20].copy_from_slice(&(u64::MAX / 2).to_le_bytes());
        assert!(matches!(read(&huge), Err(Error::Truncated { .. })));
        assert!(matches!(
            receive(&mut &huge[..], 1 << 40),
            Err(Error::Corrupted { .. })
        ));
        huge[12..20].copy_from_slice(&u64::MAX.to_le_bytes());
        assert!(matches!(read(&huge), Err(Error::Corrupted { .. })));
        // The digest fits, the frame's length does not.
        let mut frame = message();
        let at = PREFIX_BYTES + 6;
        frame[at..at + 8].copy_from_slice(&(1u64 << 60).to_le_bytes());
        assert!(matches!(read(&resealed(frame)), Err(Error::Corrupted { .. })));
    }

    proptest! {
        #[test]
        fn resealed_damage_never_panics(at in 0usize..380, value: u8, cut in 0usize..300) {
            let mut bytes = message();
            let at = at % (bytes.len() - DIGEST_BYTES);
            bytes[at] = value;
            bytes.drain(bytes.len() - DIGEST_BYTES - cut..bytes.len() - DIGEST_BYTES);
            let _ = read(&resealed(bytes));
        }

        #[test]
        fn noise_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(read(&bytes).is_err());
            prop_assert!(receive(&mut &bytes[..], 1 << 20).is_err());
        }
    }
}
