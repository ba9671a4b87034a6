//! The depth contract: whatever packing the search returns, the program spends no more levels than the graph's rule counted, and
//! computes what the graph says. For every layer the planner supports, on tiles of 2^4 to 2^12 slots.

use rayon::prelude::*;

use super::trial::{Tally, attempt};
use crate::affine::tests::model;
use crate::layer::*;
use crate::model::Model;

type Case = (String, &'static Model);

fn case(
    name: impl Into<String>,
    input: &[usize],
    body: impl FnOnce(crate::Tensor<'static>, crate::Weights<'static>) -> crate::Tensor<'static>,
) -> Case {
    (name.into(), model(input, body))
}

fn dense() -> Vec<Case> {
    let layer = |inputs: usize, outputs: usize| {
        case(format!("dense {inputs} to {outputs}"), &[inputs], |x, w| {
            linear(x, w.at("a"), Linear::out(outputs))
        })
    };
    let mut cases = vec![
        layer(12, 5),
        layer(5, 12),
        layer(33, 7),
        layer(16, 16),
        layer(1, 3),
        layer(9, 1),
    ];
    cases.push(case("dense twice", &[10], |x, w| {
        linear(
            square(linear(x, w.at("a"), Linear::out(6))),
            w.at("b"),
            Linear::out(4).bias(false),
        )
    }));
    cases
}

fn convolutions() -> Vec<Case> {
    let mut cases = vec![];
    for (kernel, stride, padding) in [
        (1, 1, 0),
        (2, 2, 0),
        (3, 1, 0),
        (3, 1, 1),
        (3, 2, 0),
        (3, 2, 1),
        (3, 3, 1),
        (5, 1, 2),
        (2, 1, 1),
        (1, 1, 1),
    ] {
        let options = Conv2d::out(3).kernel(kernel).stride(stride).padding(padding);
        cases.push(case(
            format!("convolution {kernel}, stride {stride}, padding {padding}"),
            &[2, 6, 5],
            |x, w| conv2d(x, w.at("a"), options),
        ));
    }
    let uneven = Conv2d::out(2).kernel_hw(1, 3).stride_hw(2, 1).padding_hw(0, 1);
    cases.push(case("uneven convolution", &[1, 5, 6], |x, w| {
        conv2d(x, w.at("a"), uneven)
    }));
    for (first, second) in [(1, 1), (2, 1), (1, 2), (2, 2)] {
        let options = |out, stride| Conv2d::out(out).kernel(3).stride(stride).padding(1);
        cases.push(case(
            format!("convolutions of strides {first} and {second}"),
            &[1, 8, 8],
            |x, w| {
                conv2d(
                    square(conv2d(x, w.at("a"), options(2, first))),
                    w.at("b"),
                    options(3, second),
                )
            },
        ));
    }
    cases.push(case("convolution, flatten, dense", &[2, 4, 6], |x, w| {
        let x = conv2d(x, w.at("a"), Conv2d::out(3).kernel(3));
        linear(flatten(square(x)), w.at("b"), Linear::out(5))
    }));
    cases
}

fn pools() -> Vec<Case> {
    let mut cases = vec![
        case("average 2", &[2, 6, 4], |x, _| avg_pool2d(x, 2)),
        case("average 3 with padding", &[1, 6, 6], |x, _| {
            avg_pool2d_with(
                x,
                AvgPool2d::kernel(3).stride(2).padding(1).count_include_pad(false),
            )
        }),
        case("average, rounded up", &[1, 5, 5], |x, _| {
            avg_pool2d_with(x, AvgPool2d::kernel(2).ceil(true))
        }),
        case("sum 2, stride 1", &[2, 4, 4], |x, _| {
            sum_pool2d_with(x, SumPool2d::kernel(2).stride(1))
        }),
        case("adaptive average", &[2, 5, 7], |x, _| {
            adaptive_avg_pool2d(x, [2, 3])
        }),
        case("subsample", &[2, 6, 6], |x, _| subsample2d(x, 2)),
        case("sum over an axis", &[3, 4], |x, _| sum(x, 1)),
        case("mean over an axis", &[3, 4], |x, _| mean(x, 0)),
    ];
    for stride in [1, 2] {
        cases.push(case(
            format!("average behind a convolution of stride {stride}"),
            &[1, 8, 8],
            |x, w| {
                let x = conv2d(x, w.at("a"), Conv2d::out(2).kernel(3).padding(1).stride(stride));
                let x = avg_pool2d(square(x), 2);
                linear(flatten(x), w.at("b"), Linear::out(4))
            },
        ));
        cases.push(case(
            format!("sum behind a convolution of stride {stride}"),
            &[1, 8, 8],
            |x, w| {
                let x = conv2d(x, w.at("a"), Conv2d::out(2).kernel(3).padding(1).stride(stride));
                sum_pool2d_with(square(x), SumPool2d::kernel(2))
            },
        ));
    }
    cases.push(case("convolution behind an average", &[1, 8, 8], |x, w| {
        let x = square(conv2d(x, w.at("a"), Conv2d::out(2).kernel(3).padding(1)));
        conv2d(avg_pool2d(x, 2), w.at("b"), Conv2d::out(3).kernel(2))
    }));
    cases
}

fn activations() -> Vec<Case> {
    let mut cases = vec![
        case("square", &[7], |x, _| square(x)),
        case("square of an image", &[2, 3, 3], |x, _| square(x)),
    ];
    for degree in 1..=7 {
        cases.push(case(format!("polynomial {degree}"), &[6], |x, w| {
            polynomial(x, w.at("p"), degree)
        }));
        cases.push(case(format!("polynomial {degree} behind dense"), &[6], |x, w| {
            polynomial(linear(x, w.at("a"), Linear::out(5)), w.at("p"), degree)
        }));
        cases.push(case(
            format!("polynomial {degree} between convolutions"),
            &[1, 5, 5],
            |x, w| {
                let x = polynomial(conv2d(x, w.at("a"), Conv2d::out(2).kernel(2)), w.at("p"), degree);
                conv2d(x, w.at("b"), Conv2d::out(2).kernel(2))
            },
        ));
    }
    cases
}

fn pairs() -> Vec<Case> {
    let conv = || Conv2d::out(2).kernel(3).padding(1);
    vec![
        case("double", &[6], |x, _| add(x, x)),
        case("product with itself", &[6], |x, _| mul(x, x)),
        case("difference of dense layers", &[6], |x, w| {
            sub(
                linear(x, w.at("a"), Linear::out(4)),
                linear(x, w.at("b"), Linear::out(4)),
            )
        }),
        case("product of dense layers", &[6], |x, w| {
            mul(
                linear(x, w.at("a"), Linear::out(4)),
                linear(x, w.at("b"), Linear::out(4)),
            )
        }),
        case("skip over a square", &[6], |x, w| {
            let x = linear(x, w.at("a"), Linear::out(4));
            add(x, square(x))
        }),
        case("skip over a dense layer", &[6], |x, w| {
            add(x, linear(x, w.at("a"), Linear::out(6)))
        }),
        case("skip over a convolution", &[2, 4, 4], |x, w| {
            add(conv2d(x, w.at("a"), conv()), x)
        }),
        case("skip over two convolutions", &[2, 4, 4], |x, w| {
            let y = square(conv2d(x, w.at("a"), conv()));
            sub(conv2d(y, w.at("b"), conv()), x)
        }),
        case("gate", &[2, 4, 4], |x, w| mul(x, conv2d(x, w.at("a"), conv()))),
        case("plus a parameter", &[5], |x, w| add(x, w.param("p", [5]))),
        case("parameter minus", &[5], |x, w| sub(w.param("p", [1]), square(x))),
        case("times a parameter", &[2, 3, 3], |x, w| {
            mul(x, w.param("p", [2, 1, 1]))
        }),
    ]
}

fn views() -> Vec<Case> {
    vec![
        case("flatten", &[2, 3, 3], |x, _| flatten(x)),
        case("permute, convolution", &[4, 2, 4], |x, w| {
            conv2d(permute(x, [1, 0, 2]), w.at("a"), Conv2d::out(2).kernel(3))
        }),
        case("transpose, dense", &[3, 4], |x, w| {
            linear(transpose(x, 0, 1), w.at("a"), Linear::out(2))
        }),
        case("slice, dense", &[9], |x, w| {
            linear(slice(x, 0, 2, 7), w.at("a"), Linear::out(3))
        }),
        case("slices added", &[8], |x, _| {
            add(slice(x, 0, 0, 4), slice(x, 0, 4, 8))
        }),
        case("concat, dense", &[4], |x, w| {
            linear(concat([x, square(x)], 0), w.at("a"), Linear::out(3))
        }),
        case("concat", &[4], |x, _| concat([x, square(x)], 0)),
        case("new channels, convolution", &[2, 4, 4], |x, w| {
            conv2d(pad_channels(square(x), 1), w.at("a"), Conv2d::out(2).kernel(3))
        }),
        case("new channels", &[1, 3, 3], |x, _| pad_channels(x, 2)),
        case("reshape, convolution", &[16], |x, w| {
            conv2d(reshape(x, [1, 4, 4]), w.at("a"), Conv2d::out(2).kernel(2))
        }),
    ]
}

fn elementwise() -> Vec<Case> {
    vec![
        case("batch norm", &[6], |x, w| batch_norm1d(x, w.at("b"))),
        case("batch norm behind dense", &[6], |x, w| {
            batch_norm1d(linear(x, w.at("a"), Linear::out(5)), w.at("b"))
        }),
        case("batch norm of an image", &[3, 4, 4], |x, w| {
            batch_norm2d(x, w.at("b"))
        }),
        case("batch norm behind a convolution", &[2, 5, 5], |x, w| {
            batch_norm2d(conv2d(x, w.at("a"), Conv2d::out(2).kernel(3)), w.at("b"))
        }),
        case("batch norm behind a square", &[2, 4, 4], |x, w| {
            batch_norm2d(square(x), w.at("b"))
        }),
        case("normalise", &[2, 4, 4], |x, _| {
            normalize(x, &[0.5, 0.4], &[0.2, 0.3])
        }),
        case("normalise, convolution", &[2, 4, 4], |x, w| {
            conv2d(
                normalize(x, &[0.5, 0.4], &[0.2, 0.3]),
                w.at("a"),
                Conv2d::out(2).kernel(3).padding(1),
            )
        }),
        case("standardise", &[7], |x, w| standardize(x, w.at("s"))),
        case("standardise, dense", &[7], |x, w| {
            linear(standardize(x, w.at("s")), w.at("a"), Linear::out(3))
        }),
        case("scale", &[7], |x, _| scale(x, -0.5)),
        case("scale of a square", &[2, 3, 3], |x, _| scale(square(x), 1.5)),
    ]
}

/// Tries all cases on all sizes, with a polynomial for each channel in batches of two; at most `unpacked_max`
/// trials find no packing: operands that stand in different slots, windows that are cut off at the border.
fn hold(cases: Vec<Case>, unpacked_max: usize) {
    let trials: Vec<(&Case, u32, u32)> = cases
        .iter()
        .flat_map(|case| (4..=12).flat_map(move |log_slots| [1, 2, 8].map(|batch| (case, log_slots, batch))))
        .collect();
    let outcome = |&(case, log_slots, batch): &(&Case, u32, u32)| {
        let seed = 100 * u64::from(log_slots) + u64::from(batch);
        (
            format!("{} in 2^{log_slots} slots, batch {batch}", case.0),
            attempt(case.1, seed, batch == 2, 1 << log_slots, batch),
        )
    };
    let outcomes: Vec<_> = trials.par_iter().map(outcome).collect();
    let mut tally = Tally::default();
    outcomes
        .into_iter()
        .for_each(|(name, outcome)| tally.add(&name, outcome));
    tally.assert_right();
    assert!(
        tally.unpacked() <= unpacked_max,
        "{} trials without a packing",
        tally.unpacked()
    );
}

#[test]
fn dense_layers_spend_their_levels() {
    hold(dense(), 0);
}

#[test]
fn convolutions_spend_their_levels() {
    hold(convolutions(), 26);
}

#[test]
fn pools_spend_their_levels() {
    hold(pools(), 52);
}

#[test]
fn activations_spend_their_levels() {
    hold(activations(), 0);
}

#[test]
fn pairs_spend_their_levels() {
    hold(pairs(), 0);
}

#[test]
fn views_spend_their_levels() {
    hold(views(), 81);
}

#[test]
fn elementwise_layers_spend_their_levels() {
    hold(elementwise(), 0);
}
