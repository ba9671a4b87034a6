//! Search for the packing of every step: a beam over the steps, each state a layout for every live value.
//!
//! A step's candidates are ranked by an estimate from a few sampled rows, the best of them are worked out in full (every diagonal,
//! every slot of the result), and states whose layouts agree are merged. The price counts time and, weighted, the bytes of
//! rotation keys that nothing before has needed yet.

mod affine;
mod expand;
mod ground;
mod meet;
mod memo;
mod pricing;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use he_core::tile::arrangement::Arrangement;
use he_core::tile::layout::Layout;

use super::cost::LevelShape;
use super::network::{Network, StepId};
use super::packing::amounts::Amounts;
use super::packing::candidate::{Anchors, Candidate};
use super::packing::merge::Merge;
use super::packing::pool::WindowSums;
use super::packing::split::Split;
use super::packing::transform::Transform;
use super::price::PriceTable;
use expand::Expansion;
pub use memo::Memo;

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
    /// What refreshing costs, if values are refreshed.
    pub refresh: Option<RefreshPrice>,
}

/// What refreshing costs, and the keys that are there because of it.
#[derive(Clone, Debug)]
pub struct RefreshPrice {
    /// Nanoseconds of one tile by itself.
    pub single: f64,
    /// Nanoseconds of two together.
    pub pair: f64,
    /// Rotations whose keys refreshing needs.
    pub rotations: BTreeSet<i32>,
}

impl RefreshPrice {
    /// Nanoseconds of so many tiles.
    pub fn of(&self, tiles: usize) -> f64 {
        (tiles / 2) as f64 * self.pair + (tiles % 2) as f64 * self.single
    }
}

/// A packed linear transform.
#[derive(Clone, Debug)]
pub struct LinearChoice {
    /// Which slots number outputs, which are folded.
    pub candidate: Candidate,
    /// Which tiles share ciphertexts as real and imaginary parts.
    pub merge: Merge,
    /// The map between the two layouts.
    pub transform: Arc<Transform>,
    /// Baby and giant steps.
    pub split: Split,
    /// Rotate-and-add stages after it.
    pub stages: Vec<Vec<i32>>,
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
        /// The packing into real tiles.
        arrangement: Arrangement,
        /// Whether the client merges tiles to complex ones.
        complex: bool,
    },
    /// An affine map.
    Linear(LinearChoice),
    /// Window sums.
    Windows(WindowSums),
    /// Slot-wise, or a relabelling: nothing to choose.
    Pointwise,
    /// Slot-wise on two operands, of which one is brought to the other's slots first.
    Brought {
        /// Which one.
        moved: usize,
        /// The identity from its slots to those of the other.
        map: LinearChoice,
    },
}

/// A packing of the whole network.
#[derive(Clone, Debug)]
pub struct Packing {
    /// One choice a step.
    pub choices: Vec<Choice>,
    /// One layout a step.
    pub layouts: Vec<Arc<Layout>>,
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
    /// Where there are no packings: the sums and products that would have to [spare](Network::spared) a level.
    pub lacking: Vec<StepId>,
}

#[derive(Clone)]
struct State {
    choices: Vec<Choice>,
    layouts: Vec<Arc<Layout>>,
    /// Those that have a key.
    rotations: Amounts,
    /// Whether some step conjugates.
    conjugates: bool,
    anchors: HashMap<StepId, Arc<Anchors>>,
    /// Names the arrangement of the inputs.
    family: usize,
    cost: f64,
    period: usize,
    /// Sums and products whose operands are too deep to be brought together. What comes behind is looked at so that one search finds
    /// them all.
    lacking: Vec<StepId>,
}

/// A way to arrange the inputs is given up once its best packing costs more than this many times the best of all.
const FAMILY_HOPELESS: f64 = 2.0;

/// The shape of a chain at each depth: after so many levels were spent.
pub type ShapeAt<'a> = &'a (dyn Fn(u32) -> LevelShape + Sync);

