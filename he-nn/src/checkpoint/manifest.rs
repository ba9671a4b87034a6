//! The parameters a model expects, and the check of a checkpoint against them.

use super::Checkpoint;
use crate::error::{Error, Mismatch, Result};
use crate::graph::{Node, Op};
use crate::model::Model;
use std::collections::BTreeSet;
use std::fmt;

/// A parameter: its name in the state dict and its shape in PyTorch's layout.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Parameter {
    /// Name, such as `layer1.0.conv1.weight`.
    pub name: String,
    /// Shape, such as `[16, 16, 3, 3]`.
    pub shape: Vec<usize>,
    /// A second shape that is accepted: `[C, degree + 1]` for the coefficients of a polynomial.
    pub or_shape: Option<Vec<usize>>,
}

/// The parameters of one node, in the order it states them.
pub(crate) fn parameters(node: &Node) -> impl Iterator<Item = Parameter> + '_ {
    node.parameters().map(|(name, shape)| {
        let shape = shape.to_vec();
        let or_shape = match node.op {
            Op::Polynomial {
                per_channel: true, ..
            } => {
                let rows = node.shape.to_vec().into_iter().take(1);
                Some(rows.chain(shape.iter().copied()).collect())
            }
            _ => None,
        };
        Parameter {
            name,
            shape,
            or_shape,
        }
    })
}

impl Model {
    /// Every parameter that the network takes from a checkpoint.
    pub fn manifest(&self) -> Manifest {
        let mut list: Vec<Parameter> = Vec::new();
        let mut seen = BTreeSet::new();
        for parameter in self.nodes().iter().flat_map(parameters) {
            if seen.insert((parameter.name.clone(), parameter.shape.clone())) {
                list.push(parameter);
            }
        }
        Manifest {
            model: self.name().to_owned(),
            parameters: list,
        }
    }
}

/// Every parameter of a model, in the order of use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// The model's name.
    pub model: String,
    /// Parameters; one used twice is listed once.
    pub parameters: Vec<Parameter>,
}

impl Manifest {
    /// Number of floats.
    #[must_use]
    pub fn elements(&self) -> usize {
        self.parameters
            .iter()
            .map(|p| p.shape.iter().product::<usize>())
            .sum()
    }
}

impl fmt::Display for Manifest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.parameters
            .iter()
            .try_for_each(|p| writeln!(f, "{} {:?}", p.name, p.shape))
    }
}

impl Checkpoint {
    /// Compares with a model's manifest.
    ///
    /// # Errors
    /// One [`Error::Checkpoint`] listing every missing, extra, mis-shaped, wrongly typed or non-finite tensor.
    pub fn check(&self, manifest: &Manifest) -> Result<()> {
        let mut mismatches: Vec<_> = manifest
            .parameters
            .iter()
            .filter_map(|p| self.mismatch(p))
            .collect();
        if !self.extra_allowed {
            let known: BTreeSet<&str> = manifest.parameters.iter().map(|p| p.name.as_str()).collect();
            let extra = self
                .tensors
                .iter()
                .filter(|(name, _)| !known.contains(name.as_str()));
            mismatches.extend(extra.map(|(name, t)| Mismatch::Extra {
                name: name.clone(),
                found: t.shape().to_vec(),
            }));
        }
        if mismatches.is_empty() {
            Ok(())
        } else {
            Err(Error::Checkpoint {
                model: manifest.model.clone(),
                mismatches,
            })
        }
    }

    pub(super) fn mismatch(&self, p: &Parameter) -> Option<Mismatch> {
        let name = || p.name.clone();
        let Some(tensor) = self.tensors.get(&p.name) else {
            return Some(match self.skipped.get(&p.name) {
                Some(found) => Mismatch::Type {
                    name: name(),
                    found: found.clone(),
                },
                None => Mismatch::Missing {
                    name: name(),
                    expected: p.shape.clone(),
                },
            });
        };
        if tensor.shape() != p.shape && Some(tensor.shape()) != p.or_shape.as_deref() {
            let found = tensor.shape().to_vec();
            return Some(Mismatch::Shape {
                name: name(),
                found,
                expected: p.shape.clone(),
            });
        }
        let (index, found) = tensor.first_non_finite()?;
        Some(Mismatch::NonFinite {
            name: name(),
            index,
            found,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::TensorData;

    fn parameter(name: &str, shape: &[usize]) -> Parameter {
        Parameter {
            name: name.into(),
            shape: shape.into(),
            or_shape: None,
        }
    }

    #[test]
    fn one_error_lists_every_mismatch() {
        let tensor =
            |shape: &[usize], v: f32| TensorData::new(shape, vec![v; shape.iter().product()]).unwrap();
        let mut checkpoint = Checkpoint::from_tensors([
            ("fc.weight".to_owned(), tensor(&[2, 3], 1.0)),
            ("fc.bias".to_owned(), tensor(&[3], 1.0)),
            ("act.coef".to_owned(), tensor(&[3], f32::NAN)),
            ("old.weight".to_owned(), tensor(&[1], 0.0)),
        ]);
        checkpoint.skipped.insert("steps".into(), "I64".into());
        checkpoint
            .skipped
            .insert("num_batches_tracked".into(), "I64".into());
        let manifest = Manifest {
            model: "net".into(),
            parameters: vec![
                parameter("fc.weight", &[2, 3]),
                parameter("fc.bias", &[2]),
                parameter("act.coef", &[3]),
                parameter("steps", &[1]),
                parameter("head.weight", &[4, 2]),
            ],
        };
        let text = checkpoint.check(&manifest).unwrap_err().to_string();
        assert_eq!(
            text,
            "checkpoint does not fit model `net`: 5 mismatches\n  \
             mis-shaped `fc.bias`, found [3], expected [2]\n  \
             non-finite `act.coef`, found NaN at index 0, expected finite numbers\n  \
             unreadable `steps`, found type I64, expected f16, bf16, f32 or f64\n  \
             missing `head.weight`, expected [4, 2]\n  \
             extra `old.weight`, found [1]\n\
             help: `model.manifest()` lists the names and shapes that the model expects"
        );
    }

    #[test]
    fn extra_tensors_are_refused_unless_allowed() {
        let checkpoint =
            Checkpoint::from_tensors([("ema".to_owned(), TensorData::new(&[1], vec![0.0]).unwrap())]);
        let manifest = Manifest {
            model: "net".into(),
            parameters: Vec::new(),
        };
        let text = checkpoint.check(&manifest).unwrap_err().to_string();
        assert!(
            text.ends_with(
                "help: `.allow_extra()` on the checkpoint ignores tensors that the model does not name"
            ),
            "{text}"
        );
        checkpoint.allow_extra().check(&manifest).unwrap();
    }
}
