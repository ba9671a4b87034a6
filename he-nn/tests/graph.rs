//! What annotated functions record.

use he_nn::prelude::*;

/// CryptoNets on MNIST (Gilad-Bachrach et al., ICML 2016).
#[he_nn::model(input = [1, 28, 28], depth = 5)]
pub fn crypto_nets(x: Tensor, w: Weights) -> Tensor {
    let x = conv2d(x, w.at("conv1"), Conv2d::out(5).kernel(5).stride(2).padding(1));
    let x = square(x);
    let x = linear(flatten(x), w.at("fc1"), Linear::out(100));
    let x = square(x);
    linear(x, w.at("fc2"), Linear::out(10))
}

#[test]
fn cryptonets_is_recorded_as_written() {
    let model = crypto_nets();
    let names: Vec<_> = model.nodes().iter().map(|node| node.op.name()).collect();
    assert_eq!(
        names,
        [
            "input", "conv2d", "square", "flatten", "linear", "square", "linear"
        ]
    );
    let depths: Vec<_> = model.nodes().iter().map(|node| node.depth).collect();
    assert_eq!(depths, [0, 1, 2, 2, 3, 4, 5]);
    assert_eq!((model.name(), model.depth()), ("crypto_nets", 5));
    assert_eq!(model.inputs()[0].name, "x");
    let output = model.node(model.outputs()[0].node);
    assert_eq!(output.shape.to_vec(), [10]);
    let parameters: Vec<_> = model
        .parameters()
        .iter()
        .map(|(name, shape)| format!("{name}{shape}"))
        .collect();
    assert_eq!(
        parameters,
        [
            "conv1.weight[5, 1, 5, 5]",
            "conv1.bias[5]",
            "fc1.weight[100, 845]",
            "fc1.bias[100]",
            "fc2.weight[10, 100]",
            "fc2.bias[10]"
        ]
    );
    // The site is the user's text: the call of the operation and the statement around it.
    let square = &model.nodes()[2];
    assert!(square.site.call.file().ends_with("graph.rs"));
    assert_eq!(square.site.call.line(), model.nodes()[1].site.call.line() + 1);
    assert_eq!(
        model.nodes()[3].site.statement.line(),
        model.nodes()[4].site.statement.line()
    );
}
