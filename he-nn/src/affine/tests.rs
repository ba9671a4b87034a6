//! Stages against the unlowered graph: random networks with random weights, and the folds that matter by hand.

use super::{Kind, Pattern, Stages};
use crate::checkpoint::{Checkpoint, TensorData};
use crate::clear::{Ranges, Session};
use crate::graph::{Budget, Node, NodeId, Survey, Tensor, Trace, Weights};
use crate::layer::*;
use crate::model::{Input, Model, Output};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use std::cell::Cell;
use std::hash::{BuildHasher, RandomState};

/// A model made at run time; the tensor returned must be the last one recorded. Leaks, as tests may.
pub(crate) fn model(
    input: &[usize],
    body: impl FnOnce(Tensor<'static>, Weights<'static>) -> Tensor<'static>,
) -> &'static Model {
    let cells: &'static [Cell<Node>] = Box::leak(Box::new(Trace::cells::<256>()));
    let survey = Survey {
        nodes: cells.len(),
        depth: 0,
    };
    let trace = Box::leak(Box::new(Trace::record_into(cells, Budget::Depth(10_000), survey)));
    let x = trace.input(0, input);
    let y = body(x, trace.weights());
    let Survey { nodes, depth } = trace.surveyed([y]);
    let nodes: &'static [Node] = cells[..nodes].iter().map(Cell::get).collect::<Vec<_>>().leak();
    let inputs = vec![Input {
        name: "x",
        node: NodeId(0),
        range: 1.0,
    }]
    .leak();
    let outputs = vec![Output {
        name: "output",
        node: NodeId(nodes.len() as u32 - 1),
    }]
    .leak();
    Box::leak(Box::new(Model::new(
        "random",
        inputs,
        outputs,
        nodes,
        Budget::Depth(depth),
        depth,
        None,
    )))
}

/// Uniform numbers in [-1, 1] (splitmix64, Steele et al. 2014).
pub(crate) struct Numbers(pub(crate) u64);

impl Numbers {
    pub(crate) fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ z >> 31) >> 11) as f64 / f64::from(1u32 << 31) / f64::from(1u32 << 21) - 1.0
    }
}

/// Weights that keep values of order one; polynomials have a row for each channel where `per_channel` says so.
pub(crate) fn weights(model: &Model, seed: u64, per_channel: bool) -> Checkpoint {
    let mut numbers = Numbers(seed);
    Checkpoint::from_tensors(model.manifest().parameters.into_iter().map(|p| {
        let shape = p.or_shape.filter(|_| per_channel).unwrap_or(p.shape);
        let fan_in: usize = shape[1..].iter().product();
        let positive = p.name.ends_with("var") || p.name.ends_with("scale");
        let value = |x: f64| {
            if positive {
                1.0 + 0.5 * x
            } else {
                x / (fan_in.max(1) as f64).sqrt()
            }
        };
        let values = (0..shape.iter().product())
            .map(|_| value(numbers.next()) as f32)
            .collect();
        (p.name, TensorData::new(&shape, values).unwrap())
    }))
}

/// Numbers for a model's only input: so many samples, one after the other.
pub(crate) fn inputs(model: &Model, seed: u64, samples: usize) -> Vec<f32> {
    let mut numbers = Numbers(seed);
    let elements = model.node(NodeId(0)).shape.elements();
    (0..samples * elements).map(|_| numbers.next() as f32).collect()
}

/// Where random cases start: `SEED` of the environment, or anew each time. Printed, so that a failure can be repeated.
pub(crate) fn fresh_seed() -> u64 {
    let given = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = given.unwrap_or_else(|| RandomState::new().hash_one(0));
    eprintln!("SEED={seed} repeats these cases");
    seed
}

/// The largest difference of outputs between stages and graph, relative to the largest value anywhere.
pub(crate) fn difference(model: &'static Model, seed: u64, per_channel: bool) -> f64 {
    let checkpoint = weights(model, seed, per_channel);
    let input = inputs(model, !seed, 1);
    let x: Vec<f64> = input.iter().map(|&x| f64::from(x)).collect();
    let nodes = Session::new(model, &checkpoint)
        .unwrap()
        .sample(std::slice::from_ref(&x))
        .unwrap();
    let expected = &nodes[model.outputs()[0].node.index()];
    let ranges = model.calibrate(&checkpoint, &input).unwrap();
    let stages = Stages::new(model, Some(&ranges)).unwrap();
    assert!(
        stages.depth() <= model.depth(),
        "depth {} of {}\n{stages}",
        stages.depth(),
        model.depth()
    );
    let found = &stages.load(&checkpoint).unwrap().outputs(&[&x]).unwrap()[0];
    assert_eq!(found.len(), expected.len());
    let largest = nodes.iter().flatten().fold(1.0, |m: f64, v| m.max(v.abs()));
    expected
        .iter()
        .zip(found)
        .fold(0.0, |m: f64, (a, b)| m.max((a - b).abs()))
        / largest
}

