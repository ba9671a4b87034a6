//! Every packing that the search keeps for a model, lowered and run in the clear against the unlowered graph.

use std::fmt;

use he_core::program::{ChainView, Slots, clear};

use crate::affine::Stages;
use crate::affine::tests::{inputs, weights};
use crate::clear::Session;
use crate::client::InputPort;
use crate::error::Result;
use crate::lower::{FilledWeights, StepWeights, lower};
use crate::model::Model;
use crate::plan::PriceTable;
use crate::plan::cost::LevelShape;
use crate::plan::search::{Choice, Memo, Packing, SearchSettings, search};
use crate::plan::translate::{Translated, translate};

/// What became of one model on tiles of one size.
#[derive(Debug)]
pub enum Outcome {
    /// That many packings compute what the graph says.
    Right(usize),
    /// The weights have no encrypted form.
    Refused(String),
    /// The search found none.
    NoPacking(String),
    /// A packing that does not lower, spends too many levels, or computes something else.
    Wrong(String),
}

/// Outcomes, counted.
#[derive(Default)]
pub struct Tally {
    trials: usize,
    packings: usize,
    refused: Vec<String>,
    unpacked: Vec<String>,
    wrong: Vec<String>,
}

impl Tally {
    pub fn add(&mut self, name: &str, outcome: Outcome) {
        self.trials += 1;
        match outcome {
            Outcome::Right(packings) => self.packings += packings,
            Outcome::Refused(why) => self.refused.push(format!("{name}: {why}")),
            Outcome::NoPacking(why) => self.unpacked.push(format!("{name}: {why}")),
            Outcome::Wrong(why) => self.wrong.push(format!("{name}: {why}")),
        }
    }

    /// Trials without any packing.
    pub fn unpacked(&self) -> usize {
        self.unpacked.len()
    }

    /// Prints the counts and fails if anything was wrong.
    pub fn assert_right(&self) {
        eprintln!("{self}");
        assert!(self.wrong.is_empty(), "{} wrong", self.wrong.len());
        assert!(self.packings > self.unpacked.len(), "hardly anything was tried");
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Tally {
            trials,
            packings,
            refused,
            unpacked,
            wrong,
        } = self;
        let [no, none, wrongs] = [refused, unpacked, wrong].map(Vec::len);
        writeln!(
            f,
            "{trials} trials: {packings} packings right, {no} refused, {none} without a packing, {wrongs} wrong"
        )?;
        refused
            .iter()
            .try_for_each(|line| writeln!(f, "  refused: {line}"))?;
        unpacked
            .iter()
            .try_for_each(|line| writeln!(f, "  no packing: {line}"))?;
        wrong.iter().try_for_each(|line| writeln!(f, "  wrong: {line}"))
    }
}

/// A model with random weights and inputs, and what each step of it comes to.
struct Trial {
    stages: Stages,
    translated: Translated,
    weights: Vec<StepWeights>,
    depth_declared: u32,
    inputs: Vec<Vec<f64>>,
    /// Output of each sample.
    expected: Vec<Vec<f64>>,
    /// Largest value anywhere in the network.
    largest: f64,
}

/// Tries every packing of the final beam.
///
/// `per_channel`: every channel has a polynomial of its own.
pub fn attempt(model: &'static Model, seed: u64, per_channel: bool, slots: usize, batch: u32) -> Outcome {
    match Trial::new(model, seed, per_channel, batch) {
        Ok(trial) => trial.attempt(slots, batch),
        Err(error) => Outcome::Refused(error.to_string()),
    }
}

/// The same against the stages on floats: for models whose functions are approximated.
pub fn attempt_stages(model: &'static Model, seed: u64, slots: usize, batch: u32) -> Outcome {
    match Trial::new(model, seed, false, batch).and_then(|trial| trial.against_stages(model, seed)) {
        Ok(trial) => trial.attempt(slots, batch),
        Err(error) => Outcome::Refused(error.to_string()),
    }
}

impl Trial {
    fn attempt(&self, slots: usize, batch: u32) -> Outcome {
        let trial = self;
        let network = &trial.translated.network;
        let depth = network.depth();
        if depth > trial.depth_declared {
            let steps: Vec<String> = network
                .steps
                .iter()
                .map(|s| format!("{} {}", s.name, s.kind.levels()))
                .collect();
            return Outcome::Wrong(format!(
                "{depth} levels of {}: {}",
                trial.depth_declared,
                steps.join(", ")
            ));
        }
        let shape = |spent: u32| LevelShape {
            degree: 2 * slots,
            limbs: (depth - spent + 1) as usize,
            returned: 0,
            dropped: 1,
            special: 1,
            digits: (depth - spent + 1) as usize,
            key_words: 2 * (depth - spent + 1) as usize * (depth - spent + 2) as usize * 2 * slots,
            word_bytes: 8.0,
        };
        let settings = SearchSettings {
            slots,
            batch,
            prices: PriceTable::DEFAULT,
            key_byte: 0.005,
            beam: 4,
            refresh: None,
        };
        let found = search(network, &shape, &settings, &Memo::default());
        if found.packings.is_empty() {
            let why: Vec<String> = found
                .rejected
                .keys()
                .map(|r| format!("{}: {}", r.step, r.reason))
                .collect();
            return Outcome::NoPacking(why.join(", "));
        }
        for (index, packing) in found.packings.iter().enumerate() {
            if let Err(why) = trial.check(packing) {
                return Outcome::Wrong(format!("packing {index}: {why}"));
            }
        }
        Outcome::Right(found.packings.len())
    }

