//! What weights and ranges say about a program before it runs: that nothing wraps around, and how wrong the answer may be.

use he_core::program::error::{Assumptions, Encryption, ErrorReport, Range, bound};
use he_core::program::slots::Slots;
use he_core::program::{PlainSource, Program, Verified};

use crate::client::ClientSpec;
use crate::error::{Error, Result};

/// Samples of noise that make an estimate a bound.
const NOISE_SAMPLES: usize = 12;

/// The largest error of an output, as the client reads it; an error if a value can wrap around. `ranges` bounds every value.
pub(super) fn predicted_error(
    program: &Verified,
    spec: &ClientSpec,
    ranges: &[Range],
    plains: &dyn PlainSource,
) -> Result<f64> {
    let inputs = input_bounds(program, spec);
    let assumptions = Assumptions {
        inputs: &inputs,
        ranges,
        encryption: Encryption::Secret,
        samples: NOISE_SAMPLES,
    };
    let report = bound(program, &spec.chain, plains, &assumptions)?;
    refuse_overflow(program, &report)?;
    let mut worst = 0.0f64;
    for (port, tiles) in program.outputs.iter().zip(&report.outputs) {
        let factor = spec
            .outputs
            .iter()
            .find(|known| known.name == port.name)
            .map_or(1.0, |known| known.factor.abs());
        let magnitude = report
            .values
            .get(port.value.0 as usize)
            .map_or(0.0, |value| value.magnitude);
        let largest = tiles.iter().copied().fold(0.0, f64::max);
        // Both answers, the client's and the clear one, are rounded to single precision.
        worst = worst.max(factor * (largest + magnitude * f64::from(f32::EPSILON)));
    }
    Ok(worst)
}

/// For every input of the program, for every tile, the largest value of each slot.
fn input_bounds(program: &Program, spec: &ClientSpec) -> Vec<Vec<Slots>> {
    let tiles = |name: &str| {
        let port = spec.inputs.iter().find(|port| port.name == name)?;
        let layout = port.arrangement.layout(spec.slots());
        Some(
            port.slots(&layout, |_| port.range)
                .into_iter()
                .map(Slots::from)
                .collect(),
        )
    };
    program
        .inputs
        .iter()
        .map(|port| tiles(&port.name).unwrap_or_default())
        .collect()
}

/// Refuses outputs that could wrap around. Nothing else has to fit: sums, products, rescaling and rotations are exact modulo the
/// modulus of their level, which divides that of the level above, so that what wraps around in between comes back.
fn refuse_overflow(program: &Program, report: &ErrorReport) -> Result<()> {
    for port in &program.outputs {
        let index = port.value.0 as usize;
        let (Some(info), Some(value)) = (program.values.get(index), report.values.get(index)) else {
            continue;
        };
        if value.headroom_bits >= 0.0 {
            continue;
        }
        return Err(Error::Overflow {
            layer: program
                .layers
                .get(info.layer as usize)
                .cloned()
                .unwrap_or_default(),
            found: value.magnitude,
            expected: value.magnitude * value.headroom_bits.exp2(),
        });
    }
    Ok(())
}
