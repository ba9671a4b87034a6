//! An attribute on a structure.

use he_nn::prelude::*;

#[he_nn::model(input = [4], depth = 1)]
struct Network;

fn main() {}