/// Searches packings of `network` on a chain of a given shape. What is worked out on the way is taken from `memo`, if it is there.
pub fn search(network: &Network, shape_at: ShapeAt<'_>, settings: &SearchSettings, memo: &Memo) -> Found {
    let (depths, last_readers) = (network.depths(), network.last_readers());
    let mut found = Found::default();
    let mut rotations = Amounts::none(settings.slots);
    let refresh = settings.refresh.iter().flat_map(|refresh| &refresh.rotations);
    refresh.for_each(|&rotation| rotations.insert(rotation as usize));
    let mut beam = vec![State {
        choices: vec![],
        layouts: vec![],
        rotations,
        conjugates: settings.refresh.is_some(),
        anchors: HashMap::new(),
        family: 0,
        cost: 0.0,
        period: settings.slots,
        lacking: vec![],
    }];
    for (id, step) in network.steps.iter().enumerate() {
        let expansion = Expansion::new(network, id, &depths, shape_at, settings, memo);
        let is_output = |step: StepId| network.outputs.iter().any(|(_, output)| *output == step);
        let live: Vec<StepId> = (0..=id)
            .filter(|&step| step == id || last_readers[step] > id || is_output(step))
            .collect();
        let mut next = expansion.all(&beam, &mut found);
        if next.iter().any(|state| state.lacking.is_empty()) {
            next.retain(|state| state.lacking.is_empty());
        }
        next.sort_by(|a, b| a.cost.total_cmp(&b.cost));
        let mut seen = HashSet::new();
        next.retain(|state| seen.insert(state.signature(&live)));
        keep_racing(&mut next, settings.beam, |state| Entry {
            cost: state.cost,
            family: state.family,
            tiles: settings.racing_tiles(state.layouts.last().map_or(0, |layout| layout.tiles())),
        });
        beam = next;
        memo.trim();
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
    if let Some(best) = beam.first() {
        found.lacking = best.lacking.clone();
    }
    beam.retain(|state| state.lacking.is_empty());
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

impl SearchSettings {
    /// Tiles that matter in a race: refreshing them costs more than most that is saved on the way.
    fn racing_tiles(&self, tiles: usize) -> usize {
        if self.refresh.is_some() { tiles } else { 0 }
    }
}

/// What states and candidates race by.
struct Entry {
    cost: f64,
    /// Names the arrangement of the inputs.
    family: usize,
    tiles: usize,
}

/// Keeps the cheapest `most` of an ascending list; and of every arrangement of the inputs the cheapest, and those with fewer tiles than
/// any that is cheaper, as long as they are not hopeless: what an arrangement saves, and what few tiles save, shows late.
fn keep_racing<T>(list: &mut Vec<T>, most: usize, entry: impl Fn(&T) -> Entry) {
    let bound = list
        .first()
        .map_or(0.0, |best| FAMILY_HOPELESS * entry(best).cost);
    let (mut fewest, mut seen) = (BTreeMap::new(), 0);
    list.retain(|item| {
        let Entry { cost, family, tiles } = entry(item);
        let least = fewest.entry(family).or_insert(usize::MAX);
        let is_ahead = tiles < *least;
        *least = tiles.min(*least);
        seen += 1;
        seen <= most || is_ahead && cost <= bound
    });
}

impl Found {
    /// Adds what was tried and rejected elsewhere.
    fn add(&mut self, other: Found) {
        self.tried += other.tried;
        for (rejection, times) in other.rejected {
            *self.rejected.entry(rejection).or_default() += times;
        }
    }
}

impl State {
    /// Identifies states that no later step can tell apart: by the layouts that are still to be read, of which equal ones are shared.
    fn signature(&self, live: &[StepId]) -> Vec<(*const Layout, bool)> {
        let of = |&id: &StepId| {
            let is_complex = matches!(self.choices[id], Choice::Input { complex: true, .. });
            (Arc::as_ptr(&self.layouts[id]), is_complex)
        };
        live.iter().map(of).collect()
    }

    fn with(&self, choice: Choice, layout: Arc<Layout>, cost: f64) -> State {
        let mut next = self.clone();
        next.choices.push(choice);
        next.layouts.push(layout);
        next.cost += cost;
        next
    }
}
