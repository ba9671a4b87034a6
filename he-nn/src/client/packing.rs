//! Numbers to slots and back.
//!
//! Element e of sample b has index `b * elements + e` in the tensor `[batch, shape..]` that an arrangement spreads.

use he_core::ckks::{Ciphertext, Context, Plaintext, SecretKey};
use he_core::complex::Complex;
use he_core::params::same_scale;
use he_core::tile::arrangement::Arrangement;
use he_core::tile::layout::Layout;

use super::spec::{ClientSpec, InputPort, OutputPort};
use crate::error::{Error, Result};
use crate::wire::Reply;
use zeroize::Zeroize;

/// Layouts of the inputs of a specification, made once.
pub(super) struct Packing(Vec<Layout>);

impl Packing {
    pub(super) fn new(spec: &ClientSpec) -> Self {
        let layout = |arrangement: &Arrangement| arrangement.layout(spec.slots());
        Packing(spec.inputs.iter().map(|port| layout(&port.arrangement)).collect())
    }

    /// The plaintexts of all inputs, in the order of the specification, and the number of samples.
    fn encode(
        &self,
        spec: &ClientSpec,
        context: &Context,
        inputs: &[(&str, &[f32])],
    ) -> Result<(u32, Vec<Plaintext>)> {
        let known = |name: &str| spec.inputs.iter().any(|port| port.name == name);
        if let Some((name, _)) = inputs.iter().find(|(name, _)| !known(name)) {
            return Err(Error::UnknownInput {
                found: (*name).into(),
                expected: names(spec),
            });
        }
        let mut samples = None;
        let mut plaintexts = Vec::with_capacity(spec.request_tiles());
        for (port, layout) in spec.inputs.iter().zip(&self.0) {
            let mut given = inputs.iter().filter(|(name, _)| *name == port.name);
            let (Some((_, values)), None) = (given.next(), given.next()) else {
                let found = inputs.iter().filter(|(name, _)| *name == port.name).count();
                return Err(Error::UnknownInput {
                    found: format!("{} ({found} times)", port.name),
                    expected: names(spec),
                });
            };
            let count = check(spec, port, values)?;
            let first = *samples.get_or_insert(count);
            if first != count {
                return Err(shape(spec, port, count, first));
            }
            let level = port.level as usize;
            let scale = context.scale(level);
            // Elements of samples that are not there are zero.
            let value = |e: u32| values.get(e as usize).copied().unwrap_or(0.0).into();
            for slots in port.slots(layout, value) {
                plaintexts.push(if slots.im.is_empty() {
                    context.encode(&slots.re, scale, level, false)?
                } else {
                    let parts = slots.re.iter().zip(&slots.im);
                    let numbers: Vec<Complex> = parts.map(|(&re, &im)| Complex::new(re, im)).collect();
                    context.encode_complex(&numbers, scale, level, false)?
                });
            }
        }
        Ok((samples.unwrap_or(0) as u32, plaintexts))
    }

    /// The body of a request: how many samples it holds, and what `encrypt` makes of every plaintext.
    pub(super) fn encrypt(
        &self,
        spec: &ClientSpec,
        context: &Context,
        inputs: &[(&str, &[f32])],
        encrypt: impl Fn(&Plaintext) -> he_core::error::Result<Vec<u8>>,
    ) -> Result<(u32, Vec<Vec<u8>>)> {
        let (samples, mut plaintexts) = self.encode(spec, context, inputs)?;
        let tiles: Result<_> = plaintexts
            .iter()
            .map(|plaintext| Ok(encrypt(plaintext)?))
            .collect();
        plaintexts.iter_mut().for_each(Zeroize::zeroize);
        Ok((samples, tiles?))
    }
}

fn names(spec: &ClientSpec) -> Vec<String> {
    spec.inputs.iter().map(|port| port.name.clone()).collect()
}

