//! Inverses and inverse square roots: the steps of an iteration as stages, so that values can be refreshed in between.
//!
//! Notation: the approximation holds on `[lo, hi]`, `half = (hi - lo) / 2`, `m = (hi + lo) / (hi - lo)`; `y` approximates the result.
//! Every product of a ciphertext with a constant would take a level, so that values are held at factors that make these constants 1 on the
//! longest path.
//!
//! **Inverse** ([`approx::Inverse`]), from a constant: `e_{k+1} = c_k e_k^2 - (c_k - 1)`, `y_{k+1} = c_k y_k (1 + e_k)`. With `E_k = s_k e_k`
//! and `s_k^2 = c_k s_{k+1}` the first is `E_{k+1} = E_k^2 - s_{k+1} (c_k - 1)`; with `Y_k = a_k y_k` and `a_{k+1} = a_k s_k / c_k` the second
//! `Y_{k+1} = Y_k (E_k + s_k)`. The last `a` is 1, and the first product is one with a constant, beside the first square.
//!
//! **Inverse square root** ([`approx::InverseSqrt`]): `y_{k+1} = y_k (a_k - b_k x y_k^2)` with positive `a_k`, `b_k`. With `X = x / half`, which
//! is the operand of the seed plus `m`, and `Y_k = h_k y_k`, `h_{k+1} = h_k^3 / (half b_k)`, it is
//! `Y_{k+1} = (a_k h_{k+1} / h_k) Y_k - (X Y_k) Y_k^2`: two levels, the product with the constant beside the longer path. The last `h` is 1.

use super::build::{Builder, Value, settled};
use super::fold::{Fold, constant};
use super::stage::{Kind, Offset};
use super::view::View;
use crate::approx::{Interval, Inverse, InverseSqrt};
use crate::error::Result;
use crate::graph::NodeId;
use crate::layer::{Positive, Reciprocal, inverse_steps};
use he_core::ckks::polynomial::polynomial_levels;

