//! Networks of the size of the bundled ones on tiles of the size they get, with random weights, against the graph.

use super::trial::{Tally, attempt};
use crate::affine::tests::model;
use crate::layer::*;
use crate::model::Model;

fn holds(name: &str, model: &'static Model, slots: usize, batch: u32) {
    let mut tally = Tally::default();
    tally.add(name, attempt(model, 1, false, slots, batch));
    tally.assert_right();
    assert_eq!(tally.unpacked(), 0);
}

/// Dense, square, dense.
pub fn perceptron() -> &'static Model {
    model(&[784], |x, w| {
        let x = square(linear(x, w.at("fc1"), Linear::out(128)));
        linear(x, w.at("fc2"), Linear::out(10))
    })
}

/// CryptoNets (Gilad-Bachrach et al., ICML 2016).
pub fn crypto_nets() -> &'static Model {
    model(&[1, 28, 28], |x, w| {
        let conv = Conv2d::out(5).kernel(5).stride(2).padding(1);
        let x = square(conv2d(x, w.at("conv1"), conv));
        let x = square(linear(flatten(x), w.at("fc1"), Linear::out(100)));
        linear(x, w.at("fc2"), Linear::out(10))
    })
}

/// LeNet-5 with cubics.
pub fn lenet5() -> &'static Model {
    model(&[1, 28, 28], |x, w| {
        let x = conv2d(x, w.at("conv1"), Conv2d::out(6).kernel(5).padding(2));
        let x = avg_pool2d(polynomial(x, w.at("act1"), 3), 2);
        let x = conv2d(x, w.at("conv2"), Conv2d::out(16).kernel(5));
        let x = avg_pool2d(polynomial(x, w.at("act2"), 3), 2);
        let x = polynomial(linear(flatten(x), w.at("fc1"), Linear::out(120)), w.at("act3"), 3);
        let x = polynomial(linear(x, w.at("fc2"), Linear::out(84)), w.at("act4"), 3);
        linear(x, w.at("fc3"), Linear::out(10))
    })
}

#[test]
fn a_perceptron_computes_what_the_graph_says() {
    holds("perceptron", perceptron(), 4096, 1);
}

#[test]
fn cryptonets_computes_what_the_graph_says() {
    holds("cryptonets", crypto_nets(), 4096, 1);
}

#[test]
fn cryptonets_computes_what_the_graph_says_for_a_batch() {
    holds("cryptonets", crypto_nets(), 4096, 256);
}

#[test]
fn lenet5_computes_what_the_graph_says() {
    holds("lenet5", lenet5(), 16384, 1);
}
