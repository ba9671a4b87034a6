//! Passing twin of `fail/prime_comes_back.rs`: the second level lacks the prime that the first has.

use he_nn::prelude::*;

const P: Params = Params {
    log_n: 14,
    base: &[1125899903827969],
    levels: &[&[1099511922689], &[1073643521, 1125899903795201], &[1099511922689]],
    returned: &[&[], &[1099511922689]],
    special: &[1125899904679937, 1125899903991809],
    log2_scale: 40.0,
    security: Security::Bits128,
}
.checked();

#[he_nn::model(input = [8], depth = 3, params = P)]
fn network(x: Tensor) -> Tensor {
    square(square(square(x)))
}
