//! The messages: who they belong to, in the clear, and packed polynomials.
//!
//! Nothing here unpacks a polynomial: that takes a modulus chain, which client and server have.

use serde::{Deserialize, Serialize};

use super::envelope::{Kind, corrupted, open, seal};
use super::key_id::KeyId;
use crate::error::Result;

/// Whom a message belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Owner {
    /// Digest of the plan.
    pub(crate) plan: [u8; 32],
    /// The secret key.
    pub(crate) key: KeyId,
}

/// How the ciphertexts of a request travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Form {
    /// Encrypted with the secret key: half of each is a seed.
    Seeded,
    /// Encrypted with the public key.
    Full,
}

/// Whom messages belong to.
macro_rules! owned {
    ($($message:ident)*) => {$(
        impl $message {
            /// The secret key it was made with, or is to be read with.
            #[must_use]
            pub fn key_id(&self) -> KeyId {
                self.owner.key
            }
        }
    )*};
}

/// How much messages carry.
macro_rules! sampled {
    ($($message:ident)*) => {$(
        impl $message {
            /// Number of samples.
            #[must_use]
            pub fn samples(&self) -> usize {
                self.samples as usize
            }
        }
    )*};
}

owned! { Request Reply PublicKey }
sampled! { Request Reply }

/// Encrypted inputs, for one server running one plan.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    pub(crate) owner: Owner,
    pub(crate) samples: u32,
    pub(crate) form: Form,
    /// Packed ciphertexts, the tiles of each input in the order of the specification.
    pub(crate) tiles: Vec<Vec<u8>>,
}

impl Request {
    /// The travelling form.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        seal(Kind::Request, &(self.owner, self.samples, self.form), &self.tiles)
    }

    /// Reads the travelling form. The ciphertexts are checked where they are unpacked.
    ///
    /// # Errors
    /// [`Error::Truncated`](crate::Error::Truncated), [`Error::Version`](crate::Error::Version),
    /// [`Error::Corrupted`](crate::Error::Corrupted).
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let ((owner, samples, form), frames) = open(Kind::Request, bytes)?;
        Ok(Request {
            owner,
            samples,
            form,
            tiles: copied(&frames),
        })
    }
}

/// Encrypted outputs.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    pub(crate) owner: Owner,
    pub(crate) samples: u32,
    /// Packed ciphertexts, the tiles of each output in the order of the specification.
    pub(crate) tiles: Vec<Vec<u8>>,
}

impl Reply {
    /// The travelling form.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        seal(Kind::Reply, &(self.owner, self.samples), &self.tiles)
    }

    /// Reads the travelling form. The ciphertexts are checked where they are unpacked.
    ///
    /// # Errors
    /// [`Error::Truncated`](crate::Error::Truncated), [`Error::Version`](crate::Error::Version),
    /// [`Error::Corrupted`](crate::Error::Corrupted).
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let ((owner, samples), frames) = open(Kind::Reply, bytes)?;
        Ok(Reply {
            owner,
            samples,
            tiles: copied(&frames),
        })
    }
}

/// With it anyone can encrypt for the owner of the secret key.
#[derive(Clone, Debug, PartialEq)]
pub struct PublicKey {
    pub(crate) owner: Owner,
    pub(crate) packed: Vec<u8>,
}

impl PublicKey {
    /// The travelling form.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        seal(Kind::PublicKey, &self.owner, &[&self.packed])
    }

    /// Reads the travelling form. The key is checked by [`Encryptor::new`](crate::client::Encryptor::new).
    ///
    /// # Errors
    /// [`Error::Truncated`](crate::Error::Truncated), [`Error::Version`](crate::Error::Version),
    /// [`Error::Corrupted`](crate::Error::Corrupted).
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let (owner, frames) = open(Kind::PublicKey, bytes)?;
        Ok(PublicKey {
            owner,
            packed: single(Kind::PublicKey, &frames)?.to_vec(),
        })
    }
}

fn copied(frames: &[&[u8]]) -> Vec<Vec<u8>> {
    frames.iter().map(|frame| frame.to_vec()).collect()
}

/// The only frame of a message that has one.
pub(crate) fn single<'a>(kind: Kind, frames: &[&'a [u8]]) -> Result<&'a [u8]> {
    match frames {
        [frame] => Ok(frame),
        _ => Err(corrupted(
            kind.name(),
            format!("{} frames", frames.len()),
            "one frame",
        )),
    }
}
