/// A residual block.
#[he_nn::block]
pub fn residual(x: Tensor, w: Weights, out: usize) -> Tensor {
    let skip = if x.channels() == out { x } else { pad_channels(x, out / 4) };
    let mut y = conv2d(x, w.at("conv1"), Conv2d::out(out).kernel(3).padding(1));
    y += skip;
    -(y * 0.5) + x * y - w.param("offset", [1, 1])
}

#[he_nn::block(example = [64, 32, 32], depth = 6, out = 64)]
fn checked(x: Tensor, w: Weights, out: usize) -> Tensor {
    conv2d(x, w, Conv2d::out(out))
}
