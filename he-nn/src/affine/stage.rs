//! Stages: what is left of a network once everything that folds has been folded.

use super::composite::Piece;
use super::fold::Fold;
use super::pattern::Pattern;
use super::view::View;
use crate::graph::NodeId;
use std::fmt;
use std::sync::Arc;

/// Index of a stage in [`Stages`](super::Stages); operands come before their consumers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StageId(pub u32);

impl StageId {
    /// The index as a `usize`.
    #[must_use]
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// A linear map plus an offset for each output: one level.
///
/// Its numbers (one value a tap, one offset an output) come from
/// [`Loaded::affine`](super::Loaded::affine) once there is a checkpoint.
#[derive(Clone, Debug, PartialEq)]
pub struct Affine {
    /// The stage read; relabellings in between are part of the pattern.
    pub input: StageId,
    /// Which inputs feed which outputs.
    pub pattern: Pattern,
    /// The layer's own pattern, between tensors of the shapes the layer sees.
    pub(super) core: Pattern,
    /// The node whose weights the core takes; a diagonal core without node is the identity.
    pub(super) weights: Option<NodeId>,
    /// Number of elements of the stage read.
    pub(super) input_elements: usize,
    /// Relabelling in front of the core.
    pub(super) columns: Option<Arc<[u32]>>,
    /// Maps on the inputs of the core.
    pub(super) before: Vec<Fold>,
    /// Relabelling behind the core.
    pub(super) rows: Option<Arc<[u32]>>,
    /// Maps on the outputs.
    pub(super) behind: Vec<Fold>,
}

/// The offset that a [`Kind::Shift`] adds; numbers from [`Loaded::shift`](super::Loaded::shift).
#[derive(Clone, Debug, PartialEq)]
pub struct Offset {
    pub(super) folds: Vec<Fold>,
    /// Whether the steps of an inverse read what it delivers, and nothing else of their operand.
    pub(super) opens: bool,
}

/// What a stage does. Operands are [`View`]s of earlier stages.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Kind {
    /// An input of the model: no level.
    Input {
        /// Index into the model's inputs.
        index: u32,
    },
    /// A linear map and an offset: one level.
    Affine(Affine),
    /// Unweighted sums: no level.
    Sum {
        /// Operand.
        x: View,
        /// Which elements each output adds up; every tap is 1.
        pattern: Pattern,
    },
    /// `x + p` for plaintext `p`: no level.
    Shift {
        /// Operand.
        x: View,
        /// What is added.
        offset: Offset,
    },
    /// `-x`: no level.
    Negate {
        /// Operand.
        x: View,
    },
    /// `x * x`: one level.
    Square {
        /// Operand.
        x: View,
    },
    /// `x * y`: one level.
    Multiply {
        /// Left operand.
        x: View,
        /// Right operand.
        y: View,
    },
    /// `factor * sum c_k T_k(argument * x)`, these products `factor * c_k` from [`Loaded::polynomial`](super::Loaded::polynomial).
    Polynomial {
        /// Operand.
        x: View,
        /// Degree.
        degree: usize,
        /// Factor that brings the operand to `[-1, 1]`: 1 wherever a layer in front delivers it so.
        argument: f64,
        /// The activation or polynomial of the graph.
        function: NodeId,
        /// The interval `[-range, range]` before the division by it.
        range: f64,
        /// Constant that the readers of the result want.
        factor: f64,
        /// Which member of a composite it is, if it is one.
        piece: Option<Piece>,
        /// Its coefficients, if it is the seed of an inverse square root.
        seed: Option<Arc<[f64]>>,
    },
    /// `x + y`: no level.
    Add {
        /// Left operand.
        x: View,
        /// Right operand.
        y: View,
    },
    /// `x - y`: no level.
    Sub {
        /// Left operand.
        x: View,
        /// Right operand.
        y: View,
    },
    /// An output of the model, `factor * x`: no level, the client multiplies.
    Output {
        /// Index into the model's outputs.
        index: u32,
        /// Operand.
        x: View,
        /// Constant that the client applies after decryption.
        factor: f64,
    },
}

impl Kind {
    /// The stages read, with repetition.
    pub fn operands(&self) -> impl Iterator<Item = StageId> {
        let (first, second) = match self {
            Self::Input { .. } => (None, None),
            Self::Affine(affine) => (Some(affine.input), None),
            Self::Sum { x, .. }
            | Self::Shift { x, .. }
            | Self::Negate { x }
            | Self::Square { x }
            | Self::Polynomial { x, .. }
            | Self::Output { x, .. } => (Some(x.stage), None),
            Self::Multiply { x, y } | Self::Add { x, y } | Self::Sub { x, y } => {
                (Some(x.stage), Some(y.stage))
            }
        };
        first.into_iter().chain(second)
    }

    /// Replaces the stages read.
    pub(super) fn renumber(&mut self, new: impl Fn(StageId) -> StageId) {
        match self {
            Self::Input { .. } => {}
            Self::Affine(affine) => affine.input = new(affine.input),
            Self::Sum { x, .. }
            | Self::Shift { x, .. }
            | Self::Negate { x }
            | Self::Square { x }
            | Self::Polynomial { x, .. }
            | Self::Output { x, .. } => x.stage = new(x.stage),
            Self::Multiply { x, y } | Self::Add { x, y } | Self::Sub { x, y } => {
                x.stage = new(x.stage);
                y.stage = new(y.stage);
            }
        }
    }

    /// Name for reports.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Input { .. } => "input",
            Self::Affine(_) => "affine",
            Self::Sum { .. } => "sum",
            Self::Shift { .. } => "shift",
            Self::Negate { .. } => "negate",
            Self::Square { .. } => "square",
            Self::Multiply { .. } => "multiply",
            Self::Polynomial { .. } => "polynomial",
            Self::Add { .. } => "add",
            Self::Sub { .. } => "sub",
            Self::Output { .. } => "output",
        }
    }
}

/// One stage.
#[derive(Clone, Debug, PartialEq)]
pub struct Stage {
    /// What it does.
    pub kind: Kind,
    /// Shape of the result.
    pub shape: Vec<usize>,
    /// Levels it spends.
    pub levels: u32,
    /// Levels on the longest path from an input, this stage included.
    pub depth: u32,
    /// The node of the graph it serves, for names and places in reports.
    pub node: NodeId,
    /// Largest absolute value of the result, where the ranges tell it.
    pub bound: Option<f64>,
    /// Largest root mean square of one sample's values, where the ranges tell it.
    pub typical: Option<f64>,
}

impl Stage {
    /// The member of a composite that it is, if it is one.
    #[must_use]
    pub fn piece(&self) -> Option<&Piece> {
        match &self.kind {
            Kind::Polynomial { piece, .. } => piece.as_ref(),
            _ => None,
        }
    }

    /// Whether what follows magnifies values outside of its interval without bound: slots that hold no element must hold zeros.
    #[must_use]
    pub fn is_guarded(&self) -> bool {
        match &self.kind {
            Kind::Shift { offset, .. } => offset.opens,
            _ => self.piece().is_some_and(Piece::is_first),
        }
    }

    /// Number of elements of the result.
    #[must_use]
    pub fn elements(&self) -> usize {
        self.shape.iter().product()
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {:?} depth {} reads",
            self.kind.name(),
            self.shape,
            self.depth
        )?;
        self.kind.operands().try_for_each(|id| write!(f, " {}", id.0))
    }
}
