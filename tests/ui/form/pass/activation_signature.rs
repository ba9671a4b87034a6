//! Passing twin of `fail/activation_signature.rs`.

#[he_nn::activation(degree = 3)]
fn cube(x: f64) -> f64 {
    x * x * x
}
