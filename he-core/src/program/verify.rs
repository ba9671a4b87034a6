//! Checks a program against a chain: every id, rotation, level and scale.
//!
//! Nothing recorded in the program is trusted: tiles, levels and scales of all values are derived anew by [`infer`](super::infer)
//! and compared. What passes can be walked by every other reader without a further check.

use std::ops::Deref;

use super::chain::{ChainView, same_scale};
use super::infer::{Fault, Scope, State};
use super::op::{Op, Program};

/// A fault, and where.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("operation {op} ({kind}) of layer `{layer}`: {fault}")]
pub struct VerifyError {
    /// Index of the operation; the number of operations for a fault of the program's frame.
    pub op: usize,
    /// Name of the operation.
    pub kind: &'static str,
    /// Layer it belongs to.
    pub layer: String,
    /// What is wrong.
    pub fault: Fault,
}

/// A program that passed [`verify`], with the chain it was checked against. It cannot be changed.
#[derive(Clone, Debug, PartialEq)]
pub struct Verified {
    program: Program,
    chain: ChainView,
}

impl Verified {
    /// Checks `program` and keeps it.
    pub fn new(program: Program, chain: &ChainView) -> Result<Self, VerifyError> {
        verify(&program, chain)?;
        Ok(Self { program, chain: chain.clone() })
    }

    /// The chain the program was checked against.
    pub fn chain(&self) -> &ChainView {
        &self.chain
    }

    /// Gives the program back.
    pub fn into_program(self) -> Program {
        self.program
    }
}

impl Deref for Verified {
    type Target = Program;
    fn deref(&self) -> &Program {
        &self.program
    }
}

/// Checks `program` against `chain`.
pub fn verify(program: &Program, chain: &ChainView) -> Result<(), VerifyError> {
    let at = |op: usize, fault: Fault| {
        let layer = program.values.get(op).and_then(|v| program.layers.get(v.layer as usize));
        let kind = program.ops.get(op).map_or("program", Op::name);
        VerifyError { op, kind, layer: layer.cloned().unwrap_or_default(), fault }
    };
    let frame = |fault| at(program.ops.len(), fault);
    check_frame(program, chain).map_err(frame)?;
    for (index, (op, info)) in program.ops.iter().zip(&program.values).enumerate() {
        let declared = State::from(info);
        let derived = Scope::of(program, chain, index).infer(op, declared).map_err(|fault| at(index, fault))?;
        compare(derived, declared).map_err(|fault| at(index, fault))?;
        if info.layer as usize >= program.layers.len() {
            let allowed = program.layers.len();
            return Err(at(index, Fault::Reference { role: "layer", found: info.layer, allowed }));
        }
        if let Op::Input { index: port } = op
            && program.inputs.get(*port as usize).is_none_or(|p| p.value.0 as usize != index)
        {
            let allowed = program.inputs.len();
            return Err(at(index, Fault::Reference { role: "input", found: *port, allowed }));
        }
    }
    Ok(())
}

fn compare(derived: State, recorded: State) -> Result<(), Fault> {
    if derived.tiles != recorded.tiles {
        return Err(Fault::Recorded { role: "tiles", expected: derived.tiles, found: recorded.tiles });
    }
    if derived.level != recorded.level {
        return Err(Fault::Recorded { role: "level", expected: derived.level, found: recorded.level });
    }
    if !same_scale(derived.scale, recorded.scale) {
        return Err(Fault::Scale { role: "recorded value", expected: derived.scale, found: recorded.scale });
    }
    Ok(())
}

/// Ports, table lengths, and a chain that has the tables it needs.
fn check_frame(program: &Program, chain: &ChainView) -> Result<(), Fault> {
    let defined = program.ops.len();
    if program.values.len() != defined {
        return Err(Fault::Reference { role: "value table", found: program.values.len() as u32, allowed: defined });
    }
    if !program.slots.is_power_of_two() {
        return Err(Fault::Reference { role: "slot count", found: program.slots, allowed: 1 << 31 });
    }
    if chain.scales.is_empty() || chain.dropped.len() != chain.scales.len() {
        let allowed = chain.scales.len();
        return Err(Fault::Reference { role: "chain table", found: chain.dropped.len() as u32, allowed });
    }
    for (index, port) in program.inputs.iter().enumerate() {
        let op = program.ops.get(port.value.0 as usize).ok_or(Fault::Value { found: port.value.0, defined })?;
        if *op != (Op::Input { index: index as u32 }) {
            return Err(Fault::Reference { role: "input port", found: index as u32, allowed: program.inputs.len() });
        }
    }
    for port in &program.outputs {
        if port.value.0 as usize >= defined {
            return Err(Fault::Value { found: port.value.0, defined });
        }
    }
    if program.outputs.is_empty() {
        return Err(Fault::Empty { role: "list of outputs" });
    }
    Ok(())
}
