//! Packed programs compute what their networks mean.

mod choices;
mod depth;
mod encrypted;
mod polynomials;
mod random;
mod short;
mod trial;

use std::rc::Rc;
use std::time::Instant;

use he_core::program::ChainView;
use he_core::program::clear;
use he_core::tile::layout::Cell;

use super::cost::LevelShape;
use super::network::{Geometry, Network, Step, StepKind};
use super::packing::sparse::SparseMap;
use super::price::PriceTable;
use super::search::{Choice, SearchSettings, search};
use crate::lower::{FilledWeights, StepWeights, lower};

/// A network under construction, with random weights and a float reference.
#[derive(Default)]
struct Sketch {
    network: Network,
    weights: Vec<StepWeights>,
    seed: u64,
}

impl Sketch {
    fn random(&mut self) -> f64 {
        self.seed = self
            .seed
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (self.seed >> 40) as f64 / (1u64 << 24) as f64 - 0.5
    }

    fn push(&mut self, name: &str, kind: StepKind, elements: usize, weights: StepWeights) -> usize {
        self.network.steps.push(Step {
            name: name.to_owned(),
            kind,
            elements,
        });
        self.weights.push(weights);
        self.network.steps.len() - 1
    }

    fn input(&mut self, shape: &[u32]) -> usize {
        let kind = StepKind::Input {
            name: "x".to_owned(),
            shape: shape.to_vec(),
        };
        self.push(
            "x",
            kind,
            shape.iter().product::<u32>() as usize,
            StepWeights::default(),
        )
    }

    fn affine(&mut self, x: usize, map: SparseMap, taps: usize, geometry: Geometry) -> usize {
        let (rows, scale) = (map.rows(), (map.nonzeros() as f64 / map.rows() as f64).sqrt());
        let taps = (0..taps).map(|_| self.random() * 3.0 / scale).collect();
        let bias = (0..rows).map(|_| self.random()).collect();
        let weights = StepWeights {
            taps,
            series: vec![bias],
        };
        self.push(
            "affine",
            StepKind::Affine {
                x,
                map: Rc::new(map),
                geometry,
            },
            rows,
            weights,
        )
    }

    fn dense(&mut self, x: usize, outputs: usize) -> usize {
        let columns = self.network.steps[x].elements;
        let map = SparseMap::collect(outputs, columns, |visit| {
            for o in 0..outputs {
                for i in 0..columns {
                    visit(o as u32, i as u32, (o * columns + i) as u32);
                }
            }
        });
        self.affine(x, map, outputs * columns, Geometry::Dense)
    }

    fn conv(
        &mut self,
        x: usize,
        input: [u32; 3],
        out: u32,
        kernel: u32,
        stride: u32,
        padding: u32,
    ) -> (usize, [u32; 3]) {
        let size = |n: u32| (n + 2 * padding - kernel) / stride + 1;
        let (h, w) = (size(input[1]), size(input[2]));
        let map = SparseMap::collect(
            (out * h * w) as usize,
            input.iter().product::<u32>() as usize,
            |visit| {
                for (o, oy, ox) in each([out, h, w]) {
                    for (c, ky, kx) in each([input[0], kernel, kernel]) {
                        let (y, x) = (oy * stride + ky, ox * stride + kx);
                        if y >= padding && x >= padding && y - padding < input[1] && x - padding < input[2] {
                            let from = (c * input[1] + y - padding) * input[2] + x - padding;
                            visit(
                                (o * h + oy) * w + ox,
                                from,
                                ((o * input[0] + c) * kernel + ky) * kernel + kx,
                            );
                        }
                    }
                }
            },
        );
        let output = [out, h, w];
        let geometry = Geometry::Image {
            input,
            output,
            kernel: [kernel; 2],
            stride,
            padding,
        };
        (
            self.affine(x, map, (out * input[0] * kernel * kernel) as usize, geometry),
            output,
        )
    }

