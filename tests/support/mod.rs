//! What the tests of whole networks share: the bundled models, their files, and a deployment of one.

#![allow(dead_code, reason = "each test is a program of its own and uses a part")]

#[path = "../../examples/support/data.rs"]
pub mod data;
pub mod deployment;
pub mod models;

use he_nn::{Checkpoint, Model};

use data::{Data, bundled};

/// A bundled network: its function, its weights, its test inputs.
pub struct Bundle {
    pub model: &'static Model,
    pub checkpoint: Checkpoint,
    pub data: Data,
}

impl Bundle {
    /// The files of `data/FOLDER`.
    pub fn open(model: &'static Model, folder: &str) -> Self {
        Bundle {
            model,
            checkpoint: Checkpoint::open(bundled(folder, "model.safetensors")).unwrap(),
            data: Data::open(&bundled(folder, "test.safetensors")).unwrap(),
        }
    }

    /// The clear model's answers, one sample after the other.
    pub fn clear(&self, inputs: &[f32]) -> Vec<f32> {
        inputs
            .chunks(self.data.elements)
            .flat_map(|sample| self.model.run_clear(&self.checkpoint, sample).unwrap())
            .collect()
    }
}

/// The one in the middle.
pub fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
