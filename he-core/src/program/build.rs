//! Writes programs: allocates values and plaintexts, tracks levels and scales.
//!
//! Every method appends one operation, whose result gets its tiles, level and scale from [`infer`](super::infer); a method fails
//! where `verify` would. Rotations are reduced to `0..slots` and terms sorted here, so callers may write negative steps in any
//! order. Plaintexts whose values do not depend on weights (masks, constants) can be given at once and come back from
//! [`Builder::finish`].

use super::chain::ChainView;
use super::infer::{Fault, Scope, State};
use super::op::{Op, PlainClass, PlainId, PlainInfo, Port, Program, Term, ValueId, ValueInfo};
use super::slots::{PlainValues, Slots};
use super::verify::{Verified, VerifyError};
use crate::bootstrap::BootstrapSpec;

/// A program being written.
#[derive(Clone, Debug)]
pub struct Builder {
    chain: ChainView,
    program: Program,
    known: PlainValues,
    layer: u32,
}

impl Builder {
    /// An empty program on tiles of `slots`.
    pub fn new(slots: u32, chain: ChainView) -> Self {
        let program = Program {
            slots,
            layers: Vec::new(),
            ops: Vec::new(),
            values: Vec::new(),
            plaintexts: Vec::new(),
            inputs: Vec::new(),
            outputs: Vec::new(),
            bootstrap: None,
        };
        Self {
            chain,
            program,
            known: PlainValues::default(),
            layer: 0,
        }
    }

    /// Says how ciphertexts are refreshed.
    #[must_use]
    pub fn bootstrapping(mut self, spec: BootstrapSpec) -> Self {
        self.program.bootstrap = Some(spec);
        self
    }

    /// Starts a layer: operations written from now on belong to it.
    pub fn layer(&mut self, name: impl Into<String>) {
        self.layer = self.program.layers.len() as u32;
        self.program.layers.push(name.into());
    }

    /// Slots of a tile.
    pub fn slots(&self) -> usize {
        self.program.slots as usize
    }

    /// The chain the program is written for.
    pub fn chain(&self) -> &ChainView {
        &self.chain
    }

    /// The program written so far.
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// Tiles, level and scale of a value.
    pub fn state(&self, x: ValueId) -> Result<State, VerifyError> {
        let defined = self.program.values.len();
        let found = self.program.values.get(x.0 as usize).map(State::from);
        found.ok_or_else(|| self.error("value", Fault::Value { found: x.0, defined }))
    }

    /// A named input of `tiles` tiles, canonical at `level`.
    pub fn input(&mut self, name: &str, tiles: u32, level: u32) -> Result<ValueId, VerifyError> {
        let index = self.program.inputs.len() as u32;
        let value = self.push(
            Op::Input { index },
            State {
                tiles,
                level,
                scale: 1.0,
            },
        )?;
        self.program.inputs.push(Port {
            name: name.into(),
            value,
        });
        Ok(value)
    }

    /// Names `x` an output.
    pub fn output(&mut self, name: &str, x: ValueId) {
        self.program.outputs.push(Port {
            name: name.into(),
            value: x,
        });
    }

    /// A plaintext at `level` and `scale`.
    pub fn plaintext(&mut self, info: PlainInfo) -> PlainId {
        let id = PlainId(self.program.plaintexts.len() as u32);
        self.program.plaintexts.push(info);
        id
    }

    /// A factor of `x`, encoded so that product and rescale are canonical one level down. `special` for the factors of a
    /// [`linear`](Self::linear) with giant or baby steps.
    pub fn factor(&mut self, x: ValueId, class: PlainClass, special: bool) -> Result<PlainId, VerifyError> {
        let State { level, scale, .. } = self.state(x)?;
        let encoded = self.chain.factor_scale(level, scale);
        let encoded = encoded.ok_or_else(|| {
            self.error(
                "factor",
                Fault::Level {
                    needed: 1,
                    found: level,
                },
            )
        })?;
        Ok(self.plaintext(PlainInfo {
            level,
            scale: encoded,
            special,
            class,
            encrypted: false,
        }))
    }

