//! The bundled networks.

use he_nn::prelude::*;

/// CryptoNets on MNIST (Gilad-Bachrach et al., ICML 2016).
#[he_nn::model(input = [1, 28, 28], depth = 5)]
pub fn crypto_nets(x: Tensor, w: Weights) -> Tensor {
    let x = conv2d(x, w.at("conv1"), Conv2d::out(5).kernel(5).stride(2).padding(1));
    let x = square(x);
    let x = linear(flatten(x), w.at("fc1"), Linear::out(100));
    let x = square(x);
    linear(x, w.at("fc2"), Linear::out(10))
}

#[he_nn::model(input = [784], depth = 3)]
pub fn mlp_square(x: Tensor, w: Weights) -> Tensor {
    let x = square(linear(flatten(x), w.at("fc1"), Linear::out(128)));
    linear(x, w.at("fc2"), Linear::out(10))
}

#[he_nn::model(input = [1, 28, 28], depth = 13)]
pub fn lenet5(x: Tensor, w: Weights) -> Tensor {
    let x = conv2d(x, w.at("conv1"), Conv2d::out(6).kernel(5).padding(2));
    let x = avg_pool2d(polynomial(x, w.at("act1"), 3), 2);
    let x = conv2d(x, w.at("conv2"), Conv2d::out(16).kernel(5));
    let x = flatten(avg_pool2d(polynomial(x, w.at("act2"), 3), 2));
    let x = polynomial(linear(x, w.at("fc1"), Linear::out(120)), w.at("act3"), 3);
    let x = polynomial(linear(x, w.at("fc2"), Linear::out(84)), w.at("act4"), 3);
    linear(x, w.at("fc3"), Linear::out(10))
}

#[he_nn::model(input = [15], depth = 1, range = 700.0)]
pub fn logreg_heart(x: Tensor, w: Weights) -> Tensor {
    linear(standardize(x, w.at("scaler")), w.at("linear"), Linear::out(1))
}

#[he_nn::model(input = [30], depth = 1, range = 5000.0)]
pub fn logreg_breast_cancer(x: Tensor, w: Weights) -> Tensor {
    linear(standardize(x, w.at("scaler")), w.at("linear"), Linear::out(1))
}
