//! The nodes of a recorded network.

use core::panic::Location;

use super::{Form, Path, Shape};
use crate::layer::{Activation, AvgPool2d, BatchNorm, Conv2d, Linear, Permute, Reciprocal, Slice, SumPool2d};

/// Index of a node in [`Model::nodes`](crate::Model::nodes); operands come before their consumers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub u32);

impl NodeId {
    /// The index as a `usize`.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// One operation with its options. Axes are counted from 0 without the batch dimension.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Op {
    /// An input of the model (index into [`Model::inputs`](crate::Model::inputs)).
    Input {
        /// Which input.
        index: u32,
    },
    /// A free parameter tensor; its whole name is the node's path.
    Param,
    /// 2-D convolution.
    Conv2d(Conv2d),
    /// Fully connected layer over the last dimension.
    Linear(Linear),
    /// Average over windows.
    AvgPool2d(AvgPool2d),
    /// Average over windows chosen so that the output is `[C, height, width]`.
    AdaptiveAvgPool2d {
        /// Output height.
        height: usize,
        /// Output width.
        width: usize,
    },
    /// Sum over windows.
    SumPool2d(SumPool2d),
    /// Batch normalisation of `[C]` or `[C, L]`.
    BatchNorm1d(BatchNorm),
    /// Batch normalisation of `[C, H, W]`.
    BatchNorm2d(BatchNorm),
    /// `(x - mean) / scale`, elementwise, from the weights.
    Standardize,
    /// `(x - mean) / std` per channel, constants of the program.
    Normalize {
        /// One mean a channel.
        mean: &'static [f64],
        /// One standard deviation a channel.
        std: &'static [f64],
    },
    /// `factor * x`.
    Scale {
        /// The constant.
        factor: f64,
    },
    /// All dimensions in one, row-major.
    Flatten,
    /// The same elements in row-major order under the node's shape.
    Reshape,
    /// Two axes exchanged.
    Transpose {
        /// First axis.
        a: usize,
        /// Second axis.
        b: usize,
    },
    /// Axes reordered.
    Permute(Permute),
    /// Two operands joined along an axis.
    Concat {
        /// The axis.
        axis: usize,
    },
    /// Part of an axis.
    Slice(Slice),
    /// Every `stride`-th row and column, from the first.
    Subsample2d {
        /// Distance of the rows kept.
        stride: usize,
    },
    /// `channels` zero channels before and as many after.
    PadChannels {
        /// Zero channels on each side.
        channels: usize,
    },
    /// `x + y`, broadcast.
    Add,
    /// `x - y`, broadcast.
    Sub,
    /// `x * y`, broadcast.
    Mul,
    /// Mean over one axis, which disappears.
    Mean {
        /// The axis.
        axis: usize,
    },
    /// Sum over one axis, which disappears.
    Sum {
        /// The axis.
        axis: usize,
    },
    /// `x * x`.
    Square,
    /// A polynomial with trained coefficients.
    Polynomial {
        /// Its degree.
        degree: usize,
        /// True if each entry of dimension 0 may have its own coefficients: the checkpoint then offers
        /// `[C, degree + 1]` in place of `[degree + 1]`.
        per_channel: bool,
    },
    /// A smooth scalar function, fitted at plan time.
    Activation(Activation),
    /// A negative power, by steps that are chosen at plan time.
    Reciprocal(Reciprocal),
    /// Applies the pending affine map of its operand, whose consumer cannot absorb it: the identity on values, one level.
    Settle,
}

impl Op {
    /// The name the user wrote.
    pub const fn name(&self) -> &'static str {
        match self {
            Op::Input { .. } => "input",
            Op::Param => "param",
            Op::Conv2d(_) => "conv2d",
            Op::Linear(_) => "linear",
            Op::AvgPool2d(_) => "avg_pool2d",
            Op::AdaptiveAvgPool2d { .. } => "adaptive_avg_pool2d",
            Op::SumPool2d(_) => "sum_pool2d",
            Op::BatchNorm1d(_) => "batch_norm1d",
            Op::BatchNorm2d(_) => "batch_norm2d",
            Op::Standardize => "standardize",
            Op::Normalize { .. } => "normalize",
            Op::Scale { .. } => "scale",
            Op::Flatten => "flatten",
            Op::Reshape => "reshape",
            Op::Transpose { .. } => "transpose",
            Op::Permute(_) => "permute",
            Op::Concat { .. } => "concat",
            Op::Slice(_) => "slice",
            Op::Subsample2d { .. } => "subsample2d",
            Op::PadChannels { .. } => "pad_channels",
            Op::Add => "add",
            Op::Sub => "sub",
            Op::Mul => "mul",
            Op::Mean { .. } => "mean",
            Op::Sum { .. } => "sum",
            Op::Square => "square",
            Op::Polynomial { .. } => "polynomial",
            Op::Activation(activation) => activation.function.name(),
            Op::Reciprocal(reciprocal) => reciprocal.name(),
            Op::Settle => "pending affine map",
        }
    }
}

