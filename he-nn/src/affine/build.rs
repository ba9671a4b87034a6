//! Graph to stages: what each node becomes.
//!
//! Every encrypted node has a *value*: a view of a stage and the maps that still wait. Rearrangements change the view; maps that
//! the graph's [`Form`](crate::graph::Form) calls foldable are pushed back into the layer in front, others wait for the next one.
//! The levels spent are those that the graph's own rule counted.

use super::composite::Composite;
use super::fold::{Fold, Source, constant};
use super::pattern::{Pattern, ZERO};
use super::stage::{Affine, Kind, Offset, Stage, StageId};
use super::view::{View, inverse};
use super::window::Window;
use crate::clear::Ranges;
use crate::error::{Error, Result};
use crate::graph::{Node, NodeId, Op};
use crate::layer::{self, Method};
use crate::model::Model;
use std::collections::HashMap;
use std::sync::Arc;

/// What a node of the graph amounts to.
#[derive(Clone)]
pub(super) struct Value {
    pub(super) view: View,
    pub(super) waiting: Vec<Fold>,
}

pub(super) struct Builder<'m> {
    pub(super) model: &'m Model,
    pub(super) ranges: Option<&'m Ranges>,
    pub(super) stages: Vec<Stage>,
    pub(super) values: Vec<Option<Value>>,
    /// The node at work.
    pub(super) node: NodeId,
    /// Composites by function and degrees.
    pub(super) composites: HashMap<(&'static str, Vec<usize>), Arc<Composite>>,
}

impl<'m> Builder<'m> {
    /// Stages of the whole model, dead ones included.
    pub(super) fn run(model: &'m Model, ranges: Option<&'m Ranges>) -> Result<Vec<Stage>> {
        let mut builder = Self {
            model,
            ranges,
            stages: Vec::new(),
            values: Vec::new(),
            node: NodeId(0),
            composites: HashMap::new(),
        };
        for (i, node) in model.nodes().iter().enumerate() {
            builder.node = NodeId(i as u32);
            let value = if node.encrypted {
                Some(builder.value(node)?)
            } else {
                None
            };
            if let (Some(value), Some(ranges)) = (&value, ranges) {
                builder.bound(value, ranges.of(builder.node), ranges.typical(builder.node));
            }
            builder.values.push(value);
        }
        for (index, output) in model.outputs().iter().enumerate() {
            builder.node = output.node;
            let Some(value) = builder.values[output.node.index()].clone() else {
                continue;
            };
            let (view, factor) = builder.up_to_constant(value);
            let shape = view.shape.clone();
            builder.stage(
                Kind::Output {
                    index: index as u32,
                    x: view,
                    factor,
                },
                &shape,
                0,
            );
        }
        Ok(builder.stages)
    }

    /// A stage made for this node carries this node's values, up to a constant.
    fn bound(&mut self, value: &Value, range: f64, typical: f64) {
        let stage = &mut self.stages[value.view.stage.index()];
        if stage.node == self.node
            && stage.bound.is_none()
            && let Some(factor) = constant(&value.waiting)
            && covers(&value.view, stage.elements())
        {
            stage.bound = Some(range / factor.abs());
            stage.typical = Some(typical / factor.abs());
        }
    }

    pub(super) fn stage(&mut self, kind: Kind, shape: &[usize], levels: u32) -> View {
        let before = kind
            .operands()
            .map(|id| self.stages[id.index()].depth)
            .max()
            .unwrap_or(0);
        let id = StageId(self.stages.len() as u32);
        let depth = before + levels;
        self.stages.push(Stage {
            kind,
            shape: shape.to_vec(),
            levels,
            depth,
            node: self.node,
            bound: None,
            typical: None,
        });
        View::whole(id, shape)
    }

