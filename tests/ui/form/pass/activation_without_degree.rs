//! Passing twin of `fail/activation_without_degree.rs`.

#[he_nn::activation(degree = 7, range = 4.0)]
fn bump(x: f64) -> f64 {
    (-x * x).exp()
}
