//! Search for the packing of every step: a beam over the steps, each state a layout for every live value.
//!
//! A step's candidates are ranked by an estimate from a few sampled rows, the best of them are worked out in full (every diagonal,
//! every slot of the result), and states whose layouts agree are merged. The price counts time and, weighted, the bytes of
//! rotation keys that nothing before has needed yet.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{Hash, Hasher};
use std::rc::Rc;

use he_core::tile::arrangement::Arrangement;
use he_core::tile::layout::{Cell, Layout};

use super::cost::{LevelShape, LinearWork};
use super::network::{Geometry, Network, StepId, StepKind};
use super::packing::bits::SlotBits;
use super::packing::candidate::{Anchors, Candidate, candidates};
use super::packing::cover::{Diagonal, Nonzero, Owners, Places, Window, cover, diagonals};
use super::packing::fold::folded_layout;
use super::packing::input::{Reader, arrangements};
use super::packing::pool::{WindowSums, window_sums};
use super::packing::sparse::SparseMap;
use super::packing::split::{Split, cheapest};
use super::price::PriceTable;

/// What the search optimises under.
#[derive(Clone, Debug)]
pub struct SearchSettings {
    /// Slots of a tile.
    pub slots: usize,
    /// Samples of a request.
    pub batch: u32,
    /// Prices.
    pub prices: PriceTable,
    /// Nanoseconds charged for each byte of evaluation keys.
    pub key_byte: f64,
    /// States kept after each step.
    pub beam: usize,
}

/// A packed linear transform.
#[derive(Clone, Debug)]
pub struct LinearChoice {
    /// Which slots number outputs, which are folded.
    pub candidate: Candidate,
    /// Every diagonal with its nonzeros.
    pub diagonals: Rc<Vec<(Diagonal, Vec<Nonzero>)>>,
    /// Baby and giant steps.
    pub split: Split,
    /// Rotate-and-add stages after it.
    pub stages: Vec<Vec<i32>>,
    /// Output tiles.
    pub outputs: usize,
    /// Slots of one sample.
    pub period: usize,
    /// Estimated time in nanoseconds.
    pub cost: f64,
}

/// What was chosen for a step.
#[derive(Clone, Debug)]
pub enum Choice {
    /// An input's packing.
    Input {
        /// Name of the family.
        name: &'static str,
        /// The packing.
        arrangement: Arrangement,
    },
    /// An affine map.
    Linear(LinearChoice),
    /// Window sums.
    Windows(WindowSums),
    /// Slot-wise, or a relabelling: nothing to choose.
    Pointwise,
}

/// A packing of the whole network.
#[derive(Clone, Debug)]
pub struct Packing {
    /// One choice a step.
    pub choices: Vec<Choice>,
    /// One layout a step.
    pub layouts: Vec<Rc<Layout>>,
    /// Estimated time and weighted keys, in nanoseconds.
    pub cost: f64,
    /// Slots of one sample.
    pub period: usize,
}

/// Why a candidate was not taken, for the report.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rejection {
    /// The step.
    pub step: String,
    /// The reason.
    pub reason: String,
}

/// What a search found.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// Packings, cheapest first.
    pub packings: Vec<Packing>,
    /// Candidates looked at.
    pub tried: usize,
    /// Reasons why candidates were dropped, with how often.
    pub rejected: BTreeMap<Rejection, usize>,
}

#[derive(Clone)]
struct State {
    choices: Vec<Choice>,
    layouts: Vec<Rc<Layout>>,
    rotations: BTreeSet<i32>,
    anchors: HashMap<StepId, Anchors>,
    cost: f64,
    period: usize,
}

