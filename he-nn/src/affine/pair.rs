//! Operations on two operands: sums, differences, products, concatenations.

use super::build::{Builder, Value, relabelled, settled, waiting_constant};
use super::fold::{Fold, Source};
use super::stage::Kind;
use crate::error::Result;
use crate::graph::{Node, NodeId, Op};
use crate::layer;

impl Builder<'_> {
    /// An operation on two encrypted operands.
    pub(super) fn pair(&mut self, node: &Node, x: Value, y: Value, shape: &[usize]) -> Value {
        match node.op {
            Op::Concat { axis } => {
                let [before, behind] = layer::concat::embeddings(&x.view.shape, &y.view.shape, axis);
                let (x, y) = (relabelled(x, &before, shape), relabelled(y, &behind, shape));
                let (x, y) = (self.held(x), self.held(y));
                settled(self.stage(Kind::Add { x, y }, shape, 0))
            }
            Op::Mul => {
                let (x, y) = (broadcast(x, shape), broadcast(y, shape));
                let ((x, a), (y, b)) = (self.up_to_constant(x), self.up_to_constant(y));
                let same = x == y;
                let kind = if same {
                    Kind::Square { x }
                } else {
                    Kind::Multiply { x, y }
                };
                let view = self.stage(kind, shape, 1);
                waiting_constant(view, a * b)
            }
            _ => {
                let (x, y) = (broadcast(x, shape), broadcast(y, shape));
                let (x, y) = (self.held(x), self.held(y));
                let kind = if matches!(node.op, Op::Sub) {
                    Kind::Sub { x, y }
                } else {
                    Kind::Add { x, y }
                };
                settled(self.stage(kind, shape, 0))
            }
        }
    }

    /// An operation on an encrypted operand and one computed from weights.
    pub(super) fn with_plain(
        &mut self,
        node: &Node,
        x: Value,
        operands: &[NodeId],
        shape: &[usize],
    ) -> Result<Value> {
        let first = self.values[operands[0].index()].is_some();
        let plain = if first { operands[1] } else { operands[0] };
        let plain_shape = self.model.node(plain).shape.to_vec();
        let (x, sign, classes) = match node.op {
            Op::Concat { axis } => {
                let shapes = if first {
                    (&x.view.shape, &plain_shape)
                } else {
                    (&plain_shape, &x.view.shape)
                };
                let [before, behind] = layer::concat::embeddings(shapes.0, shapes.1, axis);
                let (own, other) = if first { (before, behind) } else { (behind, before) };
                (relabelled(x, &own, shape), 1.0, other)
            }
            _ => {
                let mut x = broadcast(x, shape);
                if matches!(node.op, Op::Sub) && !first {
                    x = self.mapped(node, x, Fold::constant(-1.0));
                }
                let sign = if matches!(node.op, Op::Sub) && first {
                    -1.0
                } else {
                    1.0
                };
                (x, sign, layer::relabel::broadcast(&plain_shape, shape))
            }
        };
        match node.op {
            Op::Mul => {
                let mut x = x;
                x.waiting.push(Fold::new(Source::Product(plain), classes));
                Ok(settled(self.applied(x)))
            }
            Op::Add | Op::Sub | Op::Concat { .. } => {
                if node.form.is_affine() || node.form.is_pending() {
                    return Ok(self.mapped(
                        node,
                        x,
                        Fold::new(Source::Offset { plain, scale: sign }, classes),
                    ));
                }
                // A plaintext is added in place, divided by the constant that goes on waiting.
                let (view, factor) = self.up_to_constant(x);
                let fold = Fold::new(
                    Source::Offset {
                        plain,
                        scale: sign / factor,
                    },
                    classes,
                );
                let view = self.shift(view, vec![fold]);
                Ok(waiting_constant(view, factor))
            }
            _ => Err(self.unsupported(node)),
        }
    }
}

fn broadcast(x: Value, shape: &[usize]) -> Value {
    if x.view.shape == shape {
        return x;
    }
    let map = layer::relabel::broadcast(&x.view.shape, shape);
    relabelled(x, &map, shape)
}
