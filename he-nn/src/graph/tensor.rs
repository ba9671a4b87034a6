//! The handle that annotated functions pass around.

use super::trace::Record;
use super::{Form, Inputs, Message, NodeId, Op, Path, Shape, Tensors, Trace, Weights};

/// One sample's tensor in a network under construction: a copyable handle. Only its shape is known at compile time, so only its shape can
/// be asked for.
#[derive(Clone, Copy)]
#[must_use = "a layer whose result is dropped is recorded for nothing"]
pub struct Tensor<'t> {
    pub(super) trace: &'t Trace<'t>,
    pub(super) id: NodeId,
    pub(super) shape: Shape,
    pub(super) depth: u32,
    pub(super) form: Form,
    pub(super) encrypted: bool,
}

impl<'t> Tensor<'t> {
    /// The shape, without the batch dimension.
    pub const fn shape(self) -> Shape {
        self.shape
    }

    /// Number of dimensions.
    pub const fn rank(self) -> usize {
        self.shape.rank()
    }

    /// Dimension `axis`, counted from 0 without the batch.
    #[track_caller]
    pub const fn dim(self, axis: usize) -> usize {
        if axis >= self.shape.rank() {
            Message::new("the tensor has shape ")
                .shape(&self.shape)
                .text(", so it has no dimension ")
                .number(axis)
                .help("dimensions are counted from 0, and the batch is not one of them")
                .raise();
        }
        self.shape.dim(axis)
    }

    /// Number of elements.
    pub const fn elements(self) -> usize {
        self.shape.elements()
    }

    /// `C` of `[C, H, W]`: dimension 0.
    #[track_caller]
    pub const fn channels(self) -> usize {
        self.dim(0)
    }

    /// `H` of `[C, H, W]`: the last dimension but one.
    #[track_caller]
    pub const fn height(self) -> usize {
        if self.rank() < 2 {
            self.dim(2)
        } else {
            self.dim(self.rank() - 2)
        }
    }

    /// `W` of `[C, H, W]`: the last dimension.
    #[track_caller]
    pub const fn width(self) -> usize {
        if self.rank() < 2 {
            self.dim(2)
        } else {
            self.dim(self.rank() - 1)
        }
    }

    pub(crate) const fn form(self) -> Form {
        self.form
    }

    pub(crate) const fn is_encrypted(self) -> bool {
        self.encrypted
    }

    /// Records `op` on this tensor.
    #[track_caller]
    pub(crate) const fn then(self, op: Op, shape: Shape, levels: u32, form: Form) -> Tensor<'t> {
        self.then_in_steps(op, shape, [levels; 2], form)
    }

    /// Records an `op` between whose steps refreshes may stand, on this tensor: the levels of all of them, and of the longest.
    #[track_caller]
    pub(crate) const fn then_in_steps(
        self,
        op: Op,
        shape: Shape,
        levels: [u32; 2],
        form: Form,
    ) -> Tensor<'t> {
        self.one(op, shape, levels, form, (Path::new(), Tensors::NONE))
    }

    /// Records `op` with weights on this tensor.
    #[track_caller]
    pub(crate) const fn then_with(
        self,
        op: Op,
        shape: Shape,
        levels: u32,
        form: Form,
        weights: Weights<'t>,
        tensors: Tensors,
    ) -> Tensor<'t> {
        self.one(op, shape, [levels; 2], form, (*weights.path(), tensors))
    }

    /// Records `op` on this tensor, with what it reads of the weights.
    #[track_caller]
    const fn one(
        self,
        op: Op,
        shape: Shape,
        [levels, step]: [u32; 2],
        form: Form,
        (path, tensors): (Path, Tensors),
    ) -> Tensor<'t> {
        self.trace.record(Record {
            op,
            inputs: Inputs::one(self.id),
            shape,
            before: self.depth,
            levels: if self.encrypted { levels } else { 0 },
            step: if self.encrypted { step } else { 0 },
            form: if self.encrypted { form } else { Form::Plain },
            encrypted: self.encrypted,
            path,
            tensors,
        })
    }

    /// Records `op` on two tensors.
    #[track_caller]
    pub(crate) const fn pair(
        self,
        other: Tensor<'t>,
        op: Op,
        shape: Shape,
        levels: u32,
        form: Form,
    ) -> Tensor<'t> {
        let encrypted = self.encrypted || other.encrypted;
        self.trace.record(Record {
            op,
            inputs: Inputs::two(self.id, other.id),
            shape,
            before: if self.depth > other.depth {
                self.depth
            } else {
                other.depth
            },
            levels: if encrypted { levels } else { 0 },
            step: if encrypted { levels } else { 0 },
            form: if encrypted { form } else { Form::Plain },
            encrypted,
            path: Path::new(),
            tensors: Tensors::NONE,
        })
    }

    /// This tensor with a waiting map from the weights applied; a constant factor may go on waiting.
    #[track_caller]
    pub(crate) const fn settled(self) -> Tensor<'t> {
        if self.form.is_pending() {
            self.then(Op::Settle, self.shape, 1, Form::Plain)
        } else {
            self
        }
    }

    /// This tensor with every waiting map applied.
    #[track_caller]
    pub(crate) const fn settled_fully(self) -> Tensor<'t> {
        match self.form {
            Form::Factor => self.then(Op::Settle, self.shape, 1, Form::Plain),
            _ => self.settled(),
        }
    }
}