/// Searches packings of `network` on a chain whose shape at each depth (levels spent so far) is given.
pub fn search(network: &Network, shape_at: &dyn Fn(u32) -> LevelShape, settings: &SearchSettings) -> Found {
    let depths = network.depths();
    let mut found = Found::default();
    let mut beam = vec![State {
        choices: vec![],
        layouts: vec![],
        rotations: BTreeSet::new(),
        anchors: HashMap::new(),
        cost: 0.0,
        period: settings.slots,
    }];
    for (id, step) in network.steps.iter().enumerate() {
        let spent = depths[id] - step.kind.levels();
        let expansion = Expansion {
            network,
            id,
            shape: shape_at(spent),
            after: shape_at(depths[id]),
            settings,
        };
        let mut next = Vec::new();
        for state in &beam {
            expansion.expand(state, &mut next, &mut found);
        }
        next.sort_by(|a, b| a.cost.total_cmp(&b.cost));
        let mut seen = BTreeSet::new();
        next.retain(|state| seen.insert(state.signature(network, id)));
        next.truncate(settings.beam);
        beam = next;
        if beam.is_empty() {
            let reason = "no packing of this layer fits its input's layout".to_owned();
            *found
                .rejected
                .entry(Rejection {
                    step: step.name.clone(),
                    reason,
                })
                .or_default() += 1;
            return found;
        }
    }
    found.packings = beam
        .into_iter()
        .map(|s| Packing {
            choices: s.choices,
            layouts: s.layouts,
            cost: s.cost,
            period: s.period,
        })
        .collect();
    found
}

impl State {
    /// Identifies states that no later step can tell apart: the layouts still to be read.
    fn signature(&self, network: &Network, done: StepId) -> u64 {
        let mut hasher = DefaultHasher::new();
        for (id, layout) in self.layouts.iter().enumerate() {
            let live = id == done
                || network.steps[done + 1..]
                    .iter()
                    .any(|later| later.kind.operands().contains(&id))
                || network.outputs.iter().any(|(_, output)| *output == id);
            if live {
                layout.hash(&mut hasher);
            }
        }
        hasher.finish()
    }

    fn with(&self, choice: Choice, layout: Rc<Layout>, cost: f64) -> State {
        let mut next = self.clone();
        next.choices.push(choice);
        next.layouts.push(layout);
        next.cost += cost;
        next
    }
}

struct Expansion<'a> {
    network: &'a Network,
    id: StepId,
    shape: LevelShape,
    after: LevelShape,
    settings: &'a SearchSettings,
}

/// Full evaluations of a step's candidates for each state.
const WORKED_OUT: usize = 5;
/// Candidates estimated at more than this many times the cheapest are not worked out: the layouts that follow from them do not make
/// up for it.
const HOPELESS: f64 = 2.0;

