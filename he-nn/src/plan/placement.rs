//! Where values are refreshed: the cheapest set of places such that no path runs out of levels.
//!
//! Notation: *spent*, levels between an input or a refreshed value and a value. A refreshed value serves all readers: for those that
//! come later it is worth no less than one refreshed for them alone.
//!
//! Method: a shortest path through the steps in their order. A node is what the values that later steps still read have spent; a step
//! leads to the node where its result is kept as it is, and to the one where it is refreshed, for the price of its ciphertexts. Of two
//! nodes after one step, the one that has spent no more of any value and costs no more makes the other superfluous. So branches, skips and
//! values of several readers are weighed together, and the places are the best there are, as long as no more than [`NODES_MAX`] nodes
//! are open at once. Prices are of the ciphertexts that a value takes and of the level at which steps are computed.

use he_core::program::error::Range;

use super::network::{Network, StepId, StepKind};

/// Nodes kept after a step, cheapest first: more than networks with few branches ever have.
const NODES_MAX: usize = 2048;

/// How far paths may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reach {
    /// Levels that may be spent at all.
    pub all: u32,
    /// Levels after which an affine map can still be refreshed: it delivers its result divided by the bound.
    pub affine: u32,
    /// Levels after which any other value can still be refreshed: dividing it takes one of its own.
    pub other: u32,
}

impl Reach {
    fn of(&self, kind: &StepKind) -> u32 {
        match kind {
            StepKind::Affine { .. } => self.affine,
            _ => self.other,
        }
    }
}

/// What places are weighed by, in nanoseconds.
pub struct Prices<'p> {
    /// Of refreshing the result of a step.
    pub refresh: &'p dyn Fn(StepId) -> f64,
    /// Of a step that starts after so many levels.
    pub step: &'p dyn Fn(StepId, u32) -> f64,
}

/// A node: what the live values have spent, and how it was reached.
#[derive(Clone, Debug)]
struct Node {
    /// One entry a live value, in their order.
    spent: Vec<u32>,
    cost: f64,
    /// Index of the last decision in the list of all decisions.
    trail: Option<usize>,
}

/// A refreshed step, and the decision before.
struct Decision {
    step: StepId,
    before: Option<usize>,
}

/// The steps whose results are refreshed, ascending; the step behind which no path goes on if there is no way.
///
/// # Errors
/// The first step that no path reaches.
pub fn place(
    network: &Network,
    ranges: &[Range],
    reach: Reach,
    prices: &Prices<'_>,
) -> Result<Vec<StepId>, StepId> {
    let last_reader = network.last_readers();
    let mut decisions: Vec<Decision> = Vec::new();
    let mut live: Vec<StepId> = Vec::new();
    let mut open = vec![Node {
        spent: vec![],
        cost: 0.0,
        trail: None,
    }];
    for (id, step) in network.steps.iter().enumerate() {
        let operands: Vec<usize> = step
            .kind
            .operands()
            .iter()
            .filter_map(|x| live.iter().position(|known| known == x))
            .collect();
        let is_read = last_reader[id] > id;
        let kept: Vec<usize> = (0..live.len()).filter(|&i| last_reader[live[i]] > id).collect();
        let mut next: Vec<Node> = Vec::new();
        for node in &open {
            let read: Vec<u32> = operands.iter().map(|&i| node.spent[i]).collect();
            let before = network.before(id, &read);
            let spent = before + step.kind.levels();
            if spent > reach.all {
                continue;
            }
            let cost = node.cost + (prices.step)(id, before);
            let mut others: Vec<u32> = kept.iter().map(|&i| node.spent[i]).collect();
            if is_read && spent > 0 && spent <= reach.of(&step.kind) && ranges[id].largest.is_finite() {
                decisions.push(Decision {
                    step: id,
                    before: node.trail,
                });
                let mut spent = others.clone();
                spent.push(0);
                next.push(Node {
                    spent,
                    cost: cost + (prices.refresh)(id),
                    trail: Some(decisions.len() - 1),
                });
            }
            if is_read {
                others.push(spent);
            }
            next.push(Node {
                spent: others,
                cost,
                trail: node.trail,
            });
        }
        if next.is_empty() {
            return Err(id);
        }
        live = kept
            .iter()
            .map(|&i| live[i])
            .chain(is_read.then_some(id))
            .collect();
        open = undominated(next);
    }
    let best = open.into_iter().min_by(|a, b| a.cost.total_cmp(&b.cost));
    let mut places = Vec::new();
    let mut trail = best.and_then(|node| node.trail);
    while let Some(Decision { step, before }) = trail.map(|at| &decisions[at]) {
        places.push(*step);
        trail = *before;
    }
    places.reverse();
    Ok(places)
}

