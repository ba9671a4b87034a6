//! Layers: one file each, with options, shape rule and depth rule, and what the layer means on floats.
//!
//! A layer is a `#[track_caller] const fn` that rustc evaluates; it panics on a wrong shape, which is the compile error, and records a
//! node. Names, argument order and weight layouts are PyTorch's, without the batch dimension: an image is `[C, H, W]` and its
//! channels are dimension 0.

mod activation;
mod adaptive_avg_pool2d;
mod add;
mod avg_pool2d;
mod batch_norm1d;
mod batch_norm2d;
mod concat;
mod conv2d;
mod exp;
mod flatten;
mod gelu;
mod linear;
mod mean;
mod mul;
mod normalize;
mod pad_channels;
mod permute;
mod polynomial;
mod reshape;
mod scale;
mod sigmoid;
mod silu;
mod slice;
mod square;
mod standardize;
mod sub;
mod subsample2d;
mod sum;
mod sum_pool2d;
mod tanh;
mod transpose;
mod window;

pub use activation::{Activation, Approx, Function, custom};
pub use adaptive_avg_pool2d::adaptive_avg_pool2d;
pub use add::add;
pub use avg_pool2d::{AvgPool2d, avg_pool2d, avg_pool2d_with};
pub use batch_norm1d::{BatchNorm, batch_norm1d, batch_norm1d_with};
pub use batch_norm2d::{batch_norm2d, batch_norm2d_with};
pub use concat::concat;
pub use conv2d::{Conv2d, conv2d};
pub use exp::exp;
pub use flatten::flatten;
pub use gelu::gelu;
pub use linear::{Linear, linear};
pub use mean::mean;
pub use mul::mul;
pub use normalize::normalize;
pub use pad_channels::pad_channels;
pub use permute::{Permute, permute};
pub use polynomial::polynomial;
pub use reshape::reshape;
pub use scale::scale;
pub use sigmoid::sigmoid;
pub use silu::silu;
pub use slice::{Slice, slice};
pub use square::square;
pub use standardize::standardize;
pub use sub::sub;
pub use subsample2d::subsample2d;
pub use sum::sum;
pub use sum_pool2d::{SumPool2d, sum_pool2d, sum_pool2d_with};
pub use tanh::tanh;
pub use transpose::transpose;
