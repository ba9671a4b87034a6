//! Elementwise affine maps `a * x + b` that wait to be folded, without their numbers.
//!
//! A fold names where its numbers come from and, for each element, which of them (its *class*) applies. Elements of class
//! [`ZERO`] are left alone: they were not there yet when the map was written (zero padding, the other part of a concatenation).
//! Elements of class [`ANY`] are read by nobody, so any class serves them: the one that keeps weights shared is taken.

use super::pattern::ZERO;
use super::view::compose;
use crate::graph::NodeId;
use std::sync::Arc;

/// The class of an element that nobody reads.
pub(super) const ANY: u32 = ZERO - 1;

/// Where the numbers come from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Source {
    /// `factor * x`, known at plan time.
    Constant(f64),
    /// `x + addend`, known at plan time.
    Addend(f64),
    /// Batch norm, standardisation or normalisation.
    Layer(NodeId),
    /// The reciprocal window lengths of a pooling node.
    Divisors(NodeId),
    /// `x + scale * p` for a node `p` computed from weights only.
    Offset { plain: NodeId, scale: f64 },
    /// `p * x` for a node `p` computed from weights only.
    Product(NodeId),
    /// `a x + b` with `x (a x + b)` the quadratic without its constant.
    Twin { function: NodeId, range: f64 },
    /// The constant of the quadratic.
    TwinConstant { function: NodeId, range: f64 },
    /// One step of the doubling chain of a polynomial of degree `2^doublings`: the factor `s_step`, or the offset `-s_step`, with the
    /// sign of the leading coefficient if `signed`.
    Doubling {
        function: NodeId,
        range: f64,
        doublings: u32,
        step: u32,
        signed: bool,
        offset: bool,
    },
}

impl Source {
    /// False if `b` is always zero.
    pub(super) fn has_offset(self) -> bool {
        match self {
            Self::Addend(_)
            | Self::Layer(_)
            | Self::Offset { .. }
            | Self::Twin { .. }
            | Self::TwinConstant { .. } => true,
            Self::Doubling { offset, .. } => offset,
            Self::Constant(_) | Self::Divisors(_) | Self::Product(_) => false,
        }
    }

    /// False if `a` is always one.
    pub(super) fn has_factor(self) -> bool {
        match self {
            Self::Addend(_) | Self::Offset { .. } | Self::TwinConstant { .. } => false,
            Self::Doubling { offset, .. } => !offset,
            _ => true,
        }
    }
}

/// Which half of a map applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Both,
    Factor,
    Offset,
}

/// One elementwise affine map over a tensor.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Fold {
    pub(super) source: Source,
    pub(super) part: Part,
    /// Class of each element; `None` if all elements have class 0.
    pub(super) classes: Option<Arc<[u32]>>,
    /// Factor of `b` for each element: how many elements a window sum added up.
    pub(super) weight: Option<Arc<[f64]>>,
}

impl Fold {
    pub(super) fn constant(factor: f64) -> Self {
        Self {
            source: Source::Constant(factor),
            part: Part::Both,
            classes: None,
            weight: None,
        }
    }

    pub(super) fn addend(addend: f64) -> Self {
        Self {
            source: Source::Addend(addend),
            ..Self::constant(1.0)
        }
    }

    pub(super) fn new(source: Source, classes: Vec<u32>) -> Self {
        Self {
            source,
            part: Part::Both,
            classes: Some(classes.into()),
            weight: None,
        }
    }

    pub(super) fn part(&self, part: Part) -> Self {
        Self { part, ..self.clone() }
    }

    pub(super) fn has_offset(&self) -> bool {
        self.part != Part::Factor && self.source.has_offset()
    }

    pub(super) fn has_factor(&self) -> bool {
        self.part != Part::Offset && self.source.has_factor()
    }

    /// The factor, if the map is one constant on every element.
    pub(super) fn as_constant(&self) -> Option<f64> {
        match (self.source, &self.classes) {
            (Source::Constant(factor), None) => Some(factor),
            _ => None,
        }
    }

    /// Element `i` of the result is element `map[i]`, or untouched.
    pub(super) fn relabelled(&self, map: &[u32]) -> Self {
        let zeros = map.contains(&ZERO);
        let classes = match &self.classes {
            // A constant factor leaves zeros as they are.
            None if !zeros || self.as_constant().is_some() => None,
            None => Some(map.iter().map(|&i| if i == ZERO { ZERO } else { 0 }).collect()),
            Some(classes) => Some(compose(classes, map)),
        };
        let at = |w: &Arc<[f64]>| {
            map.iter()
                .map(|&i| if i == ZERO { 0.0 } else { w[i as usize] })
                .collect()
        };
        Self {
            classes,
            weight: self.weight.as_ref().map(at),
            ..self.clone()
        }
    }

    /// The same map with every [`ANY`] given the class of its group.
    pub(super) fn decided(mut self, groups: usize, group: impl Fn(usize) -> Option<usize>) -> Self {
        let Some(classes) = self.classes.as_ref().filter(|classes| classes.contains(&ANY)) else {
            return self;
        };
        let mut known = vec![ZERO; groups];
        for (i, &class) in classes.iter().enumerate().filter(|&(_, &class)| class < ANY) {
            if let Some(g) = group(i) {
                known[g] = class;
            }
        }
        let decide = |(i, &class): (usize, &u32)| match class {
            ANY => group(i).map_or(ZERO, |g| known[g]),
            class => class,
        };
        self.classes = Some(classes.iter().enumerate().map(decide).collect());
        self
    }

    /// True if elements of one group always have one class.
    pub(super) fn constant_on(&self, groups: usize, group: impl Fn(usize) -> Option<usize>) -> bool {
        let Some(classes) = self.classes.as_ref().filter(|_| self.has_factor()) else {
            return true;
        };
        let mut known = vec![None; groups];
        let mut elements = classes
            .iter()
            .enumerate()
            .filter_map(|(i, &class)| Some((group(i)?, class)));
        elements.all(|(g, class)| *known[g].get_or_insert(class) == class)
    }
}

/// The constant that a list of maps amounts to, if it is one.
pub(super) fn constant(folds: &[Fold]) -> Option<f64> {
    folds
        .iter()
        .try_fold(1.0, |product, fold| Some(product * fold.as_constant()?))
}