    /// A factor of `x` at a scale of the caller's choice: for products that are rescaled later, or never.
    pub fn factor_at(
        &mut self,
        x: ValueId,
        scale: f64,
        class: PlainClass,
        special: bool,
    ) -> Result<PlainId, VerifyError> {
        let level = self.state(x)?.level;
        Ok(self.plaintext(PlainInfo {
            level,
            scale,
            special,
            class,
            encrypted: false,
        }))
    }

    /// A plaintext to be added to `x`.
    pub fn addend(&mut self, x: ValueId, class: PlainClass) -> Result<PlainId, VerifyError> {
        let State { level, scale, .. } = self.state(x)?;
        Ok(self.plaintext(PlainInfo {
            level,
            scale,
            special: false,
            class,
            encrypted: false,
        }))
    }

    /// A coefficient of a [`polynomial`](Self::polynomial) in `x`.
    pub fn coefficient(&mut self, x: ValueId) -> Result<PlainId, VerifyError> {
        self.addend(x, PlainClass::Constant)
    }

    /// Gives a plaintext its values now, because they do not depend on weights.
    pub fn know(&mut self, id: PlainId, values: impl Into<Slots>) {
        self.known.insert(id, values);
    }

    /// A factor of `x` with known values, in the class that the values allow.
    pub fn known_factor(&mut self, x: ValueId, values: Slots, special: bool) -> Result<PlainId, VerifyError> {
        let (class, values) = values.classify(self.slots());
        let id = self.factor(x, class, special)?;
        self.know(id, values);
        Ok(id)
    }

    /// `y[o] = rescale(sum of the terms of o)`.
    pub fn linear(&mut self, x: ValueId, outputs: u32, terms: Vec<Term>) -> Result<ValueId, VerifyError> {
        let terms = self.arrange(terms);
        self.derived(Op::Linear {
            x,
            outputs,
            terms,
            rescale: true,
        })
    }

    /// As [`linear`](Self::linear), left at the product scale and at the level of `x`.
    pub fn linear_unscaled(
        &mut self,
        x: ValueId,
        outputs: u32,
        terms: Vec<Term>,
    ) -> Result<ValueId, VerifyError> {
        let terms = self.arrange(terms);
        self.derived(Op::Linear {
            x,
            outputs,
            terms,
            rescale: false,
        })
    }

    /// Sums of rotations, stage after stage. Stages that sum nothing are left out; none left returns `x`.
    pub fn rotate_sum(&mut self, x: ValueId, stages: &[Vec<i32>]) -> Result<ValueId, VerifyError> {
        let mut kept = Vec::new();
        for stage in stages {
            let mut stage: Vec<i32> = stage.iter().map(|&r| self.reduce(r)).collect();
            stage.sort_unstable();
            if stage != [0] {
                kept.push(stage);
            }
        }
        if kept.is_empty() {
            Ok(x)
        } else {
            self.derived(Op::RotateSum { x, stages: kept })
        }
    }

    /// Tile `i` of `x` rotated by `by[i]`; returns `x` where nothing turns.
    pub fn rotate(&mut self, x: ValueId, by: &[i32]) -> Result<ValueId, VerifyError> {
        let by: Vec<i32> = by.iter().map(|&r| self.reduce(r)).collect();
        if by.iter().all(|&r| r == 0) && by.len() == self.state(x)?.tiles as usize {
            return Ok(x);
        }
        self.derived(Op::Rotate { x, by })
    }

    /// `x + y`.
    pub fn add(&mut self, x: ValueId, y: ValueId) -> Result<ValueId, VerifyError> {
        self.derived(Op::Add { x, y })
    }

    /// `x - y`.
    pub fn sub(&mut self, x: ValueId, y: ValueId) -> Result<ValueId, VerifyError> {
        self.derived(Op::Sub { x, y })
    }

    /// `x + p`, one plaintext a tile.
    pub fn add_plain(&mut self, x: ValueId, plain: Vec<PlainId>) -> Result<ValueId, VerifyError> {
        self.derived(Op::AddPlain { x, plain })
    }

    /// Slot-wise product.
    pub fn multiply(&mut self, x: ValueId, y: ValueId) -> Result<ValueId, VerifyError> {
        self.derived(if x == y {
            Op::Square { x }
        } else {
            Op::Multiply { x, y }
        })
    }