    fn value(&mut self, node: &Node) -> Result<Value> {
        let shape = node.shape.to_vec();
        let operands = node.inputs.as_slice();
        if let Op::Input { index } = node.op {
            return Ok(settled(self.stage(Kind::Input { index }, &shape, 0)));
        }
        let encrypted: Vec<Value> = operands
            .iter()
            .filter_map(|id| self.values[id.index()].clone())
            .collect();
        if let [x, y] = encrypted.as_slice() {
            return Ok(self.pair(node, x.clone(), y.clone(), &shape));
        }
        let [x] = encrypted.as_slice() else {
            return Err(self.unsupported(node));
        };
        let x = x.clone();
        if operands.len() == 2 {
            return self.with_plain(node, x, operands, &shape);
        }
        let from = x.view.shape.clone();
        if let Some(map) = layer::relabel::sources(&node.op, &from, &shape) {
            return Ok(relabelled(x, &map, &shape));
        }
        Ok(match node.op {
            Op::Flatten | Op::Reshape => Value {
                view: x.view.reshaped(&shape),
                ..x
            },
            Op::Conv2d(_) | Op::Linear(_) => {
                let core = core(node, &from, &shape);
                settled(self.affine(x, core, Some(self.node), &shape))
            }
            Op::BatchNorm1d(_) | Op::BatchNorm2d(_) | Op::Normalize { .. } => {
                let inner = shape.iter().skip(1).product::<usize>().max(1);
                let classes = (0..x.view.elements()).map(|i| (i / inner) as u32).collect();
                self.mapped(node, x, Fold::new(Source::Layer(self.node), classes))
            }
            Op::Standardize => {
                let classes = (0..x.view.elements() as u32).collect();
                self.mapped(node, x, Fold::new(Source::Layer(self.node), classes))
            }
            Op::Scale { factor } => self.mapped(node, x, Fold::constant(factor)),
            Op::SumPool2d(_) | Op::Sum { .. } => self.sum(x, core(node, &from, &shape), &shape),
            Op::AvgPool2d(_) | Op::AdaptiveAvgPool2d { .. } | Op::Mean { .. } => {
                let sum = self.sum(x, core(node, &from, &shape), &shape);
                let divisors = layer::divisors(&node.op, &from, &shape);
                let fold = match divisors.as_slice() {
                    [first, rest @ ..] if rest.iter().all(|d| d == first) => Fold::constant(1.0 / first),
                    _ => {
                        let period = divisors.len();
                        let classes = (0..sum.view.elements()).map(|i| (i % period) as u32).collect();
                        Fold::new(Source::Divisors(self.node), classes)
                    }
                };
                self.mapped(node, sum, fold)
            }
            Op::Square => {
                let (view, factor) = self.up_to_constant(x);
                let view = self.stage(Kind::Square { x: view }, &shape, 1);
                waiting_constant(view, factor * factor)
            }
            Op::Settle => settled(self.held(x)),
            Op::Polynomial { degree, .. } => {
                let range = self.ranges.map(|ranges| ranges.of(operands[0]));
                self.polynomial(node, operands[0], x, degree, range)?
            }
            Op::Activation(activation) => {
                let range = activation
                    .approx
                    .range
                    .or(self.ranges.map(|ranges| ranges.of(operands[0])));
                match activation.approx.method {
                    Method::Polynomial { degree } => self.polynomial(node, operands[0], x, degree, range)?,
                    Method::Composite { degrees } => {
                        self.composite(node, operands[0], x, activation, degrees)?
                    }
                }
            }
            Op::Reciprocal(reciprocal) => self.reciprocal(operands[0], x, reciprocal)?,
            _ => return Err(self.unsupported(node)),
        })
    }

    pub(super) fn unsupported(&self, node: &Node) -> Error {
        Error::Infeasible {
            what: format!("`{}` at {}", node.op.name(), node.site.call),
            found: "no encrypted form".into(),
            expected: "a layer that the planner knows".into(),
            help: "write it with other layers, or run it in the clear".into(),
        }
    }

    /// An elementwise map behind `x`, folded into the layer in front if the graph's rule says that it can be.
    pub(super) fn mapped(&mut self, node: &Node, x: Value, fold: Fold) -> Value {
        if node.form.is_affine()
            && x.waiting.is_empty()
            && let Some(view) = self.pushed(&x.view, &fold)
        {
            return settled(view);
        }
        let mut waiting = x.waiting;
        waiting.push(fold);
        Value { waiting, ..x }
    }

    /// A view that holds the value up to a constant, which is returned.
    pub(super) fn up_to_constant(&mut self, x: Value) -> (View, f64) {
        match constant(&x.waiting) {
            Some(factor) => (x.view, factor),
            None => (self.applied(x), 1.0),
        }
    }

    /// A view that holds the value: what waits is applied, for one level unless it is a sign.
    pub(super) fn held(&mut self, x: Value) -> View {
        match constant(&x.waiting) {
            Some(1.0) => x.view,
            Some(-1.0) => {
                let shape = x.view.shape.clone();
                self.stage(Kind::Negate { x: x.view }, &shape, 0)
            }
            _ => self.applied(x),
        }
    }

    pub(super) fn applied(&mut self, x: Value) -> View {
        let shape = x.view.shape.clone();
        let elements = x.view.elements();
        self.affine(x, Pattern::Diagonal { elements }, None, &shape)
    }

