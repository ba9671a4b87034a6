//! Models in f64: node after node, on one sample or many.

use super::Ranges;
use super::node::{evaluate, place, weights};
use crate::checkpoint::Checkpoint;
use crate::error::{Error, Result};
use crate::graph::{Budget, Node, NodeId, Op};
use crate::model::Model;
use rayon::prelude::*;

/// A model with weights read once, for many samples.
pub(crate) struct Session<'a> {
    model: &'a Model,
    weights: Vec<Vec<Vec<f64>>>,
    /// Intervals of activations that state none themselves.
    ranges: Option<&'a Ranges>,
    /// False while calibrating: there is nothing to leave yet.
    enforce: bool,
}

impl<'a> Session<'a> {
    pub(crate) fn new(model: &'a Model, checkpoint: &Checkpoint) -> Result<Self> {
        checkpoint.check(&model.manifest())?;
        let weights = model
            .nodes()
            .iter()
            .map(|node| weights(node, checkpoint))
            .collect::<Result<_>>()?;
        Ok(Self {
            model,
            weights,
            ranges: None,
            enforce: true,
        })
    }

    /// Values of every node for one sample.
    pub(crate) fn sample(&self, inputs: &[Vec<f64>]) -> Result<Vec<Vec<f64>>> {
        let mut values: Vec<Vec<f64>> = Vec::with_capacity(self.model.nodes().len());
        for (node, weights) in self.model.nodes().iter().zip(&self.weights) {
            let value = match node.op {
                Op::Input { index } => inputs.get(index as usize).cloned().unwrap_or_default(),
                _ => {
                    let operands: Vec<&[f64]> = node
                        .inputs
                        .as_slice()
                        .iter()
                        .map(|id| values[id.index()].as_slice())
                        .collect();
                    self.enforce_range(node, &operands)?;
                    evaluate(self.model, node, &operands, weights)?
                }
            };
            if let Some(index) = value.iter().position(|x| !x.is_finite()) {
                return Err(Error::NonFinite {
                    what: place(node),
                    index,
                    found: value[index],
                    help: "look for non-finite inputs, or for values that grow from layer to layer",
                });
            }
            self.enforce_refreshable(NodeId(values.len() as u32), node, &value)?;
            values.push(value);
        }
        Ok(values)
    }

    /// Any value of a model that bootstraps may be refreshed, which only values within their range survive.
    fn enforce_refreshable(&self, id: NodeId, node: &Node, value: &[f64]) -> Result<()> {
        let (Some(ranges), Budget::Bootstrap, true) = (self.ranges, self.model.budget(), self.enforce) else {
            return Ok(());
        };
        let expected = ranges.of(id);
        match value
            .iter()
            .copied()
            .find(|x| node.encrypted && x.abs() > expected)
        {
            None => Ok(()),
            Some(found) => Err(Error::OutOfRange {
                layer: format!("what reads {}", place(node)),
                found,
                expected,
            }),
        }
    }

    fn enforce_range(&self, node: &Node, operands: &[&[f64]]) -> Result<()> {
        if let (Op::Reciprocal(reciprocal), true) = (node.op, self.enforce) {
            let on = reciprocal.on();
            let mut values = operands.iter().copied().flatten().copied();
            return match values.find(|&x| !on.holds(x)) {
                Some(found) => Err(Error::OutsideInterval {
                    layer: place(node),
                    found,
                    lo: on.lo,
                    hi: on.hi,
                }),
                None => Ok(()),
            };
        }
        let Op::Activation(activation) = node.op else {
            return Ok(());
        };
        let calibrated = node
            .inputs
            .as_slice()
            .first()
            .and_then(|&id| Some(self.ranges?.of(id)));
        let (Some(expected), true) = (activation.approx.range.or(calibrated), self.enforce) else {
            return Ok(());
        };
        let values = operands.iter().copied().flatten().copied();
        match values
            .max_by(|x, y| x.abs().total_cmp(&y.abs()))
            .filter(|x| x.abs() > expected)
        {
            Some(found) => Err(Error::OutOfRange {
                layer: place(node),
                found,
                expected,
            }),
            None => Ok(()),
        }
    }

