//! Polynomials: what the layer in front of one can deliver for it.
//!
//! Notation: `u = x / range`, `T_k` the Chebyshev polynomial of degree `k`, `c_k` the coefficients in `T_k(u)`.

use super::build::{Builder, Value, settled};
use super::composite::{Composite, Piece};
use super::fold::{Fold, Source, constant};
use super::stage::Kind;
use super::view::View;
use crate::error::{Error, Result};
use crate::graph::{Node, NodeId, Op};
use crate::layer::{Activation, Function};
use he_core::ckks::polynomial::polynomial_levels;
use std::sync::Arc;

impl Builder<'_> {
    /// A trained polynomial or a fitted function.
    pub(super) fn polynomial(
        &mut self,
        node: &Node,
        operand: NodeId,
        x: Value,
        degree: usize,
        range: Option<f64>,
    ) -> Result<Value> {
        let label = || format!("`{}` at {}", node.label(), node.site.call);
        let range = range.ok_or_else(|| Error::MissingRange { layer: label() })?;
        let (view, factor) = self.up_to_constant(x);
        let behind_affine = self.model.node(operand).form.is_affine();
        let shape = view.shape.clone();
        let classes = self.coefficient_classes(node, &shape);
        let power = degree.is_power_of_two().then(|| degree.trailing_zeros());
        if let Some(doublings) = power.filter(|&k| k > 0 && k == node.spent && behind_affine)
            && let Some(view) = self.behind_affine(&view, degree, doublings, range, factor, &classes)
        {
            return Ok(settled(view));
        }
        let normalised = if behind_affine {
            self.pushed(&view, &Fold::constant(factor / range))
        } else {
            None
        };
        let (x, argument) = match normalised {
            Some(view) => {
                let seen = self.ranges.map_or(range, |ranges| ranges.of(operand));
                self.stages[view.stage.index()].bound = view.map.is_none().then_some(seen / range);
                (view, 1.0)
            }
            None => (view, factor / range),
        };
        let kind = Kind::Polynomial {
            x,
            degree,
            argument,
            function: self.node,
            range,
            factor: 1.0,
            piece: None,
            seed: None,
        };
        Ok(settled(self.stage(kind, &shape, node.spent)))
    }

    /// The sign, or the rectified linear unit, as the stages of a composite.
    pub(super) fn composite(
        &mut self,
        node: &Node,
        operand: NodeId,
        x: Value,
        activation: Activation,
        degrees: &[usize],
    ) -> Result<Value> {
        let seen = self.ranges.map(|ranges| ranges.of(operand));
        let range = activation
            .approx
            .range
            .or(seen)
            .ok_or_else(|| Error::MissingRange {
                layer: format!("`{}` at {}", node.label(), node.site.call),
            })?;
        let composite = self.members_of(activation.function, degrees)?;
        let limit = composite.limit(range);
        let (view, argument) = self.brought_to(limit, operand, x);
        let shape = view.shape.clone();
        if argument == 1.0 && view.map.is_none() {
            self.stages[view.stage.index()].bound = Some(seen.unwrap_or(range).min(range) / limit);
        }
        let (mut last, mut arriving) = (view.clone(), argument);
        for index in 0..degrees.len() {
            let piece = Piece {
                composite: composite.clone(),
                index,
            };
            // The share that is left is of the number that stands in the view.
            let gain = if composite.is_gate() && index + 1 == degrees.len() {
                limit * argument
            } else {
                1.0
            };
            let (degree, factor) = (piece.degree(), gain / piece.divisor());
            let bound = factor * piece.bound();
            let kind = Kind::Polynomial {
                x: last,
                degree,
                argument: arriving,
                function: self.node,
                range: limit,
                factor,
                piece: Some(piece),
                seed: None,
            };
            last = self.stage(kind, &shape, polynomial_levels(degree) as u32);
            self.stages[last.stage.index()].bound = Some(bound);
            arriving = 1.0;
        }
        if composite.is_gate() {
            last = self.stage(Kind::Multiply { x: view, y: last }, &shape, 1);
        }
        Ok(settled(last))
    }

    /// A view of `x`, and the factor that brings it to `[-limit, limit] / limit`: 1 if the layer in front can deliver it, or what
    /// waits has to be applied anyway.
    fn brought_to(&mut self, limit: f64, operand: NodeId, mut x: Value) -> (View, f64) {
        let Some(factor) = constant(&x.waiting) else {
            x.waiting.push(Fold::constant(1.0 / limit));
            return (self.applied(x), 1.0);
        };
        let delivered = if self.model.node(operand).form.is_affine() {
            self.pushed(&x.view, &Fold::constant(factor / limit))
        } else {
            None
        };
        delivered.map_or((x.view, factor / limit), |view| (view, 1.0))
    }

    /// The composite of a function, made once.
    fn members_of(&mut self, function: Function, degrees: &[usize]) -> Result<Arc<Composite>> {
        let key = (function.name(), degrees.to_vec());
        if let Some(known) = self.composites.get(&key) {
            return Ok(known.clone());
        }
        let made = Arc::new(Composite::new(function, degrees)?);
        self.composites.insert(key, made.clone());
        Ok(made)
    }

    fn coefficient_classes(&self, node: &Node, shape: &[usize]) -> Vec<u32> {
        let per_channel = matches!(
            node.op,
            Op::Polynomial {
                per_channel: true,
                ..
            }
        );
        let inner = shape.iter().skip(1).product::<usize>().max(1);
        let elements: usize = shape.iter().product();
        (0..elements)
            .map(|i| if per_channel { (i / inner) as u32 } else { 0 })
            .collect()
    }

    /// A polynomial of degree `2^doublings` in as many levels, from several multiples that the layer in front delivers.
    ///
    /// With `u = x / range`, `v_0 = s_0 u` and `v_{j+1} = v_j² - s_{j+1}`, `s_{j+1} = s_j² / 2`, induction and `T_{2n} = 2 T_n² - 1` give
    /// `v_j = s_j T_{2^j}(u)`. With `s_k = |c_d|`, and `w_j` carrying the sign of `c_d`, the last product is
    /// `v_{k-1} w_{k-1} = c_d (T_d + 1)`; the rest of the polynomial has degree `d - 1`. For degree 2 that is one product,
    /// `x (c_2 x + c_1) + c_0`.
    fn behind_affine(
        &mut self,
        view: &View,
        degree: usize,
        doublings: u32,
        range: f64,
        factor: f64,
        classes: &[u32],
    ) -> Option<View> {
        let shape = view.shape.clone();
        let fold = |source: Source| Fold::new(source, classes.to_vec());
        let function = self.node;
        let plain = if factor == 1.0 {
            view.clone()
        } else {
            self.pushed(view, &Fold::constant(factor))?
        };
        if doublings == 1 {
            let twin = self.pushed(&plain, &fold(Source::Twin { function, range }))?;
            let product = self.stage(Kind::Multiply { x: plain, y: twin }, &shape, 1);
            return Some(self.shift(product, vec![fold(Source::TwinConstant { function, range })]));
        }
        let unit = self.pushed(&plain, &Fold::constant(1.0 / range))?;
        let chain = |step: u32, signed: bool, offset: bool| {
            let step = Source::Doubling {
                function,
                range,
                doublings,
                step,
                signed,
                offset,
            };
            fold(step)
        };
        let mut v = self.pushed(&unit, &chain(0, false, false))?;
        let mut w = self.pushed(&unit, &chain(0, true, false))?;
        for step in 1..doublings {
            let signed = self.stage(Kind::Multiply { x: v.clone(), y: w }, &shape, 1);
            w = self.shift(signed, vec![chain(step, true, true)]);
            let square = self.stage(Kind::Square { x: v }, &shape, 1);
            v = self.shift(square, vec![chain(step, false, true)]);
        }
        let top = self.stage(Kind::Multiply { x: v, y: w }, &shape, 1);
        let rest = Kind::Polynomial {
            x: unit,
            degree: degree - 1,
            argument: 1.0,
            function,
            range,
            factor: 1.0,
            piece: None,
            seed: None,
        };
        let rest = self.stage(rest, &shape, doublings);
        Some(self.stage(Kind::Add { x: top, y: rest }, &shape, 0))
    }
}