/// Operands of a node, at most two.
#[derive(Clone, Copy, Debug)]
pub struct Inputs {
    ids: [NodeId; 2],
    count: u8,
}

impl Inputs {
    /// No operand.
    pub const NONE: Inputs = Inputs {
        ids: [NodeId(0); 2],
        count: 0,
    };

    pub(crate) const fn one(x: NodeId) -> Inputs {
        Inputs {
            ids: [x, NodeId(0)],
            count: 1,
        }
    }

    pub(crate) const fn two(x: NodeId, y: NodeId) -> Inputs {
        Inputs {
            ids: [x, y],
            count: 2,
        }
    }

    /// The operands, in order.
    pub const fn as_slice(&self) -> &[NodeId] {
        self.ids.split_at(self.count as usize).0
    }
}

/// A tensor a layer takes from the checkpoint.
#[derive(Clone, Copy, Debug)]
pub struct TensorSpec {
    /// Last part of the name: `weight`, `bias`, `running_mean`, ...; empty for a free parameter, whose path is the whole name.
    pub name: &'static str,
    /// Its shape in PyTorch's layout.
    pub shape: Shape,
}

/// The tensors a node takes from the checkpoint.
#[derive(Clone, Copy, Debug)]
pub struct Tensors {
    list: [TensorSpec; 4],
    count: u8,
}

impl Tensors {
    /// No weights.
    pub const NONE: Tensors = Tensors {
        list: [TensorSpec {
            name: "",
            shape: Shape::SCALAR,
        }; 4],
        count: 0,
    };

    pub(crate) const fn and(mut self, name: &'static str, shape: Shape) -> Tensors {
        self.list[self.count as usize] = TensorSpec { name, shape };
        self.count += 1;
        self
    }

    /// The tensors, in PyTorch's order.
    pub const fn as_slice(&self) -> &[TensorSpec] {
        self.list.split_at(self.count as usize).0
    }
}

/// Where the user wrote an operation.
#[derive(Clone, Copy, Debug)]
pub struct Site {
    /// The call of the operation, in the model or in a block.
    pub call: &'static Location<'static>,
    /// The statement of the model it belongs to.
    pub statement: &'static Location<'static>,
}

/// One recorded operation.
#[derive(Clone, Copy, Debug)]
pub struct Node {
    /// The operation and its options.
    pub op: Op,
    /// Operands.
    pub inputs: Inputs,
    /// Shape of the result.
    pub shape: Shape,
    /// Levels spent on the longest path to the result, this node included.
    pub depth: u32,
    /// Levels this node itself spends.
    pub spent: u32,
    /// What is still folded or foldable at the result.
    pub form: Form,
    /// False if the result depends on weights only: it is computed in the clear when they are loaded.
    pub encrypted: bool,
    /// Path of the weights, empty where the operation has none.
    pub path: Path,
    /// The tensors it takes from the checkpoint.
    pub tensors: Tensors,
    /// Where it was written.
    pub site: Site,
}

impl Node {
    /// The content of a cell before its node is recorded.
    pub(super) const fn unset() -> Node {
        let here = Location::caller();
        Node {
            op: Op::Param,
            inputs: Inputs::NONE,
            shape: Shape::SCALAR,
            depth: 0,
            spent: 0,
            form: Form::Plain,
            encrypted: false,
            path: Path::new(),
            tensors: Tensors::NONE,
            site: Site {
                call: here,
                statement: here,
            },
        }
    }

    /// Name for reports: the weight path if there is one, else the operation.
    pub const fn label(&self) -> &str {
        if self.path.is_empty() {
            self.op.name()
        } else {
            self.path.as_str()
        }
    }

    /// Full names and shapes of the tensors this node takes from the checkpoint.
    pub fn parameters(&self) -> impl Iterator<Item = (String, Shape)> + '_ {
        self.tensors.as_slice().iter().map(|tensor| {
            let path = self.path.as_str();
            let name = match (path.is_empty(), tensor.name.is_empty()) {
                (_, true) => path.to_owned(),
                (true, false) => tensor.name.to_owned(),
                (false, false) => format!("{path}.{}", tensor.name),
            };
            (name, tensor.shape)
        })
    }
}