    fn pool(&mut self, x: usize, input: [u32; 3], size: u32) -> (usize, [u32; 3]) {
        let output = [input[0], input[1] / size, input[2] / size];
        let elements = output.iter().product::<u32>() as usize;
        let map = SparseMap::collect(elements, input.iter().product::<u32>() as usize, |visit| {
            for (c, oy, ox) in each(output) {
                for (_, ky, kx) in each([1, size, size]) {
                    let from = (c * input[1] + oy * size + ky) * input[2] + ox * size + kx;
                    visit((c * output[1] + oy) * output[2] + ox, from, 0);
                }
            }
        });
        (
            self.push(
                "pool",
                StepKind::WindowSum { x, map: Rc::new(map) },
                elements,
                StepWeights::default(),
            ),
            output,
        )
    }

    fn square(&mut self, x: usize) -> usize {
        let elements = self.network.steps[x].elements;
        self.push("square", StepKind::Square { x }, elements, StepWeights::default())
    }

    fn cubic(&mut self, x: usize) -> usize {
        let elements = self.network.steps[x].elements;
        let series = (0..4).map(|_| vec![self.random()]).collect();
        let kind = StepKind::Polynomial {
            x,
            degree: 3,
            per_element: false,
            unit: false,
        };
        self.push("cubic", kind, elements, StepWeights { taps: vec![], series })
    }

    fn reference(&self, input: &[f64]) -> Vec<Vec<f64>> {
        let mut values: Vec<Vec<f64>> = Vec::new();
        for (step, weights) in self.network.steps.iter().zip(&self.weights) {
            let value = match &step.kind {
                StepKind::Input { .. } => input.to_vec(),
                StepKind::Affine { x, map, .. } => (0..map.rows())
                    .map(|row| {
                        let sum: f64 = map
                            .row(row)
                            .iter()
                            .map(|e| weights.taps[e.tap as usize] * values[*x][e.input as usize])
                            .sum();
                        sum + weights.series[0][row]
                    })
                    .collect(),
                StepKind::WindowSum { x, map } => (0..map.rows())
                    .map(|row| map.row(row).iter().map(|e| values[*x][e.input as usize]).sum())
                    .collect(),
                StepKind::Square { x } => values[*x].iter().map(|v| v * v).collect(),
                StepKind::Polynomial { x, .. } => values[*x]
                    .iter()
                    .map(|v| weights.series.iter().rev().fold(0.0, |acc, c| acc * v + c[0]))
                    .collect(),
                _ => unreachable!("not sketched"),
            };
            values.push(value);
        }
        values
    }

