//! A modulus that is not prime.

use he_nn::prelude::*;

const P: Params = Params {
    log_n: 13,
    base: &[1125899906629633],
    levels: &[&[1073692673]],
    returned: &[],
    special: &[1125899905728513],
    log2_scale: 30.0,
    security: Security::Bits128,
}
.checked();

#[he_nn::model(input = [8], depth = 1, params = P)]
fn network(x: Tensor) -> Tensor {
    square(x)
}

fn main() {}
