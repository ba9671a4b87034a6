//! What a client needs: keys, encryption, decryption. No weights, no program.
//!
//! | file | holds |
//! |---|---|
//! | `spec` | [`ClientSpec`]: parameters, where inputs and outputs stand, which keys to make |
//! | `owner` | [`Client`]: the secret key's owner |
//! | `encryptor` | [`Encryptor`]: whoever encrypts for them |
//! | `packing` | numbers to slots and back |
//! | `sharing` | [`Sharing`]: results for others, with noise that protects the secret key |

mod encryptor;
mod owner;
mod packing;
mod sharing;
mod spec;

pub use encryptor::Encryptor;
pub use owner::Client;
pub use sharing::Sharing;
#[cfg(feature = "server")]
pub(crate) use spec::key_bytes;
pub use spec::{ClientSpec, InputPort, OutputPort, SlotNumbers};

#[cfg(test)]
mod tests;