/// Number of samples in `values`, if they can be sent.
fn check(spec: &ClientSpec, port: &InputPort, values: &[f32]) -> Result<usize> {
    let what = || format!("input `{}`", port.name);
    let elements = port.elements();
    if values.is_empty() || elements == 0 || !values.len().is_multiple_of(elements) {
        return Err(Error::Length {
            what: what(),
            found: values.len(),
            expected: elements,
        });
    }
    let samples = values.len() / elements;
    if samples > spec.batch as usize {
        return Err(shape(spec, port, samples, spec.batch as usize));
    }
    if let Some(index) = values.iter().position(|v| !v.is_finite()) {
        return Err(Error::NonFinite {
            what: what(),
            index,
            found: f64::from(values.get(index).copied().unwrap_or(f32::NAN)),
            help: "encrypt finite numbers only",
        });
    }
    // A value is compared at the precision it has: 0.1f32 lies above 0.1.
    match values.iter().find(|v| v.abs() > port.range as f32) {
        Some(&value) => Err(Error::OutOfRange {
            layer: what(),
            found: value.into(),
            expected: port.range,
        }),
        None => Ok(samples),
    }
}

fn shape(spec: &ClientSpec, port: &InputPort, found: usize, expected: usize) -> Error {
    let whole = |samples: usize| {
        let sample = port.shape.iter().map(|&d| d as usize);
        std::iter::once(samples).chain(sample).collect()
    };
    let what = format!("input `{}` (at most {} samples a request)", port.name, spec.batch);
    Error::Shape {
        what,
        found: whole(found),
        expected: whole(expected),
    }
}

/// The numbers of every output, each `[samples, shape..]`. The reply's owner is already checked.
pub(super) fn decode(
    spec: &ClientSpec,
    context: &Context,
    secret: &SecretKey,
    reply: &Reply,
) -> Result<Vec<(String, Vec<f64>)>> {
    let corrupted = |found: String, expected: String| Error::Corrupted {
        what: "reply".into(),
        found,
        expected,
    };
    if reply.samples == 0 || reply.samples > spec.batch {
        return Err(corrupted(
            format!("{} samples", reply.samples),
            format!("1 to {}", spec.batch),
        ));
    }
    if reply.tiles.len() != spec.reply_tiles() {
        return Err(corrupted(
            format!("{} ciphertexts", reply.tiles.len()),
            spec.reply_tiles().to_string(),
        ));
    }
    let mut rest = reply.tiles.as_slice();
    let mut outputs = Vec::with_capacity(spec.outputs.len());
    for port in &spec.outputs {
        let (tiles, after) = rest.split_at(port.tiles as usize);
        rest = after;
        let mut slots = Vec::with_capacity(tiles.len());
        for packed in tiles {
            let ciphertext = Ciphertext::from_bytes(context, packed)?;
            let (level, scale) = (ciphertext.level(), ciphertext.scale());
            if level != port.level as usize || !same_scale(scale, port.scale) {
                let found = format!("level {level} and scale 2^{:.3}", scale.log2());
                let expected = format!("level {} and scale 2^{:.3}", port.level, port.scale.log2());
                return Err(corrupted(found, expected));
            }
            slots.push(secret.decrypt_real(context, &ciphertext));
        }
        outputs.push((port.name.clone(), gather(port, &slots, reply.samples as usize)));
    }
    Ok(outputs)
}

/// Picks the elements of an output from decrypted slots.
fn gather(port: &OutputPort, slots: &[Vec<f64>], samples: usize) -> Vec<f64> {
    let element = |sample: usize, place: &Option<(u32, u32)>| {
        let value = place.and_then(|(tile, slot)| {
            slots
                .get(tile as usize)?
                .get(slot as usize + sample * port.period as usize)
                .copied()
        });
        // The specification was checked: only an element that stands nowhere is missing.
        value.unwrap_or(0.0) * port.factor
    };
    (0..samples)
        .flat_map(|sample| port.places.iter().map(move |place| element(sample, place)))
        .collect()
}
