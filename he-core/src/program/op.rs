//! The operations of a tile-tensor program.
//!
//! A [`Program`] is plain data in static single assignment form. A *value* is a list of *tiles*, each one ciphertext of `slots`
//! complex slots, all at one level and one scale. Operations never name a tensor dimension: the layout that gave each slot its
//! meaning was spent when the plaintexts were described, so every reader (run, clear, count, verify, keys, text, codec) walks the
//! same few operations.
//!
//! Notation: `rot_r(x)[s] = x[(s + r) mod slots]`.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::bootstrap::BootstrapSpec;

/// Index of a value in [`Program::values`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ValueId(pub u32);

/// Index of a plaintext in [`Program::plaintexts`]. What stands in its slots is known only once weights are loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PlainId(pub u32);

/// One product of a linear transform: `rot_giant(plain ⊙ rot_baby(input tile))`, added to an output tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Term {
    /// Output tile the product is added to.
    pub output: u32,
    /// Rotation applied after the product, shared by all terms of one output with the same giant step; in `0..slots`.
    pub giant: i32,
    /// Input tile.
    pub input: u32,
    /// Rotation of the input tile, hoisted: shared by all outputs; in `0..slots`.
    pub baby: i32,
    /// The plaintext, already rotated by `-giant`.
    pub plain: PlainId,
}

impl Term {
    /// The rotations of inputs that some terms take, each once, by input tile.
    pub(crate) fn babies(terms: &[Self]) -> BTreeSet<(u32, i32)> {
        let rotated = terms.iter().filter(|t| t.baby != 0);
        rotated.map(|t| (t.input, t.baby)).collect()
    }

    /// The rotations of sums that some terms take, each once, by output tile.
    pub(crate) fn giants(terms: &[Self]) -> BTreeSet<(u32, i32)> {
        let rotated = terms.iter().filter(|t| t.giant != 0);
        rotated.map(|t| (t.output, t.giant)).collect()
    }
}

/// An operation. Levels and scales of its result stand in [`ValueInfo`]; `verify` derives them anew.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Op {
    /// The tiles of a program input (index into [`Program::inputs`]).
    Input {
        /// Which input.
        index: u32,
    },
    /// `y[o] = rescale(sum of the terms of o)`: one level.
    Linear {
        /// Operand.
        x: ValueId,
        /// Number of output tiles.
        outputs: u32,
        /// Products, sorted by (output, giant, input, baby).
        terms: Vec<Term>,
        /// False leaves the result at its product scale (the last layer of a chain saves the prime).
        rescale: bool,
    },
    /// `y = x; for stage in stages { y = sum of rot_r(y) for r in stage }`: no level. A stage is ascending, in `0..slots`, and starts
    /// with 0.
    RotateSum {
        /// Operand.
        x: ValueId,
        /// Rotations of each stage.
        stages: Vec<Vec<i32>>,
    },
    /// Tile `i` of the result is `rot_{by[i]}` of tile `i` of `x`: no level.
    Rotate {
        /// Operand.
        x: ValueId,
        /// One rotation a tile, in `0..slots`.
        by: Vec<i32>,
    },
    /// `x + y`, equal level and scale.
    Add {
        /// Left operand.
        x: ValueId,
        /// Right operand.
        y: ValueId,
    },
    /// `x - y`, equal level and scale.
    Sub {
        /// Left operand.
        x: ValueId,
        /// Right operand.
        y: ValueId,
    },
    /// `x + p`, a plaintext per tile encoded at the level and scale of `x`.
    AddPlain {
        /// Operand.
        x: ValueId,
        /// One plaintext a tile.
        plain: Vec<PlainId>,
    },
    /// Slot-wise product of two ciphertexts of one level, relinearised and rescaled: one level.
    Multiply {
        /// Left operand.
        x: ValueId,
        /// Right operand.
        y: ValueId,
    },
    /// Slot-wise square, relinearised and rescaled: one level.
    Square {
        /// Operand.
        x: ValueId,
    },
    /// `c * x` for a constant known at load time (a constant-class plaintext), rescaled: one level.
    Scale {
        /// Operand.
        x: ValueId,
        /// The constant.
        plain: PlainId,
    },
    /// Complex conjugate of every slot: no level.
    Conjugate {
        /// Operand.
        x: ValueId,
    },
    /// `i * x`: exact, no level.
    MulI {
        /// Operand.
        x: ValueId,
    },
    /// Brings `x` to a lower level at that level's canonical scale (drop limbs, multiply by one, rescale).
    Adjust {
        /// Operand.
        x: ValueId,
        /// Target level.
        level: u32,
    },
    /// Concatenates the tiles of several values of one level and scale: free.
    Gather {
        /// Operands, in order.
        parts: Vec<ValueId>,
    },
    /// Selects tiles: free.
    Select {
        /// Operand.
        x: ValueId,
        /// Tiles kept, in order.
        tiles: Vec<u32>,
    },
    /// Polynomial of degree `degree` in the slots, Chebyshev basis on [-1, 1], evaluated by a scale-exact straight-line program:
    /// `ceil(log2(degree + 1))` levels. The coefficients (constants) come with the weights; operand and result are canonical.
    Polynomial {
        /// Operand.
        x: ValueId,
        /// `degree + 1` constant plaintexts, coefficient of T_0 first. They enter the straight-line program as numbers, so their
        /// recorded scale is not used.
        coefficients: Vec<PlainId>,
    },
    /// The same slots at the level that [`Program::bootstrap`] refreshes to. Tiles are refreshed two at a time, as real and imaginary
    /// parts. The slots are real and at most `bound` in absolute value; the operand stands above the entry level, or at that level at
    /// its canonical scale divided by the bound, in which case nothing has to be multiplied.
    Refresh {
        /// Operand.
        x: ValueId,
        /// The largest absolute value of a slot.
        bound: f64,
    },
}

