//! What an annotated function records when rustc evaluates it.
//!
//! A [`Trace`] is made of cells; a [`Tensor`] is a small copyable handle into it, so the layers are plain `const fn`s: they check
//! shapes, count levels and append a [`Node`]. The recorded nodes live in the binary as a `static`; nothing here runs at run time
//! but the readers of that static.
//!
//! Units: *levels* are multiplicative depth, the number of rescales on the longest path from an input.

mod form;
mod message;
mod node;
mod shape;
mod tensor;
mod text;
mod trace;
mod weights;

pub(crate) use form::Along;
pub use form::Form;
pub(crate) use message::Message;
pub use node::{Inputs, Node, NodeId, Op, Site, TensorSpec, Tensors};
pub use shape::{MAX_RANK, Shape};
pub use tensor::Tensor;
pub use text::Text;
pub use trace::{BOOTSTRAP_LEVELS, Budget, Network, Survey, Trace};
pub use weights::{Path, Weights};
