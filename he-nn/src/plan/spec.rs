//! What a client learns of a plan.

use std::collections::HashMap;

use he_core::program::Slots;
use he_core::tile::arrangement::Arrangement;
use he_core::tile::layout::{Cell, Layout};

use super::Plan;
use super::network::StepKind;
use super::search::Choice;
use crate::client::{ClientSpec, InputPort, OutputPort, SlotNumbers};

impl From<SlotNumbers> for Slots {
    fn from(SlotNumbers { re, im }: SlotNumbers) -> Self {
        Slots { re, im }
    }
}

impl Plan {
    /// What a client needs: parameters, layouts and keys; neither weights nor program.
    pub fn client_spec(&self) -> ClientSpec {
        let program = &self.program;
        let level_of = |name: &str| {
            let port = program.inputs.iter().find(|port| port.name == name);
            port.map_or(0, |port| program.values[port.value.0 as usize].level)
        };
        let inputs = self.model.inputs().iter().filter_map(|input| {
            let (arrangement, complex) = self.input_arrangement(input.name)?;
            Some(InputPort {
                name: input.name.to_owned(),
                shape: arrangement.shape[1..].to_vec(),
                range: input.range,
                level: level_of(input.name),
                arrangement: arrangement.clone(),
                complex,
            })
        });
        let outputs = self.translated.outputs.iter().map(|view| {
            let name = self.model.outputs()[view.index].name;
            let layout = &self.packing.layouts[view.step];
            let port = program.outputs.iter().find(|port| port.name == name);
            let value = port.map(|port| &program.values[port.value.0 as usize]);
            OutputPort {
                name: name.to_owned(),
                shape: view.shape.clone(),
                level: value.map_or(0, |value| value.level),
                scale: value.map_or(1.0, |value| value.scale),
                tiles: layout.tiles() as u32,
                period: self.packing.period as u32,
                places: places(layout, &view.from),
                factor: view.factor,
            }
        });
        ClientSpec {
            model: self.model.name().to_owned(),
            plan_digest: self.digest,
            chain: self.chain.clone(),
            batch: self.goal.batch,
            inputs: inputs.collect(),
            outputs: outputs.collect(),
            keys: self.key_spec(),
            encapsulation: self.bootstrap().is_some(),
        }
    }

    fn input_arrangement(&self, name: &str) -> Option<(&Arrangement, bool)> {
        let steps = self.translated.network.steps.iter().zip(&self.packing.choices);
        steps
            .into_iter()
            .find_map(|(step, choice)| match (&step.kind, choice) {
                (
                    StepKind::Input { name: found, .. },
                    Choice::Input {
                        arrangement, complex, ..
                    },
                ) if found == name => Some((arrangement, *complex)),
                _ => None,
            })
    }
}

/// One (tile, slot) for each element, none where it is zero.
fn places(layout: &Layout, from: &[Option<u32>]) -> Vec<Option<(u32, u32)>> {
    let mut place_of = HashMap::new();
    for (tile, slot, cell) in layout.cells() {
        if let Cell::Element(element) = cell {
            place_of.entry(element).or_insert((tile as u32, slot as u32));
        }
    }
    from.iter()
        .map(|source| source.and_then(|element| place_of.get(&element).copied()))
        .collect()
}
