/// Mish (Misra 2019).
#[he_nn::activation(degree = 7, range = 5.0)]
pub fn mish(x: f64) -> f64 {
    x * ((1.0 + x.exp()).ln()).tanh()
}
