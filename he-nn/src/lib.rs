//! Neural networks on encrypted data.

#![forbid(unsafe_code)]

// Blocks of this crate use the same macros as a user's, and those name the crate by its path.
extern crate self as he_nn;

pub mod affine;
pub mod approx;
pub mod block;
pub mod checkpoint;
pub mod clear;
pub mod client;
mod error;
pub mod graph;
pub mod layer;
pub mod lower;
mod model;
pub mod plan;
pub mod prelude;
pub mod server;
pub mod wire;

pub use checkpoint::Checkpoint;
pub use clear::Ranges;
pub use client::{Client, ClientSpec, Encryptor};
pub use error::{Error, Mismatch, Result};
pub use he_macros::{activation, block, model};

pub use graph::{Tensor, Weights};
pub use layer::{add, mul, scale, sub};
pub use model::{Input, Model, Output};
pub use plan::{Goal, Plan};
pub use server::{Server, ServerKeys};
pub use wire::{EvaluationKeys, KeyId, PublicKey, Reply, Request};

/// Marks a value in an annotated function as plain where the macro takes it for encrypted: `if plain!(width_of(x)) > 3 { .. }`.
///
/// The expression is left as it is: no operator in it becomes a layer.
#[macro_export]
macro_rules! plain {
    ($value:expr) => {
        $value
    };
}

// Its snippets compile.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
