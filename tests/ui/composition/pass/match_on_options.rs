//! Passing twin of `fail/match_on_options.rs`.

use he_nn::prelude::*;

#[derive(Clone, Copy)]
enum Act {
    Square,
    Smooth(usize),
}

#[he_nn::block]
fn act(x: Tensor, kind: Act) -> Tensor {
    match kind {
        Act::Square => square(x),
        Act::Smooth(degree) if degree > 1 => tanh(x, Approx::degree(degree)),
        Act::Smooth(_) => x,
    }
}

#[he_nn::model(input = [8], depth = 5)]
fn network(x: Tensor, w: Weights) -> Tensor {
    let x = act(linear(x, w.at("a"), Linear::out(8)), Act::Square);
    act(x, Act::Smooth(7))
}
