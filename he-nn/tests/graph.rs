//! What annotated functions record.

use he_nn::graph::{Form, Op};
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

/// LeNet-5 with average pooling and trained cubics.
#[he_nn::model(input = [1, 28, 28], depth = 13)]
fn lenet5(x: Tensor, w: Weights) -> Tensor {
    let x = conv2d(x, w.at("conv1"), Conv2d::out(6).kernel(5).padding(2));
    let x = avg_pool2d(polynomial(x, w.at("act1"), 3), 2);
    let x = conv2d(x, w.at("conv2"), Conv2d::out(16).kernel(5));
    let x = flatten(avg_pool2d(polynomial(x, w.at("act2"), 3), 2));
    let x = polynomial(linear(x, w.at("fc1"), Linear::out(120)), w.at("act3"), 3);
    let x = polynomial(linear(x, w.at("fc2"), Linear::out(84)), w.at("act4"), 3);
    linear(x, w.at("fc3"), Linear::out(10))
}

/// Five convolutions with batch norms and trained squares, two skips.
#[he_nn::model(input = [3, 32, 32], depth = 11)]
fn respoly(x: Tensor, w: Weights) -> Tensor {
    let unit = Conv2d::out(24).padding(1).bias(false);
    let x = normalize(x, &[0.4914, 0.4822, 0.4465], &[0.2470, 0.2435, 0.2616]);
    let x = he_nn::block::conv_bn_polynomial(x, w.at("stem"), unit.kernel(4).stride(2), 2);
    let unit = Conv2d { out: 48, ..unit };
    let mut x = he_nn::block::conv_bn_polynomial(x, w.at("down").suffix(1), unit.kernel(3).stride(2), 2);
    x += he_nn::block::conv_bn_polynomial(x, w.at("res1"), unit.kernel(3), 2);
    let unit = Conv2d { out: 96, ..unit };
    let mut x = he_nn::block::conv_bn_polynomial(x, w.at("down2"), unit.kernel(3).stride(2), 2);
    x += he_nn::block::conv_bn_polynomial(x, w.at("res2"), unit.kernel(3), 2);
    linear(
        flatten(adaptive_avg_pool2d(x, [1, 1])),
        w.at("fc"),
        Linear::out(10),
    )
}

#[test]
fn depths_are_those_of_the_literature() {
    assert_eq!(lenet5().depth(), 13);
    assert_eq!(respoly().depth(), 11);
    let names: Vec<_> = respoly().parameters().into_iter().map(|(name, _)| name).collect();
    assert!(names.contains(&"down1.bn.running_var".to_owned()), "{names:?}");
    assert!(!names.contains(&"stem.conv.bias".to_owned()));
}

/// A batch norm that nothing beside it absorbs.
#[he_nn::model(input = [8, 4, 4], depth = 5)]
fn settles(x: Tensor, w: Weights) -> Tensor {
    let x = batch_norm2d(square(x), w.at("bn"));
    let pooled = avg_pool2d(x, 2);
    let x = square(pooled);
    x * x + scale(x, 0.5)
}

#[test]
fn maps_wait_until_a_consumer_cannot_absorb_them() {
    let steps: Vec<_> = settles()
        .nodes()
        .iter()
        .map(|node| (node.op.name(), node.spent, node.form))
        .collect();
    let settle = Op::Settle.name();
    assert_eq!(
        steps,
        [
            ("input", 0, Form::Plain),
            ("square", 1, Form::Plain),
            ("batch_norm2d", 0, Form::PendingChannel),
            ("avg_pool2d", 0, Form::PendingChannel),
            (settle, 1, Form::Plain),
            ("square", 1, Form::Plain),
            ("mul", 1, Form::Plain),
            ("scale", 0, Form::Factor),
            (settle, 1, Form::Plain),
            ("add", 0, Form::Plain),
        ]
    );
    assert_eq!(settles().depth(), 4);
}

#[he_nn::activation(degree = 7, range = 5.0)]
fn mish(x: f64) -> f64 {
    x * ((1.0 + x.exp()).ln()).tanh()
}

/// Several inputs and outputs, a tensor of the server's, a function of the user's, operators.
#[he_nn::model(image = [16, 8], mask = [8], depth = 4, range = 2.0)]
fn two_ends(image: Tensor, mask: Tensor, w: Weights) -> (Tensor, Tensor) {
    let table = w.at("emb").param("pos", [16, 8]);
    let shifted = image + table * table;
    let y = -(shifted * mask) * 0.25;
    (mish(y), y - table)
}

#[test]
fn ports_are_named_and_the_servers_tensors_cost_nothing() {
    let model = two_ends();
    let inputs: Vec<_> = model
        .inputs()
        .iter()
        .map(|input| (input.name, input.range))
        .collect();
    assert_eq!(inputs, [("image", 2.0), ("mask", 2.0)]);
    let outputs: Vec<_> = model
        .outputs()
        .iter()
        .map(|output| (output.name, model.node(output.node).depth))
        .collect();
    assert_eq!(outputs, [("output0", 4), ("output1", 1)]);
    let table = &model.nodes()[3];
    assert!(matches!(table.op, Op::Mul) && !table.encrypted && table.spent == 0);
    assert_eq!(
        model.parameters(),
        [("emb.pos".to_owned(), he_nn::graph::Shape::new(&[16, 8]))]
    );
    let Some(Function::Custom { name, call }) = model.nodes().iter().find_map(|node| match node.op {
        Op::Activation(activation) => Some(activation.function),
        _ => None,
    }) else {
        panic!("the activation is recorded as the user's");
    };
    assert_eq!(name, "mish");
    assert!((call(1.0) - 0.865_098_388_267_310_3).abs() < 1e-12);
}

/// Loops in every direction.
#[he_nn::block]
fn loops(x: Tensor, w: Weights) -> Tensor {
    let mut x = x;
    for i in (0..10).rev().step_by(3) {
        x = linear(x, w.at("down").idx(i), Linear::out(4));
    }
    for i in (1..=7usize).step_by(2) {
        if i == 3 {
            continue;
        }
        x = linear(x, w.at("up").idx(i), Linear::out(4));
    }
    for i in (0..=2).rev() {
        x = linear(x, w.at("back").idx(i), Linear::out(4));
    }
    for i in 3..3 {
        x = linear(x, w.at("never").idx(i), Linear::out(4));
    }
    'outer: for name in ["a", "b"] {
        for i in 0..3 {
            if i == 2 {
                continue 'outer;
            }
            x = linear(x, w.at(name).suffix(i), Linear::out(4));
        }
    }
    x
}

#[he_nn::model(input = [4], bootstrap)]
fn walks(x: Tensor, w: Weights) -> Tensor {
    loops(x, w)
}

#[test]
fn loops_turn_as_in_rust() {
    let mut expected: Vec<String> = (0..10).rev().step_by(3).map(|i| format!("down.{i}")).collect();
    expected.extend([1, 5, 7].map(|i| format!("up.{i}")));
    expected.extend([2, 1, 0].map(|i| format!("back.{i}")));
    expected.extend(["a0", "a1", "b0", "b1"].map(str::to_owned));
    let found: Vec<_> = walks()
        .nodes()
        .iter()
        .skip(1)
        .map(|node| node.label().to_owned())
        .collect();
    assert_eq!(found, expected);
    assert_eq!(walks().budget(), he_nn::graph::Budget::Bootstrap);
}
