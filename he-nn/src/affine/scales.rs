//! Constant factors that polynomials want in front of them, spread over everything that is added up with their argument.
//!
//! A polynomial on `[-range, range]` is evaluated on `x / range`. Where the layer in front is affine it delivers that; behind a skip
//! connection the argument is a sum of several stages. A sum can be held at any constant factor if all its terms are: affine maps
//! and polynomials take a factor on either side for nothing, sums and shifts pass it on, the client divides an output by it. What
//! is squared or multiplied, and what the client encrypts, stays as it is; a polynomial of these brings its own interval along. The
//! product of a rectified linear unit is none of these: the composite that it reads brings operand and result to any factors.

use super::fold::Fold;
use super::stage::{Kind, Stage, StageId};

/// Gives every sum the factor that the polynomials behind it want.
pub(super) fn spread(stages: &mut [Stage]) {
    let groups = Groups::of(stages);
    let mut factors: Vec<f64> = (0..stages.len()).map(|i| groups.factor(i)).collect();
    for (i, share) in (0..stages.len()).filter_map(|i| Some((i, gate(stages, i)?))) {
        let Kind::Multiply { x, .. } = &stages[i].kind else {
            continue;
        };
        factors[share.index()] = factors[i] / factors[x.stage.index()];
    }
    let of = |id: StageId| factors[id.index()];
    for (stage, &factor) in stages.iter_mut().zip(&factors) {
        match &mut stage.kind {
            Kind::Affine(affine) => {
                let entering = of(affine.input);
                if entering != 1.0 {
                    affine.before.insert(0, Fold::constant(1.0 / entering));
                }
                if factor != 1.0 {
                    affine.behind.push(Fold::constant(factor));
                }
            }
            Kind::Polynomial {
                x,
                argument,
                factor: own,
                ..
            } => {
                // The polynomial that asked for the factor gets exactly one.
                *argument = if *argument == of(x.stage) {
                    1.0
                } else {
                    *argument / of(x.stage)
                };
                *own *= factor;
            }
            Kind::Shift { offset, .. } if factor != 1.0 => offset.folds.push(Fold::constant(factor)),
            Kind::Output { x, factor: left, .. } => *left /= of(x.stage),
            _ => {}
        }
        for known in [&mut stage.bound, &mut stage.typical] {
            *known = known.map(|value| value * factor.abs());
        }
    }
}

/// The composite behind the right operand of a product, which that product alone reads: it takes any factor.
fn gate(stages: &[Stage], product: usize) -> Option<StageId> {
    let Kind::Multiply { y, .. } = &stages[product].kind else {
        return None;
    };
    match &stages[y.stage.index()].kind {
        Kind::Polynomial {
            piece: Some(piece), ..
        } if piece.composite.is_gate() => Some(y.stage),
        _ => None,
    }
}

/// Stages that must share their factor.
struct Groups {
    parent: Vec<usize>,
    /// The factor wanted of a group, at its representative; of several the smallest, for the widest interval.
    wanted: Vec<Option<f64>>,
    /// Whether the group must keep its values.
    pinned: Vec<bool>,
}

impl Groups {
    fn of(stages: &[Stage]) -> Self {
        let count = stages.len();
        let mut groups = Self {
            parent: (0..count).collect(),
            wanted: vec![None; count],
            pinned: vec![false; count],
        };
        for (i, stage) in stages.iter().enumerate() {
            if let Kind::Sum { .. }
            | Kind::Shift { .. }
            | Kind::Negate { .. }
            | Kind::Add { .. }
            | Kind::Sub { .. } = stage.kind
            {
                stage.kind.operands().for_each(|x| groups.join(i, x.index()));
            }
        }
        for (i, stage) in stages.iter().enumerate() {
            match &stage.kind {
                Kind::Input { .. } => groups.pin(i),
                Kind::Multiply { .. } if gate(stages, i).is_some() => {}
                Kind::Square { .. } | Kind::Multiply { .. } => {
                    groups.pin(i);
                    stage.kind.operands().for_each(|x| groups.pin(x.index()));
                }
                // Shorter polynomials absorb the factor of their argument.
                Kind::Polynomial {
                    x,
                    degree,
                    argument,
                    piece,
                    ..
                } if *degree > 3 || piece.is_some() => groups.want(x.stage.index(), *argument),
                _ => {}
            }
        }
        groups
    }

    fn root(&self, mut i: usize) -> usize {
        while self.parent[i] != i {
            i = self.parent[i];
        }
        i
    }

    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.root(a), self.root(b));
        self.parent[a] = b;
    }

    fn pin(&mut self, i: usize) {
        let root = self.root(i);
        self.pinned[root] = true;
    }

    fn want(&mut self, i: usize, factor: f64) {
        let root = self.root(i);
        let wanted = &mut self.wanted[root];
        if wanted.is_none_or(|least| factor.abs() < least.abs()) {
            *wanted = Some(factor);
        }
    }

    fn factor(&self, i: usize) -> f64 {
        let root = self.root(i);
        match self.wanted[root] {
            Some(factor) if !self.pinned[root] => factor,
            _ => 1.0,
        }
    }
}
