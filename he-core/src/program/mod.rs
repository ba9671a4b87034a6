//! The tile-tensor program and its readers.
//!
//! A [`Program`] is plain data; every reader walks the same operations, and what an operation *means* for its result (tiles,
//! level, scale) stands once, in [`infer`]:
//!
//! | reader | answers |
//! |---|---|
//! | [`verify`] | is it well formed: ids, rotations, levels, scales |
//! | [`clear`] | what does it compute, on plain numbers |
//! | [`count`] | what will it cost, without running it |
//! | [`error`] | how wrong may the answer be, and does anything overflow |
//! | [`keys`] | which evaluation keys does it need, at which level |
//! | [`store`], [`run`] | encode its plaintexts; run it on ciphertexts |
//! | [`text`] | print it |
//! | [`codec`] | bytes and digest |
//! | [`build`] | the writer: allocates values and plaintexts so that `verify` passes |

mod arithmetic;
pub mod build;
pub mod chain;
pub mod clear;
pub mod codec;
pub mod count;
pub mod error;
mod fault;
pub mod infer;
pub mod keys;
pub mod op;
pub mod run;
pub mod slots;
pub mod store;
pub mod text;
pub mod verify;

pub use build::Builder;
pub use chain::ChainView;
pub use keys::KeySet;
pub use op::{Op, PlainClass, PlainId, PlainInfo, Port, Program, Term, ValueId, ValueInfo};
pub use run::{Executor, Progress, RunError};
pub use slots::{PlainSource, PlainValues, Slots};
pub use store::{PlainStore, StoreError};
pub use verify::{Verified, VerifyError};
