/// Two inputs, two outputs.
#[he_nn::model(image = [1, 28, 28], mask = [28, 28], depth = 3, range = 2.0)]
pub fn masked(image: Tensor, mask: Tensor, w: Weights) -> (Tensor, Tensor) {
    let x = image * mask;
    (linear(flatten(x), w.at("fc"), Linear::out(10)), square(x))
}
