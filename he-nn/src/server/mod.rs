//! What a server does: weights encoded once, keys loaded once, requests answered.
//!
//! No type of this module holds or reads a secret key: a server sees ciphertexts, evaluation keys and its own weights.
//!
//! | file | holds |
//! |---|---|
//! | `inference` | [`Server`]: program and encoded weights; request to reply |
//! | `keys` | [`ServerKeys`]: a client's evaluation keys, ready for use |
//! | `threads` | which threads answer a request |

mod inference;
mod keys;
mod threads;

pub use he_core::program::run::Progress;
pub use inference::Server;
pub use keys::ServerKeys;
