//! The recorder, and the two runs of a model's body.
//!
//! rustc evaluates the body of a model twice. The *survey* keeps nothing but the number of nodes and the depth of the whole
//! network; the *recording* stores the nodes and holds every path against the budget, so that its message can say what the whole
//! network needs.

use core::cell::Cell;
use core::panic::Location;

use super::{Form, Inputs, Message, Node, NodeId, Op, Path, Shape, Site, Tensor, Tensors, Weights};

/// Levels that a fresh bootstrap leaves for one step: the work levels of the default bootstrapping parameters at ring degree 2^16
/// (15 of 40 bits beside 3 + 8 + 4 for the bootstrap itself within log QP = 1747), less the one in which the result is divided by its
/// range before it is refreshed again.
pub const BOOTSTRAP_LEVELS: u32 = 14;

/// How much multiplicative depth a model may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Budget {
    /// Levels from input to output.
    Depth(u32),
    /// The planner places bootstraps, so only a single step is bounded.
    Bootstrap,
}

/// What the first run of a model's body found out.
#[derive(Clone, Copy, Debug)]
pub struct Survey {
    /// Number of recorded nodes.
    pub nodes: usize,
    /// Levels on the longest path.
    pub depth: u32,
}

/// What the second run recorded.
#[derive(Clone, Copy)]
pub struct Network<const NODES: usize, const OUTPUTS: usize> {
    /// Operations, operands first.
    pub nodes: [Node; NODES],
    /// The results, in the order of the function's tuple.
    pub outputs: [NodeId; OUTPUTS],
}

/// What is known of a node before the trace adds position and depth.
pub(super) struct Record {
    pub(super) op: Op,
    pub(super) inputs: Inputs,
    pub(super) shape: Shape,
    pub(super) before: u32,
    pub(super) levels: u32,
    /// Levels of its longest step: refreshes may stand between steps, not inside one.
    pub(super) step: u32,
    pub(super) form: Form,
    pub(super) encrypted: bool,
    pub(super) path: Path,
    pub(super) tensors: Tensors,
}

/// Records the operations of one run.
pub struct Trace<'t> {
    /// Empty in a survey.
    nodes: &'t [Cell<Node>],
    count: Cell<u32>,
    deepest: Cell<u32>,
    statement: Cell<&'static Location<'static>>,
    budget: Budget,
    /// Depth of the whole network, zero in a survey.
    need: u32,
}