    fn affine(&mut self, x: Value, core: Pattern, weights: Option<NodeId>, shape: &[usize]) -> View {
        let affine = Affine {
            input: x.view.stage,
            input_elements: self.stages[x.view.stage.index()].elements(),
            pattern: core.clone(),
            core,
            weights,
            columns: x.view.map,
            before: x.waiting,
            rows: None,
            behind: Vec::new(),
        };
        self.stage(Kind::Affine(affine), shape, 1)
    }

    pub(super) fn shift(&mut self, x: View, folds: Vec<Fold>) -> View {
        let shape = x.shape.clone();
        self.stage(
            Kind::Shift {
                x,
                offset: Offset { folds, opens: false },
            },
            &shape,
            0,
        )
    }

    /// Unweighted sums. What waits is constant on each window, by the graph's rule, and goes on waiting.
    fn sum(&mut self, x: Value, pattern: Pattern, shape: &[usize]) -> Value {
        let folds: Option<Vec<Fold>> = x.waiting.iter().map(|fold| summed(fold, &pattern)).collect();
        let (view, waiting) = match folds {
            Some(waiting) => (x.view, waiting),
            None => (self.applied(x), Vec::new()),
        };
        let view = self.stage(Kind::Sum { x: view, pattern }, shape, 0);
        Value { view, waiting }
    }
}

/// Whether a view shows every element of its stage.
fn covers(view: &View, elements: usize) -> bool {
    match &view.map {
        None => true,
        Some(map) => inverse(map, elements).is_some_and(|inverse| !inverse.contains(&ZERO)),
    }
}

pub(super) fn settled(view: View) -> Value {
    Value {
        view,
        waiting: Vec::new(),
    }
}

pub(super) fn waiting_constant(view: View, factor: f64) -> Value {
    let waiting = if factor == 1.0 {
        Vec::new()
    } else {
        vec![Fold::constant(factor)]
    };
    Value { view, waiting }
}

pub(super) fn relabelled(x: Value, map: &[u32], shape: &[usize]) -> Value {
    let waiting = x.waiting.iter().map(|fold| fold.relabelled(map)).collect();
    Value {
        view: x.view.relabelled(map, shape),
        waiting,
    }
}

/// The map that waits behind window sums if `fold` waits in front, provided it is constant on every window.
fn summed(fold: &Fold, pattern: &Pattern) -> Option<Fold> {
    if fold.as_constant().is_some() {
        return Some(fold.clone());
    }
    let mut classes = vec![None; pattern.rows()];
    let mut weights = vec![0.0; pattern.rows()];
    let mut constant = true;
    pattern.for_each(&mut |o, i, _| {
        let class = fold.classes.as_ref().map_or(0, |classes| classes[i as usize]);
        constant &= *classes[o as usize].get_or_insert(class) == class;
        weights[o as usize] += fold.weight.as_ref().map_or(1.0, |weight| weight[i as usize]);
    });
    constant.then(|| Fold {
        source: fold.source,
        part: fold.part,
        classes: Some(classes.into_iter().map(|class| class.unwrap_or(ZERO)).collect()),
        weight: fold.has_offset().then(|| weights.into()),
    })
}

/// The pattern of a layer between the shapes it sees.
fn core(node: &Node, from: &[usize], to: &[usize]) -> Pattern {
    let image = |shape: &[usize]| [shape[0], shape[1], shape[2]];
    let window = |kernel, stride, padding| Window {
        kernel,
        stride,
        padding,
        dilation: [1, 1],
    };
    match node.op {
        Op::Conv2d(c) => {
            let window = window(c.kernel, c.stride, c.padding);
            Pattern::Conv2d {
                input: image(from),
                output: image(to),
                window,
                groups: 1,
            }
        }
        Op::AvgPool2d(p) => Pattern::Pool {
            input: image(from),
            output: image(to),
            window: window(p.kernel, p.stride, p.padding),
        },
        Op::SumPool2d(p) => Pattern::Pool {
            input: image(from),
            output: image(to),
            window: window(p.kernel, p.stride, p.padding),
        },
        Op::AdaptiveAvgPool2d { .. } => Pattern::AdaptivePool {
            input: image(from),
            output: image(to),
        },
        Op::Mean { axis } | Op::Sum { axis } => Pattern::Reduce {
            outer: from[..axis].iter().product(),
            axis: from[axis],
            inner: from[axis + 1..].iter().product(),
        },
        _ => {
            let (out, input) = (to.last().copied().unwrap_or(1), from.last().copied().unwrap_or(1));
            Pattern::Dense {
                batch: from.iter().product::<usize>() / input,
                out,
                input,
            }
        }
    }
}
