//! An attribute on a structure.

#[he_nn::model(input = [4], depth = 1)]
struct Network;

fn main() {}
