//! Plans of the bundled networks: the packed program, run in the clear, gives the stored logits.

use he_core::program::{Slots, clear};
use he_core::tile::layout::Cell;
use he_nn::lower::FilledWeights;
use he_nn::plan::{Goal, Plan};
use he_nn::prelude::*;
use he_nn::{Checkpoint, Model};
use safetensors::SafeTensors;

#[he_nn::model(input = [784], depth = 3)]
fn mlp_square(x: Tensor, w: Weights) -> Tensor {
    let x = square(linear(x, w.at("fc1"), Linear::out(128)));
    linear(x, w.at("fc2"), Linear::out(10))
}

#[he_nn::model(input = [1, 28, 28], depth = 5)]
fn crypto_nets(x: Tensor, w: Weights) -> Tensor {
    let x = square(conv2d(
        x,
        w.at("conv1"),
        Conv2d::out(5).kernel(5).stride(2).padding(1),
    ));
    let x = square(linear(flatten(x), w.at("fc1"), Linear::out(100)));
    linear(x, w.at("fc2"), Linear::out(10))
}

#[he_nn::model(input = [1, 28, 28], depth = 13)]
fn lenet5(x: Tensor, w: Weights) -> Tensor {
    let x = conv2d(x, w.at("conv1"), Conv2d::out(6).kernel(5).padding(2));
    let x = avg_pool2d(polynomial(x, w.at("act1"), 3), 2);
    let x = conv2d(x, w.at("conv2"), Conv2d::out(16).kernel(5));
    let x = avg_pool2d(polynomial(x, w.at("act2"), 3), 2);
    let x = polynomial(linear(flatten(x), w.at("fc1"), Linear::out(120)), w.at("act3"), 3);
    let x = polynomial(linear(x, w.at("fc2"), Linear::out(84)), w.at("act4"), 3);
    linear(x, w.at("fc3"), Linear::out(10))
}

/// One level short of the network's three.
const SHALLOW: Params = Params {
    log_n: 13,
    base: &[1125899906629633],
    levels: &[&[1073692673]],
    special: &[1125899905744897],
    log2_scale: 30.0,
    security: Security::Bits128,
}
.checked();

#[he_nn::model(input = [784], depth = 3, params = SHALLOW)]
fn pinned_too_shallow(x: Tensor, w: Weights) -> Tensor {
    let x = square(linear(x, w.at("fc1"), Linear::out(128)));
    linear(x, w.at("fc2"), Linear::out(10))
}

fn bundle(folder: &str) -> (Checkpoint, Vec<f32>, Vec<f32>) {
    let path = |file: &str| format!("{}/data/{folder}/{file}", env!("CARGO_MANIFEST_DIR"));
    let checkpoint = Checkpoint::open(path("model.safetensors")).unwrap();
    let bytes = std::fs::read(path("test.safetensors")).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let pixels = tensors
        .tensor("x")
        .unwrap()
        .data()
        .iter()
        .map(|&pixel| f32::from(pixel) / 255.0)
        .collect();
    let logits = tensors.tensor("logits").unwrap();
    let logits = logits
        .data()
        .chunks(4)
        .map(|b| f32::from_le_bytes(b.try_into().unwrap()))
        .collect();
    (checkpoint, pixels, logits)
}

/// Runs a plan's program on plain numbers for one sample.
fn run(plan: &Plan, checkpoint: &Checkpoint, sample: &[f32]) -> Vec<f64> {
    let spec = plan.client_spec();
    let slots = plan.chain().slots();
    let layout = spec.inputs[0].arrangement.layout(slots);
    let mut tiles = vec![vec![0.0; slots]; layout.tiles()];
    for (tile, slot, cell) in layout.cells() {
        if let Cell::Element(element) = cell
            && (element as usize) < sample.len()
        {
            tiles[tile][slot] = f64::from(sample[element as usize]);
        }
    }
    let weights = plan.weights(checkpoint).unwrap();
    let filled = FilledWeights::new(plan.recipes(), &weights);
    let inputs: Vec<Slots> = tiles.into_iter().map(Slots::from).collect();
    let outputs = clear::run(plan.program(), &filled, &[inputs]).unwrap();
    let port = &spec.outputs[0];
    port.places
        .iter()
        .map(|place| {
            place.map_or(0.0, |(tile, slot)| {
                outputs[0][tile as usize].get(slot as usize).re * port.factor
            })
        })
        .collect()
}

fn check(model: &'static Model, folder: &str) {
    let (checkpoint, pixels, logits) = bundle(folder);
    let elements = 784;
    let ranges = model.calibrate(&checkpoint, &pixels[..32 * elements]).unwrap();
    let plan = model.plan(&Goal::latency().ranges(&ranges)).unwrap();
    eprintln!("{plan}");
    assert!(plan.chain().top_level() as u32 <= model.depth());
    for sample in [0, 7, 50] {
        let found = run(
            &plan,
            &checkpoint,
            &pixels[sample * elements..(sample + 1) * elements],
        );
        for (found, expected) in found.iter().zip(&logits[sample * 10..]) {
            assert!(
                (found - f64::from(*expected)).abs() < 1e-4,
                "sample {sample}: {found} {expected}"
            );
        }
    }
}

#[test]
fn mlp_square_gives_the_stored_logits() {
    check(mlp_square(), "mlp_square_mnist");
}

#[test]
fn crypto_nets_gives_the_stored_logits() {
    check(crypto_nets(), "cryptonets_mnist");
}

#[test]
fn lenet5_gives_the_stored_logits() {
    check(lenet5(), "lenet5_poly3_mnist");
}

#[test]
fn pinned_parameters_are_used_or_refused_never_ignored() {
    let refused = pinned_too_shallow()
        .plan(&Goal::latency())
        .unwrap_err()
        .to_string();
    assert!(
        refused.starts_with("pinned parameters: found 1 levels, expected 3 levels"),
        "{refused}"
    );
}
