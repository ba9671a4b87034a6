//! Blocks that networks share: annotated functions, written with the public API only.

mod conv_bn_polynomial;

pub use conv_bn_polynomial::conv_bn_polynomial;
