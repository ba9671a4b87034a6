//! What one node means, in f64.

use crate::checkpoint::Checkpoint;
use crate::error::{Error, Result};
use crate::graph::{Node, NodeId, Op};
use crate::layer;
use crate::model::Model;
use std::collections::HashMap;

/// A node's tensors, in the order it states them.
pub(crate) fn weights(node: &Node, checkpoint: &Checkpoint) -> Result<Vec<Vec<f64>>> {
    let parameters = crate::checkpoint::parameters(node);
    parameters
        .map(|parameter| checkpoint.values(&parameter))
        .collect()
}

/// Values of the nodes that depend on weights only.
pub(crate) fn plain_nodes(model: &Model, checkpoint: &Checkpoint) -> Result<HashMap<NodeId, Vec<f64>>> {
    let mut values: HashMap<NodeId, Vec<f64>> = HashMap::new();
    for (i, node) in model
        .nodes()
        .iter()
        .enumerate()
        .filter(|(_, node)| !node.encrypted)
    {
        let operands: Vec<&[f64]> = node
            .inputs
            .as_slice()
            .iter()
            .filter_map(|id| values.get(id).map(Vec::as_slice))
            .collect();
        let value = evaluate(model, node, &operands, &weights(node, checkpoint)?)?;
        values.insert(NodeId(i as u32), value);
    }
    Ok(values)
}

/// The cleartext meaning of one node.
pub(super) fn evaluate(model: &Model, node: &Node, operands: &[&[f64]], w: &[Vec<f64>]) -> Result<Vec<f64>> {
    let shapes: Vec<Vec<usize>> = node
        .inputs
        .as_slice()
        .iter()
        .map(|&id| model.node(id).shape.to_vec())
        .collect();
    let to = node.shape.to_vec();
    let inner = to.iter().skip(1).product::<usize>().max(1);
    let tensor = |i: usize| w.get(i).map(Vec::as_slice).unwrap_or_default();
    if let (&[x, y], [from_x, from_y]) = (operands, shapes.as_slice()) {
        if let Op::Concat { axis } = node.op {
            let [own, other] = layer::concat::embeddings(from_x, from_y, axis);
            return Ok(gather(x, &own)
                .into_iter()
                .zip(gather(y, &other))
                .map(|(x, y)| x + y)
                .collect());
        }
        let x = gather(x, &layer::relabel::broadcast(from_x, &to)).into_iter();
        let pairs = x.zip(gather(y, &layer::relabel::broadcast(from_y, &to)));
        return Ok(match node.op {
            Op::Add => pairs.map(|(x, y)| x + y).collect(),
            Op::Sub => pairs.map(|(x, y)| x - y).collect(),
            Op::Mul => pairs.map(|(x, y)| x * y).collect(),
            _ => return Err(unsupported(node)),
        });
    }
    let (x, from) = match (operands, shapes.as_slice()) {
        (&[x], [from]) => (x, from.as_slice()),
        _ if matches!(node.op, Op::Param) => return Ok(tensor(0).to_vec()),
        _ => return Err(unsupported(node)),
    };
    if let Some(map) = layer::relabel::sources(&node.op, from, &to) {
        return Ok(gather(x, &map));
    }
    Ok(match &node.op {
        Op::Flatten | Op::Reshape | Op::Settle => x.to_vec(),
        Op::Conv2d(options) => layer::conv2d::clear(options, x, from, &to, tensor(0), tensor(1)),
        Op::Linear(_) => layer::linear::clear(x, from.last().copied().unwrap_or(1), tensor(0), tensor(1)),
        Op::AvgPool2d(options) => layer::avg_pool2d::clear(options, x, from, &to),
        Op::AdaptiveAvgPool2d { .. } => layer::adaptive_avg_pool2d::clear(x, from, &to),
        Op::SumPool2d(options) => layer::sum_pool2d::clear(options, x, from, &to),
        Op::BatchNorm1d(options) | Op::BatchNorm2d(options) => {
            layer::batch_norm1d::clear(options, x, inner, w)
        }
        Op::Standardize => layer::standardize::clear(x, w),
        Op::Normalize { mean, std } => layer::normalize::clear(x, inner, mean, std),
        Op::Scale { factor } => x.iter().map(|x| factor * x).collect(),
        Op::Sum { axis } => layer::sum::clear(x, from, *axis),
        Op::Mean { axis } => {
            let length = from[*axis] as f64;
            layer::sum::clear(x, from, *axis)
                .iter()
                .map(|sum| sum / length)
                .collect()
        }
        Op::Square => x.iter().map(|x| x * x).collect(),
        Op::Polynomial { degree, .. } => layer::polynomial::clear(x, tensor(0), *degree),
        Op::Activation(activation) => x.iter().map(|&x| activation.function.call(x)).collect(),
        Op::Reciprocal(reciprocal) => x.iter().map(|&x| reciprocal.call(x)).collect(),
        _ => return Err(unsupported(node)),
    })
}

fn unsupported(node: &Node) -> Error {
    Error::Infeasible {
        what: place(node),
        found: "no cleartext form".into(),
        expected: "a layer that the clear executor knows".into(),
        help: "write it with other layers".into(),
    }
}

/// How reports name a node: `gelu (conv1)` or `square`, and where it stands.
pub(super) fn place(node: &Node) -> String {
    let call = node.site.call;
    if node.path.is_empty() {
        format!("`{}` at {call}", node.op.name())
    } else {
        format!("`{}` `{}` at {call}", node.op.name(), node.path.as_str())
    }
}

fn gather(x: &[f64], map: &[u32]) -> Vec<f64> {
    let at = |&i: &u32| {
        if i == layer::relabel::ZERO {
            0.0
        } else {
            x[i as usize]
        }
    };
    map.iter().map(at).collect()
}
