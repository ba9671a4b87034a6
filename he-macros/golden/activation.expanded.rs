#[track_caller]
/// Mish (Misra 2019).
pub const fn mish<'t>(x: ::he_nn::Tensor<'t>) -> ::he_nn::Tensor<'t> {
    fn mish(x: f64) -> f64 {
        x * ((1.0 + x.exp()).ln()).tanh()
    }
    ::he_nn::layer::custom(x, "mish", mish, ::he_nn::layer::Approx::degree(7).range(5.0))
}
