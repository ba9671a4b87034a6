//! The message that is largest by far: it is read where it stands, for instance in a file that is mapped to memory.

#[cfg(feature = "server")]
use std::io::sink;
use std::sync::OnceLock;

use he_core::math::shared::SharedBytes;

#[cfg(feature = "server")]
use super::envelope::Sealing;
use super::envelope::{DIGEST_BYTES, Kind, corrupted, open, seal};
use super::key_id::KeyId;
use super::message::Owner;
use crate::error::Result;

/// What a server computes with, useless for decrypting. Clones share their memory.
#[derive(Clone, Debug)]
pub struct EvaluationKeys {
    pub(crate) owner: Owner,
    /// Packed keys with their seed.
    pub(crate) packed: SharedBytes,
    /// Those of encapsulation, where the plan refreshes.
    pub(crate) encapsulation: Option<SharedBytes>,
    /// That of the message, once it is known.
    digest: OnceLock<[u8; DIGEST_BYTES]>,
}

impl EvaluationKeys {
    pub(crate) fn new(owner: Owner, packed: SharedBytes, encapsulation: Option<SharedBytes>) -> Self {
        EvaluationKeys {
            owner,
            packed,
            encapsulation,
            digest: OnceLock::new(),
        }
    }

    /// The secret key it was made with.
    #[must_use]
    pub fn key_id(&self) -> KeyId {
        self.owner.key
    }

    fn frames(&self) -> Vec<&[u8]> {
        let encapsulation = self.encapsulation.as_deref();
        [Some(&*self.packed), encapsulation]
            .into_iter()
            .flatten()
            .collect()
    }

    /// The travelling form.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        seal(Kind::EvaluationKeys, &self.owner, &self.frames())
    }

    /// Reads the travelling form. The keys are checked when a server loads them.
    ///
    /// # Errors
    /// [`Error::Truncated`](crate::Error::Truncated), [`Error::Version`](crate::Error::Version),
    /// [`Error::Corrupted`](crate::Error::Corrupted).
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        Self::from_shared(bytes.to_vec())
    }

    /// [`from_bytes`](Self::from_bytes) without a copy: the keys stay where these bytes are, for instance in the vector that
    /// [`receive`](super::receive) returned, and a server whose plan refreshes computes with them there. Other plans expand their keys.
    ///
    /// Or in a file that [`Client::save_evaluation_keys`](crate::Client::save_evaluation_keys) wrote, mapped to memory: the server then
    /// holds no copy, and the system drops keys of clients that rest and reads them again. Whoever makes the map, with
    /// `unsafe { memmap2::Mmap::map(&file) }`, vouches that nobody writes to the file or shortens it while these keys, or
    /// [`ServerKeys`](crate::ServerKeys) loaded from them, exist. Words are checked when keys are read and loaded, not whenever they are used:
    /// words that change give wrong results, and a file that is shortened ends the process with a signal.
    ///
    /// ```no_run
    /// # fn open(map: Vec<u8>) -> he_nn::Result<()> {
    /// use he_nn::wire::{EvaluationKeys, SharedBytes};
    /// let keys = EvaluationKeys::from_shared(SharedBytes::new(map))?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`from_bytes`](Self::from_bytes).
    pub fn from_shared(bytes: impl Into<SharedBytes>) -> Result<Self> {
        let bytes = bytes.into();
        let message: &[u8] = &bytes;
        let (owner, frames) = open(Kind::EvaluationKeys, message)?;
        // A frame is a piece of the message: it begins where their addresses say.
        let part = |frame: &[u8]| {
            let start = frame.as_ptr() as usize - message.as_ptr() as usize;
            let outside = || {
                corrupted(
                    Kind::EvaluationKeys.name(),
                    "a frame outside",
                    "the message's bytes",
                )
            };
            bytes.part(start..start + frame.len()).ok_or_else(outside)
        };
        let (packed, encapsulation) = match frames[..] {
            [packed] => (part(packed)?, None),
            [packed, encapsulation] => (part(packed)?, Some(part(encapsulation)?)),
            _ => {
                let found = format!("{} frames", frames.len());
                return Err(corrupted(Kind::EvaluationKeys.name(), found, "one frame or two"));
            }
        };
        let keys = Self::new(owner, packed, encapsulation);
        // Opening held the digest against the bytes.
        if let Some(digest) = message.last_chunk::<DIGEST_BYTES>() {
            keys.digest.get_or_init(|| *digest);
        }
        Ok(keys)
    }

    /// That of the travelling form: one secret key may have several sets of evaluation keys.
    #[cfg(feature = "server")]
    pub(crate) fn digest(&self) -> [u8; DIGEST_BYTES] {
        *self.digest.get_or_init(|| {
            let frames = self.frames();
            let lengths: Vec<usize> = frames.iter().map(|frame| frame.len()).collect();
            let mut nowhere = sink();
            let sealed = Sealing::start(&mut nowhere, Kind::EvaluationKeys, &self.owner, &lengths);
            let digest = sealed.and_then(|mut sealing| {
                for frame in frames {
                    sealing.frame(frame.len())?;
                    sealing.write(frame)?;
                }
                sealing.finish()
            });
            // A sink takes everything.
            digest.unwrap_or_default()
        })
    }
}

impl PartialEq for EvaluationKeys {
    fn eq(&self, other: &Self) -> bool {
        (self.owner, &self.packed, &self.encapsulation) == (other.owner, &other.packed, &other.encapsulation)
    }
}