impl Op {
    /// Name of the operation, as printed.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Input { .. } => "input",
            Self::Linear { .. } => "linear",
            Self::RotateSum { .. } => "rotate_sum",
            Self::Rotate { .. } => "rotate",
            Self::Add { .. } => "add",
            Self::Sub { .. } => "sub",
            Self::AddPlain { .. } => "add_plain",
            Self::Multiply { .. } => "multiply",
            Self::Square { .. } => "square",
            Self::Scale { .. } => "scale",
            Self::Conjugate { .. } => "conjugate",
            Self::MulI { .. } => "mul_i",
            Self::Adjust { .. } => "adjust",
            Self::Gather { .. } => "gather",
            Self::Select { .. } => "select",
            Self::Polynomial { .. } => "polynomial",
            Self::Refresh { .. } => "refresh",
        }
    }

    /// Values the operation reads.
    pub fn operands(&self) -> Vec<ValueId> {
        match self {
            Self::Input { .. } => Vec::new(),
            Self::Add { x, y } | Self::Sub { x, y } | Self::Multiply { x, y } => vec![*x, *y],
            Self::Gather { parts } => parts.clone(),
            Self::Linear { x, .. }
            | Self::RotateSum { x, .. }
            | Self::Rotate { x, .. }
            | Self::AddPlain { x, .. }
            | Self::Square { x }
            | Self::Scale { x, .. }
            | Self::Conjugate { x }
            | Self::MulI { x }
            | Self::Adjust { x, .. }
            | Self::Select { x, .. }
            | Self::Polynomial { x, .. }
            | Self::Refresh { x, .. } => vec![*x],
        }
    }
}

/// What the planner says about a value, and `verify` checks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ValueInfo {
    /// Number of ciphertexts.
    pub tiles: u32,
    /// Level (number of rescales left).
    pub level: u32,
    /// Exact scale as the canonical table of the chain gives it, or a product scale.
    pub scale: f64,
    /// Which layer of the network the value belongs to, for reports, progress and errors (index into [`Program::layers`]).
    pub layer: u32,
}

/// How the slots of a plaintext repeat: decides how it is stored and multiplied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PlainClass {
    /// All slots equal.
    Constant,
    /// `p[s] = p[s mod period]`, period a power of two.
    Periodic {
        /// Slots after which the plaintext repeats.
        period: u32,
    },
    /// No structure.
    General,
}

impl PlainClass {
    /// Slots after which a plaintext repeats, of `slots` in all.
    pub(crate) fn period(self, slots: usize) -> usize {
        match self {
            PlainClass::Constant => 1,
            PlainClass::Periodic { period } => period as usize,
            PlainClass::General => slots,
        }
    }
}

/// Where and how a plaintext is encoded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlainInfo {
    /// Level whose primes it is encoded on.
    pub level: u32,
    /// Encoding scale.
    pub scale: f64,
    /// Also encoded on the special primes (factors of a double-hoisted transform).
    pub special: bool,
    /// Structure.
    pub class: PlainClass,
    /// Operand tag: plain weights now, encrypted weights later.
    pub encrypted: bool,
}

/// A named tensor entering or leaving the program.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Port {
    /// Name in the model.
    pub name: String,
    /// The value that carries it.
    pub value: ValueId,
}

/// Operations in execution order with everything a reader needs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Program {
    /// Slots of a tile.
    pub slots: u32,
    /// Names of the layers, for reports.
    pub layers: Vec<String>,
    /// `ops[i]` defines `values[i]`.
    pub ops: Vec<Op>,
    /// Information about every value.
    pub values: Vec<ValueInfo>,
    /// Information about every plaintext.
    pub plaintexts: Vec<PlainInfo>,
    /// Named inputs.
    pub inputs: Vec<Port>,
    /// Named outputs.
    pub outputs: Vec<Port>,
    /// How ciphertexts are refreshed, if any are.
    pub bootstrap: Option<BootstrapSpec>,
}

impl Program {
    /// The specification of refreshing, where a value is refreshed.
    pub fn refreshing(&self) -> Option<&BootstrapSpec> {
        let any = self.ops.iter().any(|op| matches!(op, Op::Refresh { .. }));
        self.bootstrap.as_ref().filter(|_| any)
    }

    /// For every value, the index of the last operation that reads it; `ops.len()` where it is an output, its own index where
    /// nothing reads it. An executor frees a value after that operation.
    pub fn last_uses(&self) -> Vec<usize> {
        let mut last: Vec<usize> = (0..self.ops.len()).collect();
        for (index, op) in self.ops.iter().enumerate() {
            for operand in op.operands() {
                last[operand.0 as usize] = index;
            }
        }
        for port in &self.outputs {
            last[port.value.0 as usize] = self.ops.len();
        }
        last
    }
}
