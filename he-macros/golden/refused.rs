#[he_nn::block]
fn refused(x: Tensor, w: Weights) -> Tensor {
    let hot = x * x;
    if hot > x {
        return x;
    }
    let n = x.channels();
    if n > 3 { x / hot } else { x }
}

#[he_nn::model(depth = 1)]
struct NotAFunction;
