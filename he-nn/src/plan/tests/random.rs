//! Random networks: planned, lowered, run in the clear, and compared with the unlowered graph.

use rayon::prelude::*;

use super::trial::{Tally, attempt};
use crate::affine::tests::{Numbers, fresh_seed, model, step};
use crate::layer::scale;
use crate::model::Model;

/// Network number `seed`: an input of one of four shapes and 2 to 8 layers.
pub fn network(seed: u64) -> &'static Model {
    let mut numbers = Numbers(seed);
    let mut below = |bound: u32| ((numbers.next() + 1.0) / 2.0 * f64::from(bound)) as u32;
    let shape: &[usize] = [&[2, 5, 4][..], &[1, 4, 4], &[3, 4], &[6]][below(4) as usize];
    let layers = 2 + below(7);
    let steps = (0..layers).map(|_| (below(24), below(12) as usize));
    let steps: Vec<(u32, usize)> = steps.collect();
    model(shape, |mut x, w| {
        let mut kept = vec![x];
        for (i, &(choice, option)) in steps.iter().enumerate() {
            x = step(x, &mut kept, w.at("layer").idx(i), choice, option);
        }
        scale(x, 2.0)
    })
}

#[test]
fn random_networks_agree_with_the_graph() {
    let first = fresh_seed() >> 16;
    let outcomes: Vec<_> = (first..first + 50)
        .into_par_iter()
        .map(|seed| {
            let (slots, batch) = (1 << (6 + seed % 5), [1, 2, 8][seed as usize % 3]);
            (
                format!("network {seed}, {slots} slots, batch {batch}"),
                attempt(network(seed), seed, seed % 2 == 1, slots, batch),
            )
        })
        .collect();
    let mut tally = Tally::default();
    outcomes
        .into_iter()
        .for_each(|(name, outcome)| tally.add(&name, outcome));
    tally.assert_right();
}