    fn check(&mut self, slots: usize, batch: u32) {
        let last = self.network.steps.len() - 1;
        self.network.outputs = vec![("y".to_owned(), last)];
        let depth = self.network.depth();
        let shape = |spent: u32| LevelShape {
            degree: 2 * slots,
            limbs: (depth - spent + 1) as usize,
            dropped: 1,
            special: 1,
            digits: (depth - spent + 1) as usize,
            word_bytes: 8.0,
        };
        let settings = SearchSettings {
            slots,
            batch,
            prices: PriceTable::DEFAULT,
            key_byte: 0.005,
            beam: 4,
        };
        let start = Instant::now();
        let found = search(&self.network, &shape, &settings);
        let searched = start.elapsed();
        assert!(!found.packings.is_empty(), "nothing found: {:?}", found.rejected);
        let packing = &found.packings[0];
        for (step, (choice, layout)) in self
            .network
            .steps
            .iter()
            .zip(packing.choices.iter().zip(&packing.layouts))
        {
            match choice {
                Choice::Input { name, arrangement } => {
                    eprintln!("  input: {name} {:?} x{}", arrangement.slot_axes, layout.tiles())
                }
                Choice::Linear(l) => eprintln!(
                    "  {}: out {:?} fold {:?} copies {:?} -> {} diagonals, {} tiles, split {:?}, stages {:?}, {:.2} ms",
                    step.name,
                    l.candidate.out_bits,
                    l.candidate.fold_bits,
                    l.candidate.copy_bits,
                    l.diagonals.len(),
                    l.outputs,
                    l.split,
                    l.stages,
                    l.cost * 1e-6
                ),
                other => eprintln!(
                    "  {}: {} tiles {}",
                    step.name,
                    layout.tiles(),
                    matches!(other, Choice::Pointwise)
                ),
            }
        }
        let chain = ChainView::uniform(depth, 30.0);
        let lowered = lower(&self.network, packing, &chain).expect("lowers");
        eprintln!(
            "  {} tried, search {searched:?}, all {:?}, cost {:.2} ms, {} plaintexts",
            found.tried,
            start.elapsed(),
            packing.cost * 1e-6,
            lowered.recipes.len()
        );
        // One random input a sample.
        let elements = self.network.steps[0].elements;
        let inputs: Vec<Vec<f64>> = (0..batch)
            .map(|_| (0..elements).map(|_| self.random() + 0.5).collect())
            .collect();
        let layout = &packing.layouts[0];
        let tiles = (0..layout.tiles())
            .map(|tile| {
                (0..slots)
                    .map(|slot| match layout.cell(tile, slot) {
                        Cell::Element(e) => inputs[e as usize / elements][e as usize % elements],
                        _ => 0.0,
                    })
                    .collect::<Vec<f64>>()
            })
            .collect::<Vec<_>>();
        let filled = FilledWeights::new(&lowered.recipes, &self.weights);
        let outputs = clear::run(
            &lowered.program,
            &filled,
            &[tiles.into_iter().map(Into::into).collect()],
        )
        .expect("runs");
        let layout = &packing.layouts[last];
        let rows = self.network.steps[last].elements;
        let mut seen = vec![false; rows * batch as usize];
        for (sample, input) in inputs.iter().enumerate() {
            let expected = self.reference(input).pop().expect("steps");
            for (tile, output) in outputs[0].iter().enumerate() {
                for slot in 0..slots {
                    if let Cell::Element(e) = layout.cell(tile, slot)
                        && e as usize / rows == sample
                    {
                        seen[e as usize] = true;
                        let found = output.get(slot).re;
                        let want = expected[e as usize % rows];
                        assert!(
                            (found - want).abs() < 1e-9 * (1.0 + want.abs()),
                            "slot {slot}: {found} {want}"
                        );
                    }
                }
            }
        }
        assert!(seen.iter().all(|&seen| seen), "every output stands somewhere");
    }
}

fn each([a, b, c]: [u32; 3]) -> impl Iterator<Item = (u32, u32, u32)> {
    (0..a).flat_map(move |i| (0..b).flat_map(move |j| (0..c).map(move |k| (i, j, k))))
}

#[test]
fn mlp() {
    let mut net = Sketch::default();
    let x = net.input(&[784]);
    let h = net.dense(x, 128);
    let h = net.square(h);
    net.dense(h, 10);
    net.check(4096, 1);
}

#[test]
fn cryptonets() {
    let mut net = Sketch::default();
    let x = net.input(&[1, 28, 28]);
    let (h, _) = net.conv(x, [1, 28, 28], 5, 5, 2, 1);
    let h = net.square(h);
    let h = net.dense(h, 100);
    let h = net.square(h);
    net.dense(h, 10);
    net.check(4096, 1);
}

#[test]
fn lenet5_cubic() {
    let mut net = Sketch::default();
    let x = net.input(&[1, 28, 28]);
    let (h, s) = net.conv(x, [1, 28, 28], 6, 5, 1, 2);
    let h = net.cubic(h);
    let (h, s) = net.pool(h, s, 2);
    let (h, s) = net.conv(h, s, 16, 5, 1, 0);
    let h = net.cubic(h);
    let (h, _) = net.pool(h, s, 2);
    let h = net.dense(h, 120);
    let h = net.cubic(h);
    let h = net.dense(h, 84);
    let h = net.cubic(h);
    net.dense(h, 10);
    net.check(16384, 1);
}

#[test]
fn batched_cryptonets() {
    let mut net = Sketch::default();
    let x = net.input(&[1, 28, 28]);
    let (h, _) = net.conv(x, [1, 28, 28], 5, 5, 2, 1);
    let h = net.square(h);
    let h = net.dense(h, 100);
    let h = net.square(h);
    net.dense(h, 10);
    net.check(4096, 256);
}
