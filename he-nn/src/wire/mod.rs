//! Bytes that travel between client and server, and rest in files.
//!
//! Every message has one envelope, little-endian:
//!
//! | bytes | what |
//! |---|---|
//! | 4 | `henn` |
//! | 2 | format version |
//! | 1 | kind of message |
//! | 1 | zero |
//! | 4 | length of the header |
//! | 8 | length of the body |
//! | .. | header, in postcard |
//! | .. | body: frames, each a length of 8 bytes and its content |
//! | 32 | BLAKE3 of all of the above |
//!
//! A length is believed only once it has been held against the bytes that are there, so nothing is allocated for a lie. The digest
//! finds accidents, not attackers: whoever can write a message can write its digest. What stands in a frame is checked again by
//! whoever unpacks it.

mod envelope;
mod evaluation_keys;
mod key_id;
mod message;

pub use envelope::receive;
pub use evaluation_keys::EvaluationKeys;
pub use key_id::KeyId;
pub use message::{PublicKey, Reply, Request};

pub use he_core::math::shared::SharedBytes;

#[cfg(feature = "server")]
pub(crate) use envelope::corrupted;
pub(crate) use envelope::{Kind, Sealing, open, seal};
pub(crate) use key_id::{check_key, check_plan};
pub(crate) use message::{Form, Owner, single};
