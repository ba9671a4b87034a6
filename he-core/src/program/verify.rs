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
        Ok(Self {
            program,
            chain: chain.clone(),
        })
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
        let layer = program
            .values
            .get(op)
            .and_then(|v| program.layers.get(v.layer as usize));
        let kind = program.ops.get(op).map_or("program", Op::name);
        VerifyError {
            op,
            kind,
            layer: layer.cloned().unwrap_or_default(),
            fault,
        }
    };
    let frame = |fault| at(program.ops.len(), fault);
    check_frame(program, chain).map_err(frame)?;
    for (index, (op, info)) in program.ops.iter().zip(&program.values).enumerate() {
        let declared = State::from(info);
        let derived = Scope::of(program, chain, index)
            .infer(op, declared)
            .map_err(|fault| at(index, fault))?;
        compare(derived, declared).map_err(|fault| at(index, fault))?;
        if info.layer as usize >= program.layers.len() {
            let allowed = program.layers.len();
            return Err(at(
                index,
                Fault::Reference {
                    role: "layer",
                    found: info.layer,
                    allowed,
                },
            ));
        }
        if let Op::Input { index: port } = op
            && program
                .inputs
                .get(*port as usize)
                .is_none_or(|p| p.value.0 as usize != index)
        {
            let allowed = program.inputs.len();
            return Err(at(
                index,
                Fault::Reference {
                    role: "input",
                    found: *port,
                    allowed,
                },
            ));
        }
    }
    Ok(())
}

fn compare(derived: State, recorded: State) -> Result<(), Fault> {
    if derived.tiles != recorded.tiles {
        return Err(Fault::Recorded {
            role: "tiles",
            expected: derived.tiles,
            found: recorded.tiles,
        });
    }
    if derived.level != recorded.level {
        return Err(Fault::Recorded {
            role: "level",
            expected: derived.level,
            found: recorded.level,
        });
    }
    if !same_scale(derived.scale, recorded.scale) {
        return Err(Fault::Scale {
            role: "recorded value",
            expected: derived.scale,
            found: recorded.scale,
        });
    }
    Ok(())
}

