//! Convolution, batch normalisation and a trained polynomial, the unit of networks made for encryption.
//!
//! * **Shape** that of the convolution; weights `conv.*`, `bn.*`, `act.coef`.
//! * **Depth** 1 for the convolution, which absorbs the batch norm and prepares the polynomial, and `max(1, ceil(log2 degree))`.

use crate::prelude::*;

/// `polynomial(batch_norm2d(conv2d(x)))`; see the [module documentation](self).
#[he_nn::block(example = [3, 32, 32], options = Conv2d::out(24).kernel(4).stride(2).padding(1), degree = 2, depth = 2)]
pub fn conv_bn_polynomial(x: Tensor, w: Weights, options: Conv2d, degree: usize) -> Tensor {
    let y = batch_norm2d(conv2d(x, w.at("conv"), options), w.at("bn"));
    polynomial(y, w.at("act"), degree)
}
