//! Numbers that nobody chose, and weights of networks that nobody trained.

use he_nn::checkpoint::TensorData;
use he_nn::{Checkpoint, Model, Result};

/// Uniform in [-1, 1], always the same ones for a seed (splitmix64, Steele et al. 2014).
pub struct Numbers(pub u64);

impl Iterator for Numbers {
    type Item = f64;

    fn next(&mut self) -> Option<f64> {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        Some((z ^ z >> 31) as f64 / (u64::MAX / 2) as f64 - 1.0)
    }
}

/// Weights that keep values of order one through all squares.
pub fn weights(model: &Model) -> Result<Checkpoint> {
    let mut numbers = Numbers(1);
    let tensors = model.manifest().parameters.into_iter().map(|parameter| {
        let inputs: usize = parameter.shape.iter().skip(1).product();
        let size = if inputs > 1 {
            0.5 / (inputs as f64).sqrt()
        } else {
            0.1
        };
        let value = |x: f64| (size * x) as f32;
        let count = parameter.shape.iter().product();
        let values = numbers.by_ref().take(count).map(value).collect();
        Ok((parameter.name, TensorData::new(&parameter.shape, values)?))
    });
    Ok(Checkpoint::from_tensors(tensors.collect::<Result<Vec<_>>>()?))
}