/// One random step; `kept` holds earlier tensors for skips.
pub(crate) fn step<'t>(
    x: Tensor<'t>,
    kept: &mut Vec<Tensor<'t>>,
    w: Weights<'t>,
    choice: u32,
    option: usize,
) -> Tensor<'t> {
    let image = x.rank() == 3;
    let small = x.rank() <= 2;
    let wide = image && x.height() >= 2 && x.width() >= 2;
    let same = kept.iter().rev().find(|t| t.shape() == x.shape()).copied();
    let first = x.dim(0);
    match choice % 24 {
        0 | 1 if wide => {
            let kernel = 1 + option % 2;
            let options = Conv2d::out(1 + option % 3).kernel(kernel).stride(1 + option % 2);
            conv2d(
                x,
                w.at("conv"),
                options.padding(option % kernel).bias(!option.is_multiple_of(5)),
            )
        }
        0 | 1 if small => linear(
            x,
            w.at("fc"),
            Linear::out(1 + option % 4).bias(option.is_multiple_of(2)),
        ),
        2 => square(x),
        3 if image => batch_norm2d(x, w.at("bn")),
        3 | 4 if small => batch_norm1d(x, w.at("bn")),
        4 if wide => avg_pool2d_with(
            x,
            AvgPool2d::kernel(2)
                .padding(option % 2)
                .ceil(option.is_multiple_of(3))
                .count_include_pad(option > 5),
        ),
        5 if wide => sum_pool2d_with(x, SumPool2d::kernel(2).stride(1 + option % 2).padding(option % 2)),
        6 if wide => adaptive_avg_pool2d(x, [1 + option % 2, 2]),
        7 => standardize(x, w.at("scaler")),
        8 => scale(x, if option.is_multiple_of(2) { -0.5 } else { 1.5 }),
        9 => flatten(x),
        10 if image => permute(x, [[0, 2, 1], [2, 0, 1], [1, 0, 2]][option % 3]),
        10 if x.rank() == 2 => transpose(x, 0, 1),
        11 if image && first <= 3 => pad_channels(x, 1),
        12 if wide => subsample2d(x, 2),
        13 => slice(x, x.rank() - 1, 0, x.dim(x.rank() - 1).div_ceil(2)),
        14 if x.elements() < 200 => concat([x, same.unwrap_or(x)], option % x.rank()),
        15 => match same {
            Some(y) if option.is_multiple_of(2) => add(x, y),
            Some(y) => sub(y, x),
            None => add(x, x),
        },
        16 => mul(x, same.unwrap_or(x)),
        17 => add(
            x,
            w.param("shift", [first, 1, 1].map(|d| if image { d } else { 1 })),
        ),
        18 => sub(w.param("shift", [1]), x),
        19 => mul(x, w.param("gain", [1])),
        20 if x.rank() > 1 => sum(x, option % x.rank()),
        21 if x.rank() > 1 => mean(x, option % x.rank()),
        22 => polynomial(x, w.at("act"), [1, 2, 2, 3, 4, 5, 8][option % 7]),
        23 => reshape(x, [1, 1, x.elements()]),
        _ => {
            kept.push(x);
            x
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, rng_seed: RngSeed::Fixed(fresh_seed()), ..ProptestConfig::default() })]

    /// Folding changes no value and spends no more levels than the graph's rule.
    #[test]
    fn stages_compute_what_the_graph_says(
        steps in prop::collection::vec((0u32..24, 0usize..12), 1..14),
        shape in prop::sample::select(vec![vec![2, 5, 4], vec![1, 4, 4], vec![3, 4], vec![6]]),
        seed in any::<u64>(),
        per_channel in any::<bool>(),
    ) {
        let model = model(&shape, |mut x, w| {
            let mut kept = vec![x];
            for (i, &(choice, option)) in steps.iter().enumerate() {
                x = step(x, &mut kept, w.at("layer").idx(i), choice, option);
            }
            scale(x, 2.0)
        });
        let difference = difference(model, seed, per_channel);
        prop_assert!(difference < 1e-9, "{}", difference);
    }
}

fn kinds(stages: &Stages) -> Vec<&'static str> {
    stages.list().iter().map(|stage| stage.kind.name()).collect()
}

fn pinned(model: &'static Model) -> Stages {
    Stages::new(model, Some(&Ranges::assumed(model, 4.0))).unwrap()
}

