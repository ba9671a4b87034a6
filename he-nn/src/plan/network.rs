//! The planner's view of a model: affine maps without weights, pointwise products, and who reads whom.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::packing::sparse::SparseMap;

/// Index of a step.
pub type StepId = usize;

/// How an affine map is laid out in space: tells candidates where its outputs may stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Geometry {
    /// Any output may read any input.
    Dense,
    /// A window slides over the planes of a `[C, H, W]` tensor.
    Image {
        /// `[C, H, W]` of the input.
        input: [u32; 3],
        /// `[K, H, W]` of the output.
        output: [u32; 3],
        /// Kernel height and width.
        kernel: [u32; 2],
        /// Stride.
        stride: u32,
        /// Zero padding.
        padding: u32,
    },
    /// Output element i reads input element i only.
    Diagonal,
}

/// What a step computes.
#[derive(Clone, Debug)]
pub enum StepKind {
    /// A named input of the model.
    Input {
        /// Its name.
        name: String,
        /// Its shape, without the batch.
        shape: Vec<u32>,
    },
    /// Weights times `x`, plus a bias: one level.
    Affine {
        /// Operand.
        x: StepId,
        /// Nonzeros.
        map: Arc<SparseMap>,
        /// Shape of the map.
        geometry: Geometry,
    },
    /// Sums over the windows that the rows of `map` list: no level.
    WindowSum {
        /// Operand.
        x: StepId,
        /// Windows.
        map: Arc<SparseMap>,
    },
    /// `x * x`.
    Square {
        /// Operand.
        x: StepId,
    },
    /// `x * y`.
    Multiply {
        /// Left operand.
        x: StepId,
        /// Right operand.
        y: StepId,
    },
    /// A polynomial with coefficients from the weights.
    Polynomial {
        /// Operand.
        x: StepId,
        /// Degree.
        degree: u32,
        /// Whether every element has its own coefficients.
        per_element: bool,
        /// Whether the layer in front delivers the operand within `[-1, 1]`.
        unit: bool,
    },
    /// `x + p` for a plaintext with one number an element: no level.
    Shift {
        /// Operand.
        x: StepId,
    },
    /// `-x`: no level.
    Negate {
        /// Operand.
        x: StepId,
    },
    /// `x + y`, or `x - y`.
    Add {
        /// Left operand.
        x: StepId,
        /// Right operand.
        y: StepId,
        /// Subtract.
        negate: bool,
    },
    /// The same values at the level of fresh ciphertexts, by bootstrapping.
    Refresh {
        /// Operand.
        x: StepId,
        /// The largest absolute value of an element.
        bound: f64,
    },
    /// The same values under another numbering of the elements: element `i` of the result is element `from[i]` of `x`, or zero.
    Relabel {
        /// Operand.
        x: StepId,
        /// Source of each element.
        from: Arc<Vec<Option<u32>>>,
    },
}

/// References to the steps that a kind reads, two at most, as mutable as the reference to the kind.
macro_rules! operands {
    ($kind:expr) => {
        match $kind {
            StepKind::Input { .. } => [None, None],
            StepKind::Affine { x, .. }
            | StepKind::WindowSum { x, .. }
            | StepKind::Square { x }
            | StepKind::Polynomial { x, .. }
            | StepKind::Shift { x }
            | StepKind::Negate { x }
            | StepKind::Refresh { x, .. }
            | StepKind::Relabel { x, .. } => [Some(x), None],
            StepKind::Multiply { x, y } | StepKind::Add { x, y, .. } => [Some(x), Some(y)],
        }
    };
}

impl StepKind {
    /// The steps it reads.
    pub fn operands(&self) -> Vec<StepId> {
        operands!(self).into_iter().flatten().copied().collect()
    }

    /// Replaces the steps it reads.
    pub fn renumber(&mut self, new: impl Fn(StepId) -> StepId) {
        let operands = operands!(self).into_iter().flatten();
        operands.for_each(|x| *x = new(*x));
    }

    /// Levels it spends.
    pub fn levels(&self) -> u32 {
        match *self {
            StepKind::Affine { .. } | StepKind::Square { .. } | StepKind::Multiply { .. } => 1,
            StepKind::Polynomial { degree, .. } => u32::BITS - degree.leading_zeros(),
            _ => 0,
        }
    }

    /// Whether one of its levels is spent on a product of ciphertexts.
    pub fn multiplies(&self) -> bool {
        matches!(
            self,
            StepKind::Square { .. } | StepKind::Multiply { .. } | StepKind::Polynomial { .. }
        )
    }
}

/// A step with its name and size.
#[derive(Clone, Debug)]
pub struct Step {
    /// Name for reports.
    pub name: String,
    /// What it computes.
    pub kind: StepKind,
    /// Number of elements of the result.
    pub elements: usize,
}

/// A model as the planner sees it: steps in execution order.
#[derive(Clone, Debug, Default)]
pub struct Network {
    /// Steps; operands come first.
    pub steps: Vec<Step>,
    /// Named results.
    pub outputs: Vec<(String, StepId)>,
    /// Sums and products that leave one operand a level to be brought to the slots of the other, even where both paths are as long.
    pub spared: BTreeSet<StepId>,
}

impl Network {
    /// Levels spent before each step's result, on the longest path from an input or a refreshed value.
    pub fn depths(&self) -> Vec<u32> {
        let mut depths: Vec<u32> = Vec::with_capacity(self.steps.len());
        for step in &self.steps {
            let operands: Vec<u32> = step.kind.operands().iter().map(|&x| depths[x]).collect();
            let before = match step.kind {
                StepKind::Refresh { .. } => 0,
                _ => self.before(depths.len(), &operands),
            };
            depths.push(before + step.kind.levels());
        }
        depths
    }

    /// Levels spent when a step starts, of which its operands have spent so many.
    pub fn before(&self, id: StepId, operands: &[u32]) -> u32 {
        let longest = operands.iter().copied().max().unwrap_or(0);
        match operands.iter().copied().min() {
            Some(shortest) if self.spared.contains(&id) => longest.max(shortest + 1),
            _ => longest,
        }
    }

    /// Levels the whole network spends, the most between two refreshes if there are any.
    pub fn depth(&self) -> u32 {
        self.depths().into_iter().max().unwrap_or(0)
    }

    /// For each level spent, first to last: whether a product of ciphertexts is rescaled there.
    pub fn products_by_level(&self) -> Vec<bool> {
        let depths = self.depths();
        let mut products = vec![false; self.depth() as usize];
        for (step, &depth) in self.steps.iter().zip(&depths) {
            if step.kind.multiplies() {
                for level in depth - step.kind.levels()..depth {
                    products[level as usize] = true;
                }
            }
        }
        products
    }

    /// The step that reads step `x`, if it is the only one and `x` is no output.
    pub fn only_reader(&self, x: StepId) -> Option<&Step> {
        let mut readers = self.steps.iter().filter(|step| step.kind.operands().contains(&x));
        let first = readers.next()?;
        let is_output = self.outputs.iter().any(|(_, output)| *output == x);
        (readers.next().is_none() && !is_output).then_some(first)
    }

    /// The last step that reads each step; itself where none does.
    pub fn last_readers(&self) -> Vec<StepId> {
        let mut last: Vec<StepId> = (0..self.steps.len()).collect();
        for (id, step) in self.steps.iter().enumerate() {
            for x in step.kind.operands() {
                last[x] = id;
            }
        }
        last
    }

    /// The first step that reads step `x`.
    pub fn first_reader(&self, x: StepId) -> Option<&Step> {
        self.steps.iter().find(|step| step.kind.operands().contains(&x))
    }
}
