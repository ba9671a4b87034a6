//! A recorded network: what `#[he_nn::model]` leaves in the binary.

use he_core::params::Params;

use crate::graph::{Budget, Message, Node, NodeId, Shape};

/// A named input.
#[derive(Clone, Copy, Debug)]
pub struct Input {
    /// Name of the function's parameter.
    pub name: &'static str,
    /// Its node.
    pub node: NodeId,
    /// Largest absolute value a client may send.
    pub range: f64,
}

impl Input {
    /// Called by the code that `#[he_nn::model]` generates.
    #[doc(hidden)]
    #[track_caller]
    pub const fn new(name: &'static str, node: NodeId, range: f64) -> Input {
        if !(range > 0.0 && range.is_finite()) {
            Message::new("the range of the inputs is not positive")
                .help("write `range = 1.0` for inputs in [-1, 1]")
                .raise();
        }
        Input { name, node, range }
    }
}

/// A named output.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    /// `output`, or `output0`, `output1`, ... for a tuple.
    pub name: &'static str,
    /// Its node.
    pub node: NodeId,
}

/// A network whose shapes and depth rustc has checked.
#[derive(Debug)]
pub struct Model {
    name: &'static str,
    inputs: &'static [Input],
    outputs: &'static [Output],
    nodes: &'static [Node],
    budget: Budget,
    depth: u32,
    params: Option<&'static Params>,
}

impl Model {
    /// Called by the code that `#[he_nn::model]` generates.
    #[doc(hidden)]
    pub const fn new(
        name: &'static str,
        inputs: &'static [Input],
        outputs: &'static [Output],
        nodes: &'static [Node],
        budget: Budget,
        depth: u32,
        params: Option<&'static Params>,
    ) -> Model {
        Model {
            name,
            inputs,
            outputs,
            nodes,
            budget,
            depth,
            params,
        }
    }

    /// The annotated function's name.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Named inputs, in the function's order.
    pub const fn inputs(&self) -> &'static [Input] {
        self.inputs
    }

    /// Named outputs, in the order of the function's tuple.
    pub const fn outputs(&self) -> &'static [Output] {
        self.outputs
    }

    /// Operations in execution order: operands stand before their consumers.
    pub const fn nodes(&self) -> &'static [Node] {
        self.nodes
    }

    /// The node with this id.
    pub const fn node(&self, id: NodeId) -> &'static Node {
        &self.nodes[id.index()]
    }

    /// The declared budget.
    pub const fn budget(&self) -> Budget {
        self.budget
    }

    /// Levels on the longest path, as the compile-time check counts them.
    pub const fn depth(&self) -> u32 {
        self.depth
    }

    /// The encryption parameters that the model pins; the planner chooses them otherwise.
    pub const fn params(&self) -> Option<&'static Params> {
        self.params
    }

    /// Names and shapes of every tensor the network takes from a checkpoint, in order of first use.
    pub fn parameters(&self) -> Vec<(String, Shape)> {
        let mut list: Vec<(String, Shape)> = Vec::new();
        for (name, shape) in self.nodes.iter().flat_map(Node::parameters) {
            if !list.iter().any(|(known, _)| *known == name) {
                list.push((name, shape));
            }
        }
        list
    }
}