impl Builder<'_> {
    /// A negative power of a value.
    pub(super) fn reciprocal(&mut self, operand: NodeId, x: Value, reciprocal: Reciprocal) -> Result<Value> {
        let on = reciprocal.on();
        let [lo, hi] = on.widened();
        let interval = Interval::new(lo, hi)?;
        let last = match reciprocal {
            Reciprocal::Inverse(_) => {
                let steps = inverse_steps(on) as usize;
                self.inverse(operand, x, on, &Inverse::in_steps(interval, steps))
            }
            Reciprocal::InverseSqrt(_) => {
                let root = InverseSqrt::new(interval, on.precision)?;
                self.inverse_sqrt(operand, x, on, &root)
            }
        };
        if let Some(ranges) = self.ranges {
            let result = &mut self.stages[last.stage.index()];
            result.bound = result.bound.map(|bound| bound.min(ranges.of(self.node)));
            result.typical = Some(ranges.typical(self.node));
        }
        Ok(settled(last))
    }

    fn inverse(&mut self, operand: NodeId, x: Value, on: Positive, found: &Inverse) -> View {
        let [lo, hi] = on.widened();
        let (half, m) = (0.5 * (hi - lo), (hi + lo) / (hi - lo));
        let factors = found.factors();
        let mut scales = vec![1.0; factors.len()];
        for k in (1..factors.len()).rev() {
            scales[k - 1] = (factors[k - 1] * scales[k]).sqrt();
        }
        // The largest |e|, and c - 1 behind a step: c e^2 - (c - 1) is as large where e is 0 as where |e| is largest.
        let mut residual = 1.0 / m;
        // e_0 = -u / m is 1 at x = 0.
        let mut e = self.opened(operand, x, on, [-scales[0] / (m * half), scales[0]]);
        self.bounded(&e, scales[0] * residual);
        let mut gain: f64 = factors.iter().zip(&scales).skip(1).map(|(c, s)| c / s).product();
        gain *= factors[0] / (m * half);
        let mut largest = gain * (1.0 + residual);
        let mut y = self.applied(Value {
            view: e.clone(),
            waiting: vec![Fold::addend(scales[0]), Fold::constant(gain / scales[0])],
        });
        self.bounded(&y, largest);
        let shape = y.shape.clone();
        // a_1, by which y_1 is held.
        let mut held = gain / factors[0] * (m * half);
        for k in 1..factors.len() {
            let (c, scale) = (factors[k - 1], scales[k]);
            let square = self.stage(Kind::Square { x: e }, &shape, 1);
            self.bounded(&square, (scales[k - 1] * residual).powi(2));
            residual = c - 1.0;
            e = self.shift(square, vec![Fold::addend(-scale * (c - 1.0))]);
            self.bounded(&e, scale * residual);
            let factor = self.shift(e.clone(), vec![Fold::addend(scale)]);
            self.bounded(&factor, scale * (1.0 + residual));
            y = self.stage(Kind::Multiply { x: y, y: factor }, &shape, 1);
            held *= scale / factors[k];
            largest = (largest * scale * (1.0 + residual)).min(held * factors[k] / lo);
            self.bounded(&y, largest);
        }
        y
    }

    fn inverse_sqrt(&mut self, operand: NodeId, x: Value, on: Positive, found: &InverseSqrt) -> View {
        let [lo, hi] = on.widened();
        let (half, m) = (0.5 * (hi - lo), (hi + lo) / (hi - lo));
        let steps = found.steps();
        let mut held = vec![1.0; steps.len() + 1];
        for (k, [_, b]) in steps.iter().enumerate().rev() {
            held[k] = (held[k + 1] * b.abs() * half).cbrt();
        }
        // A step on 1 - t <= s <= 1 + t is a multiple of s (3 + t^2 - s^2).
        let errors: Vec<f64> = steps
            .iter()
            .map(|[a, b]| (-a / b - 3.0).max(0.0).sqrt())
            .chain([found.error()])
            .collect();
        let largest = |k: usize| held[k] * (1.0 + errors[k]) / lo.sqrt();
        let u = self.opened(operand, x, on, [1.0 / half, -m]);
        self.bounded(&u, 1.0);
        let shape = u.shape.clone();
        let degree = found.seed().degree();
        let seed = Kind::Polynomial {
            x: u.clone(),
            degree,
            argument: 1.0,
            function: self.node,
            range: 1.0,
            factor: held[0],
            piece: None,
            seed: Some(found.seed().coefficients().into()),
        };
        let mut y = self.stage(seed, &shape, polynomial_levels(degree) as u32);
        self.bounded(&y, largest(0));
        if steps.is_empty() {
            return y;
        }
        let x = self.shift(u, vec![Fold::addend(m)]);
        self.bounded(&x, m + 1.0);
        for (k, [a, _]) in steps.iter().enumerate() {
            let near_one = 1.0 + errors[k];
            let root = self.stage(
                Kind::Multiply {
                    x: x.clone(),
                    y: y.clone(),
                },
                &shape,
                1,
            );
            self.bounded(&root, held[k] * near_one * hi.sqrt() / half);
            let square = self.stage(Kind::Square { x: y.clone() }, &shape, 1);
            self.bounded(&square, largest(k).powi(2));
            let cubed = self.stage(Kind::Multiply { x: root, y: square }, &shape, 1);
            self.bounded(&cubed, largest(k).powi(3) * lo / half);
            let gain = a * held[k + 1] / held[k];
            let line = self.applied(Value {
                view: y,
                waiting: vec![Fold::constant(gain)],
            });
            self.bounded(&line, gain * largest(k));
            y = self.stage(Kind::Sub { x: line, y: cubed }, &shape, 0);
            self.bounded(&y, largest(k + 1));
        }
        y
    }

    /// `a x + b`, which alone reads its operand. The layer in front delivers `a x` where it can; else that takes a level.
    fn opened(&mut self, operand: NodeId, mut x: Value, on: Positive, [a, b]: [f64; 2]) -> View {
        let delivered = match constant(&x.waiting) {
            Some(factor) if self.model.node(operand).form.is_affine() => {
                self.pushed(&x.view, &Fold::constant(factor * a))
            }
            _ => None,
        };
        let view = delivered.unwrap_or_else(|| {
            x.waiting.push(Fold::constant(a));
            self.applied(x)
        });
        if view.map.is_none() {
            let (seen, typical) = self.ranges.map_or((on.hi, None), |ranges| {
                (ranges.of(operand).min(on.hi), Some(ranges.typical(operand)))
            });
            let stage = &mut self.stages[view.stage.index()];
            stage.bound = Some(a.abs() * seen);
            stage.typical = typical.map(|typical| a.abs() * typical);
        }
        let shape = view.shape.clone();
        let offset = Offset {
            folds: vec![Fold::addend(b)],
            opens: true,
        };
        self.stage(Kind::Shift { x: view, offset }, &shape, 0)
    }

    fn bounded(&mut self, view: &View, bound: f64) {
        self.stages[view.stage.index()].bound = Some(bound);
    }
}
