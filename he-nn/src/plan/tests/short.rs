//! Every network of three layers from a list, behind a convolution and without: neither the stages nor the steps spend more
//! levels than the graph's rule counted. What a random search meets once in thousands of networks, this finds each time.

use crate::affine::Stages;
use crate::affine::tests::{difference, model};
use crate::clear::Ranges;
use crate::layer::*;
use crate::plan::translate::translate;
use crate::{Model, Tensor, Weights};

/// A layer, left out where the shape does not allow it; `kept` holds earlier tensors for skips.
type Step = for<'t> fn(Tensor<'t>, &[Tensor<'t>], Weights<'t>) -> Tensor<'t>;

fn wide(x: Tensor<'_>) -> bool {
    x.rank() == 3 && x.height() >= 2 && x.width() >= 2
}

fn same<'t>(x: Tensor<'t>, kept: &[Tensor<'t>]) -> Option<Tensor<'t>> {
    kept.iter().rev().find(|t| t.shape() == x.shape()).copied()
}

fn conv<'t>(x: Tensor<'t>, w: Weights<'t>) -> Tensor<'t> {
    conv2d(x, w.at("conv"), Conv2d::out(2).kernel(2).padding(1))
}

const STEPS: &[(&str, Step)] = &[
    ("conv", |x, _, w| if wide(x) { conv(x, w) } else { x }),
    ("linear", |x, _, w| {
        if x.rank() < 3 {
            linear(x, w.at("fc"), Linear::out(3))
        } else {
            x
        }
    }),
    ("average", |x, _, _| if wide(x) { avg_pool2d(x, 2) } else { x }),
    ("overlapping sum", |x, _, _| {
        if wide(x) {
            sum_pool2d_with(x, SumPool2d::kernel(2).stride(1).padding(1))
        } else {
            x
        }
    }),
    ("batch norm", |x, _, w| match x.rank() {
        3 => batch_norm2d(x, w.at("bn")),
        _ => batch_norm1d(x, w.at("bn")),
    }),
    ("standardize", |x, _, w| standardize(x, w.at("scaler"))),
    ("scale", |x, _, _| scale(x, -0.5)),
    ("minus", |x, _, _| scale(x, -1.0)),
    ("flatten", |x, _, _| flatten(x)),
    (
        "permute",
        |x, _, _| {
            if x.rank() == 3 { permute(x, [2, 0, 1]) } else { x }
        },
    ),
    ("pad", |x, _, _| {
        if x.rank() == 3 && x.channels() < 4 {
            pad_channels(x, 1)
        } else {
            x
        }
    }),
    ("subsample", |x, _, _| if wide(x) { subsample2d(x, 2) } else { x }),
    ("slice", |x, _, _| slice(x, 0, 0, x.dim(0).div_ceil(2))),
    (
        "concat",
        |x, _, _| {
            if x.elements() < 60 { concat([x, x], 0) } else { x }
        },
    ),
    ("skip", |x, kept, _| add(x, same(x, kept).unwrap_or(x))),
    ("mul", |x, kept, _| mul(x, same(x, kept).unwrap_or(x))),
    ("shift", |x, _, w| {
        let w = w.at("shift");
        let c = x.dim(0);
        match x.rank() {
            3 => add(x, w.param("p", [c, 1, 1])),
            2 => add(x, w.param("p", [c, 1])),
            _ => add(x, w.param("p", [c])),
        }
    }),
    ("gain", |x, _, w| mul(x, w.param("gain", [1]))),
    ("sum", |x, _, _| if x.rank() > 1 { sum(x, 0) } else { x }),
    ("mean", |x, _, _| if x.rank() > 1 { mean(x, 1) } else { x }),
    ("square", |x, _, _| square(x)),
    ("quadratic", |x, _, w| polynomial(x, w.at("act"), 2)),
    ("cubic", |x, _, w| polynomial(x, w.at("act"), 3)),
    ("quartic", |x, _, w| polynomial(x, w.at("act"), 4)),
    ("gelu", |x, _, _| gelu(x, Approx::degree(4).range(3.0))),
];

fn network(steps: &[Step], behind_convolution: bool) -> &'static Model {
    model(&[2, 3, 4], |mut x, w| {
        if behind_convolution {
            x = conv(x, w.at("first"));
        }
        let mut kept = vec![x];
        for (i, step) in steps.iter().enumerate() {
            x = step(x, &kept, w.at("layer").idx(i));
            kept.push(x);
        }
        scale(x, 2.0)
    })
}

#[test]
fn short_networks_spend_their_levels() {
    let mut wrong = vec![];
    let (mut tried, mut compared) = (0, 0);
    for (i, &(a, first)) in STEPS.iter().enumerate() {
        for (j, &(b, second)) in STEPS.iter().enumerate() {
            for (k, &(c, third)) in STEPS.iter().enumerate() {
                for behind_convolution in [false, true] {
                    let model = network(&[first, second, third], behind_convolution);
                    let ranges = Ranges::assumed(model, 4.0);
                    let stages = Stages::new(model, Some(&ranges)).expect("intervals are known");
                    let (folded, declared) = (stages.depth(), model.depth());
                    let spent = translate(&stages, Some(&ranges)).network.depth();
                    tried += 1;
                    if folded.max(spent) > declared {
                        let front = if behind_convolution { "conv, " } else { "" };
                        wrong.push(format!(
                            "{front}{a}, {b}, {c}: {folded} and {spent} levels of {declared}"
                        ));
                    }
                    // A fitted function differs by its fit.
                    if (i + j + k) % 20 == 0 && ![a, b, c].contains(&"gelu") {
                        let difference = difference(model, tried, true);
                        assert!(difference < 1e-9, "{a}, {b}, {c}: {difference}");
                        compared += 1;
                    }
                }
            }
        }
    }
    eprintln!("{tried} networks, {compared} of them run");
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
}