/// Ports, table lengths, and a chain that has the tables it needs.
fn check_frame(program: &Program, chain: &ChainView) -> Result<(), Fault> {
    let defined = program.ops.len();
    if program.values.len() != defined {
        return Err(Fault::Reference {
            role: "value table",
            found: program.values.len() as u32,
            allowed: defined,
        });
    }
    if !program.slots.is_power_of_two() {
        return Err(Fault::Reference {
            role: "slot count",
            found: program.slots,
            allowed: 1 << 31,
        });
    }
    if chain.scales.is_empty() || chain.dropped.len() != chain.scales.len() {
        let allowed = chain.scales.len();
        return Err(Fault::Reference {
            role: "chain table",
            found: chain.dropped.len() as u32,
            allowed,
        });
    }
    if let Some(spec) = &program.bootstrap
        && !spec.fits(program.slots as usize, chain.top() as usize)
    {
        return Err(Fault::Bootstrap);
    }
    for (index, port) in program.inputs.iter().enumerate() {
        let op = program.ops.get(port.value.0 as usize).ok_or(Fault::Value {
            found: port.value.0,
            defined,
        })?;
        if *op != (Op::Input { index: index as u32 }) {
            return Err(Fault::Reference {
                role: "input port",
                found: index as u32,
                allowed: program.inputs.len(),
            });
        }
    }
    for port in &program.outputs {
        if port.value.0 as usize >= defined {
            return Err(Fault::Value {
                found: port.value.0,
                defined,
            });
        }
    }
    if program.outputs.is_empty() {
        return Err(Fault::Empty {
            role: "list of outputs",
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::program::op::{PlainClass, Term};
    use crate::program::{Builder, Slots, ValueId};

    fn chain() -> ChainView {
        // Scales that drift, as those of real primes do.
        let dropped: Vec<f64> = [1.0, 1.001, 0.999, 1.002]
            .iter()
            .map(|f| f * 2f64.powi(40))
            .collect();
        let mut scales = vec![2f64.powi(40); 4];
        for l in (1..4).rev() {
            scales[l - 1] = scales[l] * scales[l] / dropped[l];
        }
        ChainView { scales, dropped }
    }

    fn sample() -> Program {
        let mut b = Builder::new(8, chain());
        b.layer("fc");
        let x = b.input("x", 2, 3).unwrap();
        let terms = [(0, 0, 0), (1, -1, 4), (0, 2, 0)]
            .map(|(input, baby, giant)| Term {
                output: 0,
                giant,
                input,
                baby,
                plain: b
                    .known_factor(x, Slots::from(vec![1.0, 2.0, 3.0, 4.0]), true)
                    .unwrap(),
            })
            .to_vec();
        let y = b.linear(x, 1, terms).unwrap();
        b.layer("activation");
        let s = b.square(y).unwrap();
        let d = b.adjust(y, 1).unwrap();
        let z = b.add(s, d).unwrap();
        let p = b.addend(z, PlainClass::General).unwrap();
        let z = b.add_plain(z, vec![p]).unwrap();
        let z = b.rotate_sum(z, &[vec![0, 1], vec![2, 0]]).unwrap();
        b.output("z", z);
        b.finish().unwrap().0.into_program()
    }

    #[test]
    fn what_the_builder_writes_is_accepted() {
        assert_eq!(verify(&sample(), &chain()), Ok(()));
    }

    #[test]
    fn every_tampering_is_rejected() {
        type Tamper = fn(&mut Program);
        let tampers: [(&str, Tamper); 14] = [
            ("level", |p| p.values[1].level = 3),
            ("tiles", |p| p.values[1].tiles = 2),
            ("scale", |p| p.values[2].scale *= 1.0 + 2f64.powi(-38)),
            ("layer", |p| p.values[2].layer = 9),
            ("operand from the future", |p| {
                p.ops[2] = Op::Square { x: ValueId(2) }
            }),
            ("plain level", |p| p.plaintexts[0].level = 2),
            ("plain scale", |p| p.plaintexts[1].scale *= 1.001),
            ("encrypted", |p| p.plaintexts[0].encrypted = true),
            ("input port", |p| p.inputs[0].value = ValueId(1)),
            ("output", |p| p.outputs[0].value = ValueId(99)),
            ("term order", |p| {
                let Op::Linear { terms, .. } = &mut p.ops[1] else {
                    unreachable!()
                };
                terms.swap(0, 1);
            }),
            ("rotation", |p| {
                let Op::Linear { terms, .. } = &mut p.ops[1] else {
                    unreachable!()
                };
                terms[0].baby = 8;
            }),
            ("stage", |p| {
                let Op::RotateSum { stages, .. } = p.ops.last_mut().unwrap() else {
                    unreachable!()
                };
                stages[0] = vec![1, 2];
            }),
            ("slots", |p| p.slots = 12),
        ];
        for (name, tamper) in tampers {
            let mut program = sample();
            tamper(&mut program);
            assert!(verify(&program, &chain()).is_err(), "{name} was accepted");
        }
    }

    #[test]
    fn the_message_names_operation_and_layer() {
        let mut program = sample();
        program.values[2].level = 0;
        let error = verify(&program, &chain()).unwrap_err();
        let expected =
            "operation 2 (square) of layer `activation`: recorded level 0 disagrees with the derived 1";
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn running_out_of_levels_is_a_fault_of_the_builder_too() {
        let mut b = Builder::new(8, ChainView::uniform(1, 30.0));
        let x = b.input("x", 1, 1).unwrap();
        let y = b.square(x).unwrap();
        assert_eq!(
            b.square(y).unwrap_err().fault,
            Fault::Level { needed: 1, found: 0 }
        );
    }
}
