//! What weights and ranges say about a program before it runs: that nothing wraps around, and how wrong the answer may be.

use he_core::program::PlainSource;
use he_core::program::error::{Assumptions, Encryption, ErrorReport, bound};
use he_core::program::slots::Slots;
use he_core::tile::layout::Cell;

use crate::client::ClientSpec;
use crate::error::{Error, Result};
use crate::plan::Plan;

/// Samples of noise that make an estimate a bound.
const NOISE_SAMPLES: usize = 12;

/// The largest error of an output, as the client reads it; an error if a value can wrap around.
pub(super) fn predicted_error(plan: &Plan, spec: &ClientSpec, plains: &dyn PlainSource) -> Result<f64> {
    let inputs = input_bounds(plan, spec);
    let assumptions = Assumptions {
        inputs: &inputs,
        ranges: &plan.value_ranges(),
        encryption: Encryption::Secret,
        samples: NOISE_SAMPLES,
    };
    let report = bound(plan.program(), plan.chain(), plains, &assumptions)?;
    refuse_overflow(plan, &report)?;
    let program = plan.program();
    let mut worst = 0.0f64;
    for (port, tiles) in program.outputs.iter().zip(&report.outputs) {
        let factor = spec.outputs.iter().find(|known| known.name == port.name).map_or(1.0, |known| known.factor.abs());
        let magnitude = report.values.get(port.value.0 as usize).map_or(0.0, |value| value.magnitude);
        let largest = tiles.iter().copied().fold(0.0, f64::max);
        // Both the decrypted and the clear answer are rounded to single precision.
        worst = worst.max(factor * (largest + magnitude * f64::from(f32::EPSILON)));
    }
    Ok(worst)
}

/// For every input of the program, for every tile, the largest value of each slot.
fn input_bounds(plan: &Plan, spec: &ClientSpec) -> Vec<Vec<Slots>> {
    let tiles = |name: &str| {
        let port = spec.inputs.iter().find(|port| port.name == name)?;
        let layout = port.arrangement.layout(spec.slots());
        let largest = |cell| if matches!(cell, Cell::Element(_)) { port.range } else { 0.0 };
        Some((0..layout.tiles()).map(|tile| layout.tile(tile).map(largest).collect::<Vec<_>>().into()).collect())
    };
    plan.program().inputs.iter().map(|port| tiles(&port.name).unwrap_or_default()).collect()
}

fn refuse_overflow(plan: &Plan, report: &ErrorReport) -> Result<()> {
    let Some((value, headroom_bits)) = report.tightest() else { return Ok(()) };
    if headroom_bits >= 0.0 {
        return Ok(());
    }
    let program = plan.program();
    let index = value.0 as usize;
    let layer = program.values.get(index).and_then(|info| program.layers.get(info.layer as usize));
    let magnitude = report.values.get(index).map_or(f64::NAN, |value| value.magnitude);
    Err(Error::Overflow {
        layer: layer.cloned().unwrap_or_default(),
        found: magnitude,
        expected: magnitude * headroom_bits.exp2(),
    })
}
