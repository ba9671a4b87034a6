//! A block with a receiver.

use he_nn::prelude::*;

struct Widths(usize);

impl Widths {
    #[he_nn::block]
    fn project(&self, x: Tensor, w: Weights) -> Tensor {
        linear(x, w, Linear::out(self.0))
    }
}

fn main() {}