impl Expansion<'_> {
    fn expand(&self, state: &State, next: &mut Vec<State>, found: &mut Found) {
        let (prices, step) = (&self.settings.prices, &self.network.steps[self.id]);
        match &step.kind {
            StepKind::Input { shape, .. } => self.inputs(state, shape, next, found),
            StepKind::Affine { x, map, geometry } => self.affine(state, *x, map, *geometry, next, found),
            StepKind::WindowSum { x, map } => {
                let samples = self.settings.batch as usize;
                match window_sums(map, &state.layouts[*x], state.period, samples) {
                    Some(windows) => {
                        let terms: usize = windows
                            .parts
                            .iter()
                            .flatten()
                            .map(|(_, rotations)| rotations.len())
                            .sum();
                        let tiles = windows.parts.len().max(1);
                        let cost = self.shape.rotate_sum(tiles, &[terms.div_ceil(tiles)], prices);
                        let layout = Rc::new(windows.layout.clone());
                        let mut after = state.with(Choice::Windows(windows.clone()), layout, cost);
                        self.charge_keys(&mut after, windows.parts.iter().flatten().flat_map(|(_, r)| r));
                        next.push(after);
                    }
                    None => self.reject(found, "windows at different places need different rotations"),
                }
            }
            StepKind::Square { x } => self.pointwise(state, &[*x], 1, next, found),
            StepKind::Multiply { x, y } => self.pointwise(state, &[*x, *y], 1, next, found),
            StepKind::Polynomial { x, degree, .. } => {
                self.pointwise(state, &[*x], 2 * step.kind.levels().min(*degree) - 1, next, found)
            }
            StepKind::Shift { x } | StepKind::Negate { x } | StepKind::Scale { x } => {
                self.pointwise(state, &[*x], 0, next, found)
            }
            StepKind::Add { x, y, .. } => self.pointwise(state, &[*x, *y], 0, next, found),
            StepKind::Relabel { x, from } => {
                let mut labels: HashMap<u32, u32> = HashMap::new();
                let old = self.network.steps[*x].elements as u32;
                for (to, from) in from.iter().enumerate() {
                    if let Some(from) = from {
                        labels.insert(*from, to as u32);
                    }
                }
                let before = &state.layouts[*x];
                let new = step.elements as u32;
                let layout = Layout::from_fn(before.tiles(), before.slots(), |tile, slot| {
                    match before.cell(tile, slot) {
                        Cell::Element(e) => match labels.get(&(e % old)) {
                            Some(&to) => Cell::Element(to + e / old * new),
                            None => Cell::Unknown,
                        },
                        other => other,
                    }
                });
                next.push(state.with(Choice::Pointwise, Rc::new(layout), 0.0));
            }
        }
    }

    fn reject(&self, found: &mut Found, reason: &str) {
        let step = self.network.steps[self.id].name.clone();
        *found
            .rejected
            .entry(Rejection {
                step,
                reason: reason.to_owned(),
            })
            .or_default() += 1;
    }

    fn charge_keys<'r>(&self, state: &mut State, rotations: impl Iterator<Item = &'r i32>) {
        let slots = self.settings.slots as i32;
        for rotation in rotations.map(|r| r.rem_euclid(slots)).filter(|r| *r != 0) {
            if state.rotations.insert(rotation) {
                state.cost += self.shape.key_bytes() as f64 * self.settings.key_byte;
            }
        }
    }

    fn inputs(&self, state: &State, shape: &[u32], next: &mut Vec<State>, found: &mut Found) {
        let reader = self
            .network
            .first_reader(self.id)
            .map_or(Reader::Dense { outputs: 1 }, |reader| match &reader.kind {
                StepKind::Affine {
                    geometry:
                        Geometry::Image {
                            input,
                            output,
                            kernel,
                            stride,
                            padding,
                        },
                    ..
                } => Reader::Image {
                    input: *input,
                    output: [output[1], output[2]],
                    kernel: *kernel,
                    stride: *stride,
                    padding: *padding,
                },
                _ => Reader::Dense {
                    outputs: reader.elements as u32,
                },
            });
        let slots = self.settings.slots;
        for (candidate, period) in arrangements(shape, reader, slots as u32, self.settings.batch) {
            found.tried += 1;
            let layout = Rc::new(candidate.arrangement.layout(slots));
            let choice = Choice::Input {
                name: candidate.name,
                arrangement: candidate.arrangement,
            };
            let mut after = state.with(choice, layout, 0.0);
            after.period = period as usize;
            if let Some(anchors) = candidate.anchors {
                after.anchors.insert(self.id, anchors);
            }
            next.push(after);
        }
    }

    /// Slot-wise operations: an element is where both operands have it.
    fn pointwise(
        &self,
        state: &State,
        operands: &[StepId],
        products: u32,
        next: &mut Vec<State>,
        found: &mut Found,
    ) {
        let first = &state.layouts[operands[0]];
        let layout = match operands {
            [_] => first.clone(),
            _ => {
                let second = &state.layouts[operands[1]];
                if (first.tiles(), first.slots()) != (second.tiles(), second.slots()) {
                    return self.reject(found, "the operands stand in different numbers of tiles");
                }
                let met = Layout::from_fn(first.tiles(), first.slots(), |tile, slot| {
                    let (a, b) = (first.cell(tile, slot), second.cell(tile, slot));
                    if a == b { a } else { Cell::Unknown }
                });
                let mut held =
                    vec![false; self.network.steps[self.id].elements * self.settings.batch as usize];
                for tile in 0..met.tiles() {
                    for slot in 0..met.slots() {
                        if let Cell::Element(e) = met.cell(tile, slot) {
                            held[e as usize] = true;
                        }
                    }
                }
                if !held.iter().all(|&held| held) {
                    return self.reject(found, "the operands stand in different slots");
                }
                Rc::new(met)
            }
        };
        let tiles = layout.tiles() * products as usize;
        let cost = if products == 0 {
            0.0
        } else {
            self.shape.multiply(tiles, &self.settings.prices)
        };
        next.push(state.with(Choice::Pointwise, layout, cost));
    }

    fn affine(
        &self,
        state: &State,
        x: StepId,
        map: &SparseMap,
        geometry: Geometry,
        next: &mut Vec<State>,
        found: &mut Found,
    ) {
        let layout = &state.layouts[x];
        let places = Places::of(layout, state.period, map.columns());
        let (anchors, channels) = match geometry {
            Geometry::Dense => (Some(Anchors::single()), map.rows()),
            Geometry::Image {
                input,
                output,
                stride,
                padding,
                ..
            } => {
                let known = state.anchors.get(&x).cloned();
                let size = [output[1], output[2]];
                let found = known.or_else(|| Anchors::of_image(&places, input, size, stride, padding));
                (found, output[0] as usize)
            }
            Geometry::Diagonal => {
                return self.diagonal(state, map, &places, layout, next, found);
            }
        };
        let Some(anchors) = anchors else {
            return self.reject(found, "an output pixel has no input pixel to stand at");
        };
        let bits = SlotBits::of(layout, state.period);
        let mut ranked = Vec::new();
        for candidate in candidates(&bits, &anchors, channels) {
            found.tried += 1;
            let owners = candidate.owners(state.period, &anchors, channels);
            let mut sampled: BTreeSet<Diagonal> = BTreeSet::new();
            let rows = sample(
                &owners,
                channels,
                anchors.at.len(),
                1 << candidate.copy_bits.len(),
            );
            let served = cover(
                map,
                &places,
                &owners,
                anchors.window,
                rows.into_iter(),
                |diagonal, _, _| {
                    sampled.insert(diagonal);
                },
            );
            if served.is_err() {
                self.reject(found, "an input element stands in no valid slot");
                continue;
            }
            let sampled: Vec<Diagonal> = sampled.into_iter().collect();
            let cost = self
                .linear_cost(state, &sampled, &candidate, &owners, anchors.window)
                .2;
            ranked.push((cost, candidate, owners));
        }
        ranked.sort_by(|a, b| a.0.total_cmp(&b.0));
        let bound = ranked.first().map_or(0.0, |least| HOPELESS * least.0);
        for (_, candidate, owners) in ranked
            .into_iter()
            .take(WORKED_OUT)
            .filter(|entry| entry.0 <= bound)
        {
            self.work_out(
                state,
                map,
                &places,
                candidate,
                &owners,
                anchors.window,
                next,
                found,
            );
        }
    }

    /// Works a candidate out in full and adds the state it leads to.
    #[expect(
        clippy::too_many_arguments,
        reason = "one call site each; a struct would only rename the list"
    )]
    fn work_out(
        &self,
        state: &State,
        map: &SparseMap,
        places: &Places,
        candidate: Candidate,
        owners: &Owners,
        window: Window,
        next: &mut Vec<State>,
        found: &mut Found,
    ) {
        let Ok(all) = diagonals(map, places, owners, window) else {
            return self.reject(found, "an input element stands in no valid slot");
        };
        let list: Vec<Diagonal> = all.iter().map(|(diagonal, _)| *diagonal).collect();
        let (split, stages, cost) = self.linear_cost(state, &list, &candidate, owners, window);
        let slots = self.settings.slots;
        let parts = all
            .iter()
            .map(|(diagonal, nonzeros)| (diagonal.output, nonzeros.as_slice()));
        let layout = folded_layout(slots, map.rows(), owners, parts, &stages);
        let mut held = vec![false; map.rows()];
        for tile in 0..layout.tiles() {
            for slot in 0..owners.period {
                if let Cell::Element(e) = layout.cell(tile, slot)
                    && let Some(held) = held.get_mut(e as usize)
                {
                    *held = true;
                }
            }
        }
        if !(0..map.rows()).all(|row| held[row] || map.row(row).is_empty()) {
            return self.reject(found, "folding mixes neighbouring outputs");
        }
        let rotations: Vec<i32> = list
            .iter()
            .flat_map(|diagonal| {
                let (giant, baby) = split.of(diagonal.rotation);
                [giant, baby]
            })
            .chain(stages.iter().flatten().copied())
            .collect();
        let choice = LinearChoice {
            candidate,
            diagonals: Rc::new(all),
            split,
            stages,
            outputs: owners.tiles(),
            period: owners.period,
            cost,
        };
        let mut after = state.with(Choice::Linear(choice), Rc::new(layout), cost);
        self.charge_keys(&mut after, rotations.iter());
        next.push(after);
    }

    /// An elementwise map: the layout stays.
    fn diagonal(
        &self,
        state: &State,
        map: &SparseMap,
        places: &Places,
        layout: &Rc<Layout>,
        next: &mut Vec<State>,
        found: &mut Found,
    ) {
        let rows = map.rows();
        let mut instance = vec![super::packing::cover::NONE; layout.tiles() * state.period];
        let mut row = Vec::new();
        for tile in 0..layout.tiles() {
            for slot in 0..state.period {
                if let Cell::Element(e) = layout.cell(tile, slot)
                    && (e as usize) < rows
                {
                    instance[tile * state.period + slot] = row.len() as u32;
                    row.push(e);
                }
            }
        }
        let owners = Owners {
            period: state.period,
            instance,
            row,
        };
        let candidate = Candidate {
            out_bits: vec![],
            fold_bits: vec![],
            copy_bits: vec![],
        };
        self.work_out(
            state,
            map,
            places,
            candidate,
            &owners,
            Window { bias: 0, grain: 1 },
            next,
            found,
        );
    }

    /// The best split and fold stages of a set of diagonals, and their time.
    fn linear_cost(
        &self,
        state: &State,
        list: &[Diagonal],
        candidate: &Candidate,
        owners: &Owners,
        window: Window,
    ) -> (Split, Vec<Vec<i32>>, f64) {
        let (prices, slots) = (&self.settings.prices, self.settings.slots);
        let key = self.shape.key_bytes() as f64 * self.settings.key_byte;
        let outputs = owners.tiles();
        let (split, _, linear) = cheapest(list, window.bias, slots, |steps| {
            let fresh = steps
                .rotations
                .iter()
                .filter(|r| !state.rotations.contains(r))
                .count();
            let work = LinearWork {
                steps: steps.clone(),
                products: list.len(),
                outputs,
            };
            self.shape.linear(&work, prices) + fresh as f64 * key
        });
        let after_key = self.after.key_bytes() as f64 * self.settings.key_byte;
        let (stages, folds) = (1..=3)
            .map(|log| {
                let stages = candidate.stages(log);
                let terms: Vec<usize> = stages.iter().map(Vec::len).collect();
                let keys: usize = terms.iter().map(|terms| terms - 1).sum();
                let cost = self.after.rotate_sum(outputs, &terms, prices) + keys as f64 * after_key;
                (stages, cost)
            })
            .min_by(|a, b| a.1.total_cmp(&b.1))
            .unwrap_or_default();
        // Tiles cost their additions even when nothing else touches them; and every later step pays for them.
        let tiles =
            outputs as f64 * self.after.limbs as f64 * self.after.degree as f64 * 2.0 * prices.mac_word;
        (split, stages, linear + folds + tiles)
    }
}

/// A few instances that show which rotations a map needs: rows spread over channels, and over positions.
fn sample(owners: &Owners, channels: usize, positions: usize, copies: usize) -> Vec<u32> {
    let spread = |count: usize, most: usize| -> Vec<usize> {
        let taken = count.min(most);
        (0..taken).map(|i| i * (count - 1) / (taken - 1).max(1)).collect()
    };
    let mut rows = Vec::new();
    for &channel in &spread(channels, if positions == 1 { 4 } else { 16 }) {
        for &position in &spread(positions, 3) {
            for &copy in &spread(copies, if positions == 1 { 1 } else { 2 }) {
                rows.push(((channel * positions + position) * copies + copy) as u32);
            }
        }
    }
    rows.retain(|&row| (row as usize) < owners.row.len());
    rows
}