#[test]
fn normalisation_batch_norm_and_pooling_cost_nothing_beside_convolutions() {
    let model = model(&[3, 8, 8], |x, w| {
        let x = normalize(x, &[0.5, 0.4, 0.3], &[0.2, 0.3, 0.4]);
        let x = conv2d(x, w.at("conv1"), Conv2d::out(4).kernel(3).padding(1).bias(false));
        let x = square(batch_norm2d(x, w.at("bn1")));
        let x = flatten(avg_pool2d(x, 2));
        linear(x, w.at("fc"), Linear::out(5))
    });
    let stages = pinned(model);
    assert_eq!(
        kinds(&stages),
        ["input", "affine", "square", "sum", "affine", "output"]
    );
    assert_eq!((stages.depth(), model.depth()), (3, 3));
    // Per-channel maps keep the taps of the convolution shared.
    let Kind::Affine(conv) = &stages.list()[1].kind else {
        panic!()
    };
    assert!(matches!(conv.pattern, Pattern::Conv2d { .. }));
    assert!(difference(model, 7, false) < 1e-12);
}

#[test]
fn a_quadratic_behind_a_convolution_is_one_product() {
    let model = model(&[2, 4, 4], |x, w| {
        let x = conv2d(x, w.at("conv"), Conv2d::out(3).kernel(3).padding(1));
        polynomial(batch_norm2d(x, w.at("bn")), w.at("act"), 2)
    });
    let stages = pinned(model);
    assert_eq!(
        kinds(&stages),
        ["input", "affine", "affine", "multiply", "shift", "output"]
    );
    assert_eq!((stages.depth(), model.depth()), (2, 2));
    for per_channel in [false, true] {
        assert!(difference(model, 3, per_channel) < 1e-12);
    }
}

#[test]
fn powers_of_two_save_a_level_behind_a_layer() {
    for (degree, depth) in [(4, 3), (8, 4), (16, 5)] {
        let model = model(&[6], |x, w| {
            polynomial(linear(x, w.at("fc"), Linear::out(4)), w.at("act"), degree)
        });
        assert_eq!((pinned(model).depth(), model.depth()), (depth, depth));
        for per_channel in [false, true] {
            assert!(difference(model, 11, per_channel) < 1e-12, "degree {degree}");
        }
    }
}

/// Arguments of the polynomials above degree 3.
fn arguments(stages: &Stages) -> Vec<f64> {
    let argument = |stage: &super::Stage| match stage.kind {
        Kind::Polynomial { degree, argument, .. } if degree > 3 => Some(argument),
        _ => None,
    };
    stages.list().iter().filter_map(argument).collect()
}

#[test]
fn a_sum_is_held_at_the_factor_that_polynomials_want() {
    let model = model(&[4], |x, w| {
        let layer = |x, name| linear(x, w.at(name), Linear::out(4));
        let x = polynomial(layer(x, "fc1"), w.at("act1"), 5);
        let y = batch_norm1d(layer(x, "fc2"), w.at("bn"));
        let x = polynomial(add(y, x), w.at("act2"), 5);
        // The skip of the second block is read by a layer, by a sum and by the output.
        let x = polynomial(sub(x, layer(x, "fc3")), w.at("act3"), 6);
        add(x, w.param("shift", [4]))
    });
    let stages = pinned(model);
    assert_eq!(arguments(&stages), [1.0; 3]);
    assert_eq!(stages.depth(), model.depth());
    assert!(difference(model, 9, true) < 1e-12);
}

#[test]
fn what_is_squared_or_encrypted_keeps_its_values() {
    let model = model(&[4], |x, w| {
        let y = polynomial(x, w.at("act1"), 5);
        polynomial(add(square(y), y), w.at("act2"), 4)
    });
    // Inputs are within [-1, 1] already.
    assert_eq!(arguments(&pinned(model)), [1.0, 0.25]);
    assert!(difference(model, 9, true) < 1e-12);
}

#[test]
fn an_elementwise_map_unshares_the_taps_of_a_convolution() {
    let model = model(&[1, 4, 4], |x, w| {
        conv2d(
            standardize(x, w.at("s")),
            w.at("c"),
            Conv2d::out(1).kernel(3).padding(1),
        )
    });
    let stages = pinned(model);
    assert_eq!(kinds(&stages), ["input", "affine", "output"]);
    let Kind::Affine(conv) = &stages.list()[1].kind else {
        panic!()
    };
    assert!(matches!(conv.pattern, Pattern::Unshared { entries: 100, .. }));
    assert!(difference(model, 5, false) < 1e-12);
}

#[test]
fn a_fitted_activation_is_as_close_as_its_fit() {
    let approx = Approx::degree(7).range(4.0);
    let model = model(&[5], |x, w| gelu(linear(x, w.at("fc"), Linear::out(5)), approx));
    let error = difference(model, 1, false);
    assert!(error > 1e-9 && error < 0.05, "{error}");
    assert!(Stages::new(model, None).is_ok());
}

#[test]
fn a_polynomial_without_any_range_says_so() {
    let model = model(&[5], |x, w| polynomial(x, w.at("act"), 3));
    let text = Stages::new(model, None).unwrap_err().to_string();
    assert!(
        text.starts_with("`act` at ") && text.contains("has no range"),
        "{text}"
    );
}
