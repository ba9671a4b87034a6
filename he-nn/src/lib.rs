//! Neural networks on encrypted data.
//!
//! | feature | what |
//! |---|---|
//! | `client` | [`Client`], [`Encryptor`], [`ClientSpec`] and the messages: neither weights, networks nor programs |
//! | `server` | networks, planner and server as well |
//!
//! Both are on by default; a client alone is `default-features = false, features = ["client"]`.

#![forbid(unsafe_code)]

// Blocks of this crate use the same macros as a user's, and those name the crate by its path.
#[cfg(feature = "server")]
extern crate self as he_nn;

#[cfg(feature = "server")]
pub mod affine;
#[cfg(feature = "server")]
pub mod approx;
#[cfg(feature = "server")]
pub mod block;
#[cfg(feature = "server")]
pub mod checkpoint;
#[cfg(feature = "server")]
pub mod clear;
#[cfg(feature = "client")]
pub mod client;
mod error;
#[cfg(feature = "server")]
pub mod graph;
#[cfg(feature = "server")]
pub mod layer;
#[cfg(feature = "server")]
pub mod lower;
#[cfg(feature = "server")]
mod model;
#[cfg(feature = "server")]
pub mod plan;
#[cfg(feature = "server")]
pub mod prelude;
#[cfg(feature = "server")]
pub mod server;
#[cfg(feature = "client")]
pub mod wire;

#[cfg(feature = "server")]
pub use checkpoint::Checkpoint;
#[cfg(feature = "server")]
pub use clear::Ranges;
#[cfg(feature = "client")]
pub use client::{Client, ClientSpec, Encryptor, Sharing};
pub use error::{Error, Mismatch, Result};
#[cfg(feature = "server")]
pub use he_macros::{activation, block, model};

#[cfg(feature = "server")]
pub use graph::{Tensor, Weights};
#[cfg(feature = "server")]
pub use layer::{add, mul, scale, sub};
#[cfg(feature = "server")]
pub use model::{Input, Model, Output};
#[cfg(feature = "server")]
pub use plan::{Goal, Plan};
#[cfg(feature = "server")]
pub use server::{Server, ServerKeys};
#[cfg(feature = "client")]
pub use wire::{EvaluationKeys, KeyId, PublicKey, Reply, Request};

/// Marks a value in an annotated function as plain where the macro takes it for encrypted: `if plain!(width_of(x)) > 3 { .. }`.
///
/// The expression is left as it is: no operator in it becomes a layer.
#[cfg(feature = "server")]
#[macro_export]
macro_rules! plain {
    ($value:expr) => {
        $value
    };
}

// Its snippets compile.
#[cfg(all(doctest, feature = "server"))]
#[doc = include_str!("../../README.md")]
struct Readme;
