//! Polynomials: what the layer in front of one can deliver for it.
//!
//! Notation: `u = x / range`, `T_k` the Chebyshev polynomial of degree `k`, `c_k` the coefficients in `T_k(u)`.

use super::build::{Builder, Value, settled};
use super::fold::{Fold, Source};
use super::stage::Kind;
use super::view::View;
use crate::error::{Error, Result};
use crate::graph::{Node, NodeId, Op};

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
        };
        Ok(settled(self.stage(kind, &shape, node.spent)))
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
        };
        let rest = self.stage(rest, &shape, doublings);
        Some(self.stage(Kind::Add { x: top, y: rest }, &shape, 0))
    }
}