    /// Slot-wise square.
    pub fn square(&mut self, x: ValueId) -> Result<ValueId, VerifyError> {
        self.derived(Op::Square { x })
    }

    /// Product with a constant.
    pub fn scale(&mut self, x: ValueId, plain: PlainId) -> Result<ValueId, VerifyError> {
        self.derived(Op::Scale { x, plain })
    }

    /// Complex conjugate.
    pub fn conjugate(&mut self, x: ValueId) -> Result<ValueId, VerifyError> {
        self.derived(Op::Conjugate { x })
    }

    /// `i * x`.
    pub fn mul_i(&mut self, x: ValueId) -> Result<ValueId, VerifyError> {
        self.derived(Op::MulI { x })
    }

    /// Brings `x` to `level` at its canonical scale; returns `x` where it stands there already.
    pub fn adjust(&mut self, x: ValueId, level: u32) -> Result<ValueId, VerifyError> {
        let state = self.state(x)?;
        if state.level == level && self.chain.is_canonical(level, state.scale) {
            return Ok(x);
        }
        self.derived(Op::Adjust { x, level })
    }

    /// The tiles of several values, in order.
    pub fn gather(&mut self, parts: Vec<ValueId>) -> Result<ValueId, VerifyError> {
        if let [only] = parts[..] {
            return Ok(only);
        }
        self.derived(Op::Gather { parts })
    }

    /// Some tiles of `x`.
    pub fn select(&mut self, x: ValueId, tiles: Vec<u32>) -> Result<ValueId, VerifyError> {
        if tiles.iter().copied().eq(0..self.state(x)?.tiles) {
            return Ok(x);
        }
        self.derived(Op::Select { x, tiles })
    }

    /// Chebyshev polynomial on [-1, 1].
    pub fn polynomial(&mut self, x: ValueId, coefficients: Vec<PlainId>) -> Result<ValueId, VerifyError> {
        self.derived(Op::Polynomial { x, coefficients })
    }

    /// `x`, of real slots up to `bound` in absolute value, back at the level of fresh ciphertexts.
    pub fn refresh(&mut self, x: ValueId, bound: f64) -> Result<ValueId, VerifyError> {
        self.derived(Op::Refresh { x, bound })
    }

    /// Checks the program and returns it with the plaintext values known so far.
    pub fn finish(self) -> Result<(Verified, PlainValues), VerifyError> {
        Ok((Verified::new(self.program, &self.chain)?, self.known))
    }

    /// The representative of a rotation in `0..slots`.
    fn reduce(&self, r: i32) -> i32 {
        r.rem_euclid(self.program.slots.max(1) as i32)
    }

    fn arrange(&self, mut terms: Vec<Term>) -> Vec<Term> {
        for t in &mut terms {
            (t.giant, t.baby) = (self.reduce(t.giant), self.reduce(t.baby));
        }
        terms.sort_unstable_by_key(|t| (t.output, t.giant, t.input, t.baby));
        terms
    }

    fn derived(&mut self, op: Op) -> Result<ValueId, VerifyError> {
        self.push(
            op,
            State {
                tiles: 0,
                level: 0,
                scale: 0.0,
            },
        )
    }

    fn push(&mut self, op: Op, declared: State) -> Result<ValueId, VerifyError> {
        if self.program.layers.is_empty() {
            self.layer("program");
        }
        let scope = Scope::of(&self.program, &self.chain, self.program.ops.len());
        let state = scope
            .infer(&op, declared)
            .map_err(|fault| self.error(op.name(), fault))?;
        let id = ValueId(self.program.ops.len() as u32);
        self.program.ops.push(op);
        let State { tiles, level, scale } = state;
        self.program.values.push(ValueInfo {
            tiles,
            level,
            scale,
            layer: self.layer,
        });
        Ok(id)
    }

    fn error(&self, kind: &'static str, fault: Fault) -> VerifyError {
        let layer = self
            .program
            .layers
            .get(self.layer as usize)
            .cloned()
            .unwrap_or_default();
        VerifyError {
            op: self.program.ops.len(),
            kind,
            layer,
            fault,
        }
    }
}