/// The nodes that no other makes superfluous, cheapest first.
fn undominated(mut nodes: Vec<Node>) -> Vec<Node> {
    nodes.sort_by(|a, b| a.cost.total_cmp(&b.cost));
    let mut kept: Vec<Node> = Vec::new();
    for node in nodes {
        let replaces = |other: &Node| other.spent.iter().zip(&node.spent).all(|(a, b)| a <= b);
        if kept.len() < NODES_MAX && !kept.iter().any(replaces) {
            kept.push(node);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::plan::network::{Geometry, Step};
    use crate::plan::packing::sparse::SparseMap;

    fn step(kind: StepKind, elements: usize) -> Step {
        Step {
            name: String::new(),
            kind,
            elements,
        }
    }

    fn input(elements: usize) -> Step {
        let kind = StepKind::Input {
            name: "x".into(),
            shape: vec![elements as u32],
        };
        step(kind, elements)
    }

    fn affine(x: StepId, elements: usize) -> Step {
        let map = SparseMap::collect(elements, elements, |visit| visit(0, 0, 0));
        let kind = StepKind::Affine {
            x,
            map: Arc::new(map),
            geometry: Geometry::Dense,
        };
        step(kind, elements)
    }

    fn network(steps: Vec<Step>) -> Network {
        let last = steps.len() - 1;
        Network {
            steps,
            outputs: vec![("y".into(), last)],
            ..Network::default()
        }
    }

    const REACH: Reach = Reach {
        all: 6,
        affine: 4,
        other: 3,
    };

    /// A place costs as many units as its step has elements.
    fn placed(network: &Network, reach: Reach) -> Result<Vec<StepId>, StepId> {
        let ranges = vec![Range::within(1.0); network.steps.len()];
        let prices = Prices {
            refresh: &|id| network.steps[id].elements as f64,
            step: &|_, _| 0.0,
        };
        place(network, &ranges, reach, &prices)
    }

    /// Every set of places, tried one by one: the least cost.
    fn cheapest(network: &Network, reach: Reach) -> Option<f64> {
        let read = network.last_readers();
        let costs = (0u32..1 << network.steps.len()).filter_map(|set| {
            let (mut spent, mut cost) = (Vec::<u32>::new(), 0.0);
            for (id, step) in network.steps.iter().enumerate() {
                let paths: Vec<u32> = step.kind.operands().iter().map(|&x| spent[x]).collect();
                let is_tied = network.spared.contains(&id) && paths.iter().all(|path| *path == paths[0]);
                let before = paths.iter().max().unwrap_or(&0) + u32::from(is_tied);
                let here = before + step.kind.levels();
                let is_place = set >> id & 1 == 1;
                if here > reach.all
                    || is_place && (here > reach.of(&step.kind) || here == 0 || read[id] == id)
                {
                    return None;
                }
                cost += if is_place { step.elements as f64 } else { 0.0 };
                spent.push(if is_place { 0 } else { here });
            }
            Some(cost)
        });
        costs.min_by(f64::total_cmp)
    }

    #[test]
    fn a_chain_is_refreshed_where_it_is_narrow() {
        // Widths 9, 4, 1, 4, 9, 4, 1, 4, 9: squares in between.
        let mut steps = vec![input(9)];
        for width in [4, 1, 4, 9, 4, 1, 4, 9] {
            steps.push(affine(steps.len() - 1, width));
        }
        let network = network(steps);
        assert_eq!(placed(&network, REACH), Ok(vec![2]));
        let short = Reach { all: 4, ..REACH };
        assert_eq!(placed(&network, short), Ok(vec![2, 6]));
        // Too short for anything.
        let none = Reach {
            all: 0,
            affine: 0,
            other: 0,
        };
        assert_eq!(placed(&network, none), Err(1));
    }

    #[test]
    fn values_without_a_range_are_not_refreshed() {
        let network = network(
            (0..9)
                .map(|i| if i == 0 { input(4) } else { affine(i - 1, 4) })
                .collect(),
        );
        let mut ranges = vec![Range::within(1.0); 9];
        ranges[2..=4].fill(Range::UNKNOWN);
        let prices = Prices {
            refresh: &|_| 1.0,
            step: &|_, _| 0.0,
        };
        // Only the first layer is left within reach, and a second place behind it.
        assert_eq!(place(&network, &ranges, REACH, &prices), Ok(vec![1, 5]));
        ranges.fill(Range::UNKNOWN);
        assert_eq!(place(&network, &ranges, REACH, &prices), Err(7));
    }

    #[test]
    fn branches_are_weighed_together() {
        // Random graphs of affine maps, squares and sums of earlier steps, of random widths.
        let mut state = 1u64;
        let mut next = |below: usize| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize % below
        };
        let mut refreshed = 0;
        for _ in 0..60 {
            let mut steps = vec![input(1 + next(5))];
            while steps.len() < 11 {
                let (x, y, width) = (steps.len() - 1, next(steps.len()), 1 + next(5));
                steps.push(match next(4) {
                    0 => step(StepKind::Square { x }, width),
                    1 => step(StepKind::Add { x, y, negate: false }, width),
                    2 => step(StepKind::Multiply { x, y }, width),
                    _ => affine(x, width),
                });
            }
            let mut network = network(steps);
            let pairs = network.steps.iter().enumerate();
            let pairs = pairs.filter(|(_, step)| step.kind.operands().len() == 2);
            network.spared = pairs.map(|(id, _)| id).filter(|_| next(2) == 0).collect();
            let reach = Reach {
                all: 4,
                affine: 3,
                other: 2,
            };
            let cost = |places: Vec<StepId>| {
                refreshed += places.len();
                places
                    .iter()
                    .map(|&id| network.steps[id].elements as f64)
                    .sum::<f64>()
            };
            assert_eq!(placed(&network, reach).ok().map(cost), cheapest(&network, reach));
        }
        assert!(refreshed > 60, "{refreshed}");
    }
}