impl<'t> Trace<'t> {
    /// A run that only counts.
    #[track_caller]
    pub const fn survey(budget: Budget) -> Trace<'t> {
        Trace {
            nodes: &[],
            count: Cell::new(0),
            deepest: Cell::new(0),
            statement: Cell::new(Location::caller()),
            budget,
            need: 0,
        }
    }

    /// Room for the nodes of a recording.
    pub const fn cells<const N: usize>() -> [Cell<Node>; N] {
        [const { Cell::new(Node::unset()) }; N]
    }

    /// A run that stores its nodes in `cells` and holds them against the budget.
    #[track_caller]
    pub const fn record_into(cells: &'t [Cell<Node>], budget: Budget, survey: Survey) -> Trace<'t> {
        Trace {
            nodes: cells,
            need: survey.depth,
            ..Trace::survey(budget)
        }
    }

    /// Marks the start of a statement of the model.
    #[track_caller]
    pub const fn statement(&self) {
        self.statement.replace(Location::caller());
    }

    /// The root scope of parameter names.
    pub const fn weights(&'t self) -> Weights<'t> {
        Weights::root(self)
    }

    /// An input of the model.
    #[track_caller]
    pub const fn input(&'t self, index: u32, shape: &[usize]) -> Tensor<'t> {
        let shape = Shape::new(shape);
        if shape.elements() == 0 {
            Message::new("an input has shape ")
                .shape(&shape)
                .text(", which holds no element")
                .raise();
        }
        self.source(Op::Input { index }, shape, true, Path::new(), Tensors::NONE)
    }

    #[track_caller]
    pub(super) const fn param(&'t self, weights: Weights<'t>, shape: Shape) -> Tensor<'t> {
        if shape.elements() == 0 {
            Message::new("the parameter has shape ")
                .shape(&shape)
                .text(", which holds no element")
                .raise();
        }
        self.source(
            Op::Param,
            shape,
            false,
            *weights.path(),
            Tensors::NONE.and("", shape),
        )
    }

    #[track_caller]
    const fn source(
        &'t self,
        op: Op,
        shape: Shape,
        encrypted: bool,
        path: Path,
        tensors: Tensors,
    ) -> Tensor<'t> {
        let form = Form::Plain;
        self.record(Record {
            op,
            inputs: Inputs::NONE,
            shape,
            before: 0,
            levels: 0,
            step: 0,
            form,
            encrypted,
            path,
            tensors,
        })
    }

    /// Appends a node.
    #[track_caller]
    pub(super) const fn record(&'t self, record: Record) -> Tensor<'t> {
        let depth = record.before + record.levels;
        match self.budget {
            Budget::Depth(budget) if self.records() && depth > budget => self.too_deep(&record, budget),
            Budget::Bootstrap if record.step > BOOTSTRAP_LEVELS => too_deep_for_bootstrap(&record),
            _ => {}
        }
        let index = self.count.get();
        if self.records() {
            let site = Site {
                call: Location::caller(),
                statement: self.statement.get(),
            };
            self.nodes[index as usize].replace(Node {
                op: record.op,
                inputs: record.inputs,
                shape: record.shape,
                depth,
                spent: record.levels,
                form: record.form,
                encrypted: record.encrypted,
                path: record.path,
                tensors: record.tensors,
                site,
            });
        }
        self.count.replace(index + 1);
        if depth > self.deepest.get() {
            self.deepest.replace(depth);
        }
        Tensor {
            trace: self,
            id: NodeId(index),
            shape: record.shape,
            depth,
            form: record.form,
            encrypted: record.encrypted,
        }
    }

    /// Ends a survey.
    #[track_caller]
    pub const fn surveyed<const OUTPUTS: usize>(&'t self, outputs: [Tensor<'t>; OUTPUTS]) -> Survey {
        self.deliver(outputs);
        Survey {
            nodes: self.count.get() as usize,
            depth: self.deepest.get(),
        }
    }

    /// Ends a recording.
    #[track_caller]
    pub const fn recorded<const NODES: usize, const OUTPUTS: usize>(
        &'t self,
        outputs: [Tensor<'t>; OUTPUTS],
    ) -> Network<NODES, OUTPUTS> {
        let outputs = self.deliver(outputs);
        let mut nodes = [Node::unset(); NODES];
        let mut i = 0;
        while i < NODES {
            nodes[i] = self.nodes[i].get();
            i += 1;
        }
        Network { nodes, outputs }
    }

    /// Applies what still waits: the client knows the constant factors of the plan, but no weights.
    #[track_caller]
    const fn deliver<const OUTPUTS: usize>(&'t self, outputs: [Tensor<'t>; OUTPUTS]) -> [NodeId; OUTPUTS] {
        let mut ids = [NodeId(0); OUTPUTS];
        let mut i = 0;
        while i < OUTPUTS {
            if !outputs[i].encrypted {
                Message::new("output ")
                    .number(i)
                    .text(" of the model does not depend on its input: the client would decrypt a constant")
                    .help("return a tensor computed from the input, or drop this output")
                    .raise();
            }
            ids[i] = outputs[i].settled().id;
            i += 1;
        }
        ids
    }

    const fn records(&self) -> bool {
        !self.nodes.is_empty()
    }

    /// The compile error of a path over the budget.
    #[track_caller]
    const fn too_deep(&self, record: &Record, budget: u32) -> ! {
        let left = budget - record.before;
        let mut message = Message::new("multiplicative depth exceeded: ");
        message = match record.op {
            Op::Settle => message.text("an affine map that nothing absorbs"),
            _ => message.text("`").text(record.op.name()).text("`"),
        };
        message = message
            .text(" needs ")
            .count(record.levels as usize, "level")
            .text(", and ");
        message = match (budget, left) {
            (0, _) => message.text("the budget is 0"),
            (1, 0) => message.text("the budget of 1 is spent"),
            (_, 0) => message
                .text("all ")
                .number(budget as usize)
                .text(" of the budget are spent"),
            (_, _) => message
                .number(left as usize)
                .text(" of the budget's ")
                .number(budget as usize)
                .text(if left == 1 { " is left" } else { " are left" }),
        };
        let (message, fitted) = self.spenders(message, &record.inputs);
        let message = message
            .help("this network needs `depth = ")
            .number(self.need as usize)
            .text("`");
        let message = match record.op {
            Op::Activation(_) => message.text("; or lower an activation's degree"),
            Op::Reciprocal(_) => message.text("; or narrow its interval"),
            _ if fitted => message.text("; or lower an activation's degree"),
            _ => message,
        };
        message.text(", or use `bootstrap`").raise()
    }

    /// Appends who spent the levels on the path to `inputs`, and tells whether an activation is among them.
    const fn spenders(&self, message: Message, inputs: &Inputs) -> (Message, bool) {
        const LISTED: usize = 12;
        let mut names = [("", 0); LISTED];
        let mut found = 0;
        let mut fitted = false;
        let mut inputs = *inputs;
        while let Some(id) = self.deepest_of(&inputs) {
            let node = self.nodes[id.index()].get();
            if node.spent > 0 {
                if found < LISTED {
                    names[found] = (node.op.name(), node.spent as usize);
                }
                found += 1;
                fitted |= matches!(node.op, Op::Activation(_));
            }
            inputs = node.inputs;
        }
        if found == 0 {
            return (message, fitted);
        }
        let mut message = message.text(" (");
        if found > LISTED {
            message = message.text("..., ");
        }
        let mut i = if found < LISTED { found } else { LISTED };
        while i > 0 {
            i -= 1;
            message = message.text(names[i].0).text(" ").number(names[i].1);
            if i > 0 {
                message = message.text(", ");
            }
        }
        (message.text(")"), fitted)
    }

    /// The operand on the longest path, if any level was spent on it.
    const fn deepest_of(&self, inputs: &Inputs) -> Option<NodeId> {
        let mut best = None;
        let mut depth = 0;
        let inputs = inputs.as_slice();
        let mut i = 0;
        while i < inputs.len() {
            let node = self.nodes[inputs[i].index()].get();
            if node.depth > depth {
                depth = node.depth;
                best = Some(inputs[i]);
            }
            i += 1;
        }
        best
    }
}

/// The compile error of a step that no bootstrap could serve.
#[track_caller]
const fn too_deep_for_bootstrap(record: &Record) -> ! {
    Message::new("`")
        .text(record.op.name())
        .text("` needs ")
        .count(record.step as usize, "level")
        .text(" in one step, and a fresh bootstrap leaves ")
        .number(BOOTSTRAP_LEVELS as usize)
        .help("lower the degree: no refresh can stand inside one polynomial")
        .raise()
}