    fn new(model: &'static Model, seed: u64, per_channel: bool, batch: u32) -> Result<Self> {
        let checkpoint = weights(model, seed, per_channel);
        let samples = inputs(model, !seed, batch as usize);
        let ranges = model.calibrate(&checkpoint, &samples)?;
        let stages = Stages::new(model, Some(&ranges))?;
        let translated = translate(&stages, Some(&ranges));
        let samples = samples.chunks(samples.len() / batch as usize);
        let inputs: Vec<Vec<f64>> = samples
            .map(|x| x.iter().map(|&x| f64::from(x)).collect())
            .collect();
        let session = Session::new(model, &checkpoint)?;
        let (mut expected, mut largest) = (vec![], 1.0f64);
        for input in &inputs {
            let nodes = session.sample(std::slice::from_ref(input))?;
            largest = nodes.iter().flatten().fold(largest, |most, v| most.max(v.abs()));
            expected.push(nodes[model.outputs()[0].node.index()].clone());
        }
        let weights = translated.weights(&stages, &checkpoint)?;
        Ok(Trial {
            stages,
            translated,
            weights,
            depth_declared: model.depth(),
            inputs,
            expected,
            largest,
        })
    }

    fn against_stages(mut self, model: &'static Model, seed: u64) -> Result<Self> {
        let checkpoint = weights(model, seed, false);
        let loaded = self.stages.load(&checkpoint)?;
        let outputs = self
            .inputs
            .iter()
            .map(|input| Ok(loaded.outputs(&[input])?.concat()));
        let expected = outputs.collect::<Result<_>>()?;
        self.expected = expected;
        Ok(self)
    }

    fn check(&self, packing: &Packing) -> Result<(), String> {
        let network = &self.translated.network;
        let chain = ChainView::uniform(network.depth(), 40.0);
        let lowered = lower(network, packing, &chain, None).map_err(|fault| fault.to_string())?;
        let program = &lowered.program;
        for port in &program.outputs {
            let level = program.values[port.value.0 as usize].level;
            let spent = network.depth() - level;
            if spent > self.depth_declared {
                return Err(format!("{spent} levels of {}", self.depth_declared));
            }
        }
        let mut choices = packing.choices.iter().zip(&packing.layouts);
        let input = choices.find_map(|(choice, layout)| match choice {
            Choice::Input { complex, .. } => Some((layout, *complex)),
            _ => None,
        });
        let (layout, complex) = input.ok_or("no input")?;
        let elements = self.inputs[0].len();
        let value = |e: u32| self.inputs[e as usize / elements][e as usize % elements];
        let tiles = InputPort::slots_of(layout, complex, value)
            .into_iter()
            .map(Slots::from)
            .collect();
        let filled = FilledWeights::new(&lowered.recipes, &self.weights);
        let outputs = clear::run(program, &filled, &[tiles]).map_err(|error| error.to_string())?;
        for (view, tiles) in self.translated.outputs.iter().zip(&outputs) {
            let (layout, rows) = (&packing.layouts[view.step], network.steps[view.step].elements);
            let positions = layout.positions(rows * self.inputs.len());
            for (sample, expected) in self.expected.iter().enumerate() {
                if expected.len() != view.from.len() {
                    return Err(format!(
                        "{} elements, expected {}",
                        view.from.len(),
                        expected.len()
                    ));
                }
                for (element, (from, &expected)) in view.from.iter().zip(expected).enumerate() {
                    let places = from.map_or(&[][..], |from| positions.of(from as usize + sample * rows));
                    if places.is_empty() && expected != 0.0 {
                        return Err(format!(
                            "element {element} of sample {sample} stands nowhere, expected {expected}"
                        ));
                    }
                    for &(tile, slot) in places {
                        let found = tiles[tile as usize].get(slot as usize).re * view.factor;
                        // A comparison that a NaN fails.
                        let error = (found - expected).abs();
                        if error.is_nan() || error > 1e-9 * self.largest {
                            return Err(format!(
                                "element {element} of sample {sample}: {found}, expected {expected}"
                            ));
                        }
                    }
                }
            }
        }
        Ok(())
    }
}
