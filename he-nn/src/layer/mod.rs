//! Layers: one file each, with options, shape rule and depth rule, and what the layer means on floats.
//!
//! A layer is a `#[track_caller] const fn` that rustc evaluates; it panics on a wrong shape, which is the compile error, and records a
//! node. Names, argument order and weight layouts are PyTorch's, without the batch dimension: an image is `[C, H, W]` and its
//! channels are dimension 0.

pub(crate) mod activation;
pub(crate) mod adaptive_avg_pool2d;
pub(crate) mod add;
pub(crate) mod avg_pool2d;
pub(crate) mod batch_norm1d;
pub(crate) mod batch_norm2d;
pub(crate) mod concat;
pub(crate) mod conv2d;
pub(crate) mod exp;
pub(crate) mod flatten;
pub(crate) mod gelu;
pub(crate) mod inverse;
pub(crate) mod inverse_sqrt;
pub(crate) mod linear;
pub(crate) mod mean;
pub(crate) mod mul;
pub(crate) mod normalize;
pub(crate) mod pad_channels;
pub(crate) mod permute;
pub(crate) mod polynomial;
pub(crate) mod reciprocal;
pub(crate) mod relabel;
pub(crate) mod relu;
pub(crate) mod reshape;
pub(crate) mod scale;
pub(crate) mod sigmoid;
pub(crate) mod sign;
pub(crate) mod silu;
pub(crate) mod slice;
pub(crate) mod square;
pub(crate) mod standardize;
pub(crate) mod sub;
pub(crate) mod subsample2d;
pub(crate) mod sum;
pub(crate) mod sum_pool2d;
pub(crate) mod tanh;
pub(crate) mod transpose;
pub(crate) mod window;

pub use activation::{Activation, Approx, Function, Method, custom};
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
pub use inverse::inverse;
pub use inverse_sqrt::inverse_sqrt;
pub use linear::{Linear, linear};
pub use mean::mean;
pub use mul::mul;
pub use normalize::normalize;
pub use pad_channels::pad_channels;
pub use permute::{Permute, permute};
pub use polynomial::polynomial;
pub(crate) use reciprocal::inverse_steps;
pub use reciprocal::{Positive, Reciprocal};
pub use relu::relu;
pub use reshape::reshape;
pub use scale::scale;
pub use sigmoid::sigmoid;
pub use sign::sign;
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

use crate::graph::Op;

/// Divisors of an averaging operation: one, or one for each element of the last two dimensions.
pub(crate) fn divisors(op: &Op, from: &[usize], to: &[usize]) -> Vec<f64> {
    match op {
        Op::AvgPool2d(options) => avg_pool2d::divisors(options, from, to),
        Op::AdaptiveAvgPool2d { .. } => adaptive_avg_pool2d::divisors(from, to),
        Op::Mean { axis } => vec![from[*axis] as f64],
        _ => vec![1.0],
    }
}

/// `a` and `b` of an elementwise map `a x + b`, one of each for every channel or element.
pub(crate) fn elementwise_map(op: &Op, tensors: &[Vec<f64>]) -> (Vec<f64>, Vec<f64>) {
    match op {
        Op::BatchNorm1d(options) | Op::BatchNorm2d(options) => batch_norm1d::map(options, tensors),
        Op::Standardize => standardize::map(tensors),
        Op::Normalize { mean, std } => normalize::map(mean, std),
        _ => (Vec::new(), Vec::new()),
    }
}