    /// Cuts flat inputs into samples.
    fn samples(&self, inputs: &[&[f32]]) -> Result<Vec<Vec<Vec<f64>>>> {
        let expected = self.model.inputs();
        if inputs.len() != expected.len() {
            let what = format!("the list of inputs of `{}`", self.model.name());
            return Err(Error::Length {
                what,
                found: inputs.len(),
                expected: expected.len(),
            });
        }
        let mut samples: Vec<Vec<Vec<f64>>> = Vec::new();
        for (input, &values) in expected.iter().zip(inputs) {
            let size = self.model.node(input.node).shape.elements();
            let count = values.len() / size;
            let earlier = samples.len();
            if count == 0 || !values.len().is_multiple_of(size) || (earlier > 0 && earlier != count) {
                let expected = if earlier > 0 { earlier * size } else { size };
                let what = format!("input `{}`", input.name);
                return Err(Error::Length {
                    what,
                    found: values.len(),
                    expected,
                });
            }
            samples.resize(count, Vec::new());
            for (sample, chunk) in samples.iter_mut().zip(values.chunks_exact(size)) {
                sample.push(chunk.iter().map(|&x| f64::from(x)).collect());
            }
        }
        Ok(samples)
    }

    fn outputs(&self, inputs: &[&[f32]]) -> Result<Vec<Vec<f32>>> {
        let samples = self.samples(inputs)?;
        let results: Vec<Vec<Vec<f64>>> = samples
            .par_iter()
            .map(|x| self.sample(x))
            .collect::<Result<_>>()?;
        let output = |node: NodeId| {
            results
                .iter()
                .flat_map(|r| r[node.index()].iter().map(|&x| x as f32))
                .collect()
        };
        Ok(self.model.outputs().iter().map(|out| output(out.node)).collect())
    }
}

impl Model {
    /// Runs the network on floats, exactly as written: one sample, or several one after the other. Several outputs follow each
    /// other; [`run_clear_all`](Self::run_clear_all) keeps them apart, and checks calibrated ranges. Here no calibrated range is checked: of a
    /// model with `bootstrap`, values may be so large that refreshing would lose them.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] for weights that do not fit, [`Error::Length`] for an input of another size,
    /// [`Error::OutOfRange`] for a value beyond the stated range of an activation, [`Error::OutsideInterval`] for one outside of that of an
    /// inverse, [`Error::NonFinite`].
    pub fn run_clear(&self, checkpoint: &Checkpoint, input: &[f32]) -> Result<Vec<f32>> {
        Ok(self.run_clear_all(checkpoint, &[input], None)?.concat())
    }

    /// Runs a network of several inputs or outputs on floats; activations without a stated range are held to `ranges`, and so is every
    /// value of a model with `bootstrap`.
    ///
    /// # Errors
    /// As [`run_clear`](Self::run_clear); [`Error::ModelMismatch`] for ranges of another model.
    pub fn run_clear_all(
        &self,
        checkpoint: &Checkpoint,
        inputs: &[&[f32]],
        ranges: Option<&Ranges>,
    ) -> Result<Vec<Vec<f32>>> {
        ranges.map_or(Ok(()), |ranges| ranges.check(self))?;
        Session {
            ranges,
            ..Session::new(self, checkpoint)?
        }
        .outputs(inputs)
    }

    /// The largest absolute value at every site over float samples, times [`MARGIN`](super::MARGIN).
    ///
    /// # Errors
    /// As [`run_clear`](Self::run_clear), but for ranges.
    pub fn calibrate(&self, checkpoint: &Checkpoint, samples: &[f32]) -> Result<Ranges> {
        self.calibrate_all(checkpoint, &[samples])
    }

