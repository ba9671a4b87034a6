#[allow(clippy::needless_lifetimes, clippy::extra_unused_lifetimes)]
/// A residual block.
pub const fn residual<'t>(x: Tensor<'t>, w: Weights<'t>, out: usize) -> Tensor<'t> {
    let skip = if x.channels() == out { x } else { pad_channels(x, out / 4) };
    let mut y = conv2d(x, w.at("conv1"), Conv2d::out(out).kernel(3).padding(1));
    y = ::he_nn::add(y, skip);
    ::he_nn::sub(
        ::he_nn::add(::he_nn::scale(::he_nn::scale(y, 0.5), -1.0), ::he_nn::mul(x, y)),
        w.param("offset", [1, 1]),
    )
}
#[allow(clippy::needless_lifetimes, clippy::extra_unused_lifetimes)]
const fn checked<'t>(x: Tensor<'t>, w: Weights<'t>, out: usize) -> Tensor<'t> {
    conv2d(x, w, Conv2d::out(out))
}
#[allow(dead_code, long_running_const_eval)]
const EXAMPLE_OF_CHECKED: ::he_nn::graph::Survey = {
    const BUDGET: ::he_nn::graph::Budget = ::he_nn::graph::Budget::Depth(6);
    const SHAPES: ::he_nn::graph::Survey = {
        let trace = &::he_nn::graph::Trace::survey(BUDGET);
        trace.surveyed([checked(trace.input(0, &[64, 32, 32]), trace.weights(), 64)])
    };
    let cells = ::he_nn::graph::Trace::cells::<{ SHAPES.nodes }>();
    let trace = &::he_nn::graph::Trace::record_into(&cells, BUDGET, SHAPES);
    trace.surveyed([checked(trace.input(0, &[64, 32, 32]), trace.weights(), 64)])
};