    /// [`calibrate`](Self::calibrate) for a network of several inputs.
    ///
    /// # Errors
    /// As [`calibrate`](Self::calibrate).
    pub fn calibrate_all(&self, checkpoint: &Checkpoint, samples: &[&[f32]]) -> Result<Ranges> {
        let session = Session {
            enforce: false,
            ..Session::new(self, checkpoint)?
        };
        let samples = session.samples(samples)?;
        let seen = |values: Vec<Vec<f64>>| -> Vec<(f64, f64)> {
            let largest = |v: &[f64]| v.iter().fold(0.0, |m: f64, x| m.max(x.abs()));
            let typical = |v: &[f64]| (v.iter().map(|x| x * x).sum::<f64>() / v.len().max(1) as f64).sqrt();
            values.iter().map(|v| (largest(v), typical(v))).collect()
        };
        let zeros = || vec![(0.0, 0.0); self.nodes().len()];
        let joined = |a: Vec<(f64, f64)>, b: Vec<(f64, f64)>| {
            a.iter()
                .zip(b)
                .map(|(a, b)| (a.0.max(b.0), a.1.max(b.1)))
                .collect()
        };
        let results = samples.par_iter().map(|x| session.sample(x).map(seen));
        Ok(Ranges::measured(
            self,
            &results.try_reduce(zeros, |a, b| Ok(joined(a, b)))?,
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::TensorData;
    use crate::prelude::{Approx, Linear, Tensor, Weights, gelu, linear, sigmoid};

    #[he_nn::model(input = [2], depth = 9, range = 10.0)]
    fn two_activations(x: Tensor, w: Weights) -> Tensor {
        let x = gelu(
            linear(x, w.at("fc"), Linear::out(2)),
            Approx::degree(7).range(4.0),
        );
        sigmoid(x, Approx::degree(7))
    }

    #[he_nn::model(a = [2], b = [2], depth = 1)]
    fn two_ports(a: Tensor, b: Tensor, w: Weights) -> (Tensor, Tensor) {
        (a * b, linear(a - b, w.at("fc"), Linear::out(1).bias(false)))
    }

    fn checkpoint(tensors: &[(&str, &[usize], &[f32])]) -> Checkpoint {
        let tensor = |shape: &[usize], values: &[f32]| TensorData::new(shape, values.to_vec()).unwrap();
        Checkpoint::from_tensors(
            tensors
                .iter()
                .map(|&(name, shape, v)| (name.to_owned(), tensor(shape, v))),
        )
    }

    fn identity() -> Checkpoint {
        checkpoint(&[
            ("fc.weight", &[2, 2], &[1.0, 0.0, 0.0, 1.0]),
            ("fc.bias", &[2], &[0.0, 0.0]),
        ])
    }

    #[test]
    fn a_value_beyond_a_stated_range_is_reported() {
        let y = two_activations().run_clear(&identity(), &[1.0, -4.0]).unwrap();
        assert!((y[0] - 0.698_748_3).abs() < 1e-6, "{y:?}");
        let error = two_activations()
            .run_clear(&identity(), &[1.0, -4.5])
            .unwrap_err();
        assert!(
            matches!(
                error,
                Error::OutOfRange {
                    found: -4.5,
                    expected: 4.0,
                    ..
                }
            ),
            "{error}"
        );
        assert!(
            error.to_string().starts_with("value -4.5 entering `gelu` at "),
            "{error}"
        );
    }

    #[test]
    fn a_value_beyond_a_calibrated_range_is_reported() {
        let (model, checkpoint) = (two_activations(), identity());
        let ranges = model.calibrate(&checkpoint, &[0.5, -0.5, 0.25, 0.0]).unwrap();
        // gelu(0.5) = 0.345731, with the margin 0.518597.
        let bound = ranges.of(model.nodes().last().unwrap().inputs.as_slice()[0]);
        assert!((bound - 0.518_597).abs() < 1e-5, "{bound}");
        assert!(
            model
                .run_clear_all(&checkpoint, &[&[0.6, 0.0]], Some(&ranges))
                .is_ok()
        );
        let error = model
            .run_clear_all(&checkpoint, &[&[2.0, 0.0]], Some(&ranges))
            .unwrap_err();
        assert!(error.to_string().contains("entering `sigmoid` at "), "{error}");
        let error = two_ports()
            .run_clear_all(&checkpoint, &[&[0.0, 0.0], &[0.0, 0.0]], Some(&ranges))
            .unwrap_err();
        assert!(matches!(error, Error::ModelMismatch { .. }), "{error}");
    }

    #[test]
    fn several_ports_and_samples_keep_their_order() {
        let checkpoint = checkpoint(&[("fc.weight", &[1, 2], &[1.0, 10.0])]);
        let (a, b) = ([1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 0.0, 1.0]);
        let y = two_ports().run_clear_all(&checkpoint, &[&a, &b], None).unwrap();
        assert_eq!(y, [vec![5.0, 12.0, 0.0, 4.0], vec![-44.0, 33.0]]);
        let error = two_ports()
            .run_clear_all(&checkpoint, &[&a, &b[..2]], None)
            .unwrap_err();
        assert!(
            matches!(
                error,
                Error::Length {
                    found: 2,
                    expected: 4,
                    ..
                }
            ),
            "{error}"
        );
    }

    #[test]
    fn a_non_finite_value_is_reported_where_it_arises() {
        let error = two_activations()
            .run_clear(&identity(), &[f32::NAN, 0.0])
            .unwrap_err();
        assert!(error.to_string().starts_with("`input` at "), "{error}");
    }
}
