//! The shape of a transform.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use crate::error::{Error, Result};

/// One product: `rot_giant(plain . rot_baby(input))`, added to an output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Term {
    /// Output tile.
    pub output: u32,
    /// Rotation of the product.
    pub giant: i32,
    /// Input tile.
    pub input: u32,
    /// Rotation of the input.
    pub baby: i32,
    /// The plaintext, rotated by `-giant` beforehand: what the caller's table of plaintexts knows it by.
    pub plain: u32,
}

/// The shape of a transform: its terms in groups.
#[derive(Clone, Debug)]
pub struct LinearPlan {
    pub(super) terms: Vec<Term>,
    pub(super) groups: Vec<Group>,
    /// (input, baby) of every term of a raised group, in order.
    pub(super) babies: Vec<(u32, i32)>,
    /// Of each term, the position of what its plaintext is multiplied with: among the babies, or behind them among the inputs.
    pub(super) factors: Vec<u32>,
    pub(super) outputs: usize,
    pub(super) inputs: usize,
    pub(super) rescale: bool,
    /// Giant steps are walked to, this far at a time.
    pub(super) stride: Option<i32>,
}

/// The terms of one output and giant step.
#[derive(Clone, Debug)]
pub(super) struct Group {
    pub(super) output: usize,
    pub(super) giant: i32,
    pub(super) terms: Range<usize>,
    /// No baby is rotated.
    pub(super) flat: bool,
}

impl LinearPlan {
    /// Groups the terms, which are sorted by output and giant step. Every output has a term. Without `rescale` the results keep the
    /// product of both scales and their level.
    pub fn new(outputs: usize, terms: Vec<Term>, rescale: bool) -> Result<Self> {
        let mut groups: Vec<Group> = vec![];
        for (i, term) in terms.iter().enumerate() {
            let output = term.output as usize;
            match groups.last_mut() {
                Some(group) if (group.output, group.giant) == (output, term.giant) => {
                    group.terms.end = i + 1;
                    group.flat &= term.baby == 0;
                }
                _ => groups.push(Group {
                    output,
                    giant: term.giant,
                    terms: i..i + 1,
                    flat: term.baby == 0,
                }),
            }
        }
        if !groups.is_sorted_by_key(|group| (group.output, group.giant)) {
            return Err(Error::Terms {
                reason: "they are not sorted by output and giant step",
            });
        }
        let mut named: Vec<usize> = groups.iter().map(|group| group.output).collect();
        named.dedup();
        if outputs == 0 || named != (0..outputs).collect::<Vec<_>>() {
            return Err(Error::Terms {
                reason: "an output has none, or is out of range",
            });
        }
        let inputs = terms
            .iter()
            .map(|term| term.input as usize + 1)
            .max()
            .unwrap_or(0);
        let raised = groups.iter().filter(|group| !group.flat);
        let mut babies: Vec<_> = raised
            .flat_map(|group| &terms[group.terms.clone()])
            .map(|term| (term.input, term.baby))
            .collect();
        babies.sort_unstable();
        babies.dedup();
        let position: BTreeMap<_, u32> = babies.iter().copied().zip(0..).collect();
        let count = babies.len() as u32;
        let factor = |term: &Term, flat: bool| match position.get(&(term.input, term.baby)) {
            Some(&baby) if !flat => baby,
            _ => count + term.input,
        };
        let factors = groups
            .iter()
            .flat_map(|group| {
                terms[group.terms.clone()]
                    .iter()
                    .map(|term| factor(term, group.flat))
            })
            .collect();
        Ok(Self {
            terms,
            groups,
            babies,
            factors,
            outputs,
            inputs,
            rescale,
            stride: None,
        })
    }

    /// Takes every giant step, a small multiple of `stride`, in strides, the sums of nearer ones joining on the way: as many key
    /// switches, if every multiple between is there, and keys for `stride` and `-stride` only (W. G. Horner's rule).
    ///
    /// # Errors
    /// [`Error::Terms`] if a giant step is no multiple of `stride`.
    pub fn in_strides(mut self, stride: i32) -> Result<Self> {
        let whole = |group: &Group| group.giant.checked_rem(stride) == Some(0);
        if !self.groups.iter().all(whole) {
            return Err(Error::Terms {
                reason: "a giant step is no multiple of the stride",
            });
        }
        self.stride = Some(stride);
        Ok(self)
    }

    /// The rotations that keys are needed for.
    pub fn rotations(&self) -> BTreeSet<i32> {
        let giants = self.groups.iter().map(|group| match self.stride {
            Some(stride) => stride * (group.giant / stride).signum(),
            None => group.giant,
        });
        let babies = self.babies.iter().map(|&(_, baby)| baby);
        giants.chain(babies).filter(|&r| r != 0).collect()
    }

    /// Whether the plaintext of a term must stand on the special primes as well: if its group has a rotated baby.
    pub fn needs_special(&self, term: usize) -> bool {
        self.groups
            .iter()
            .any(|group| group.terms.contains(&term) && !group.flat)
    }
}

/// Cuts the groups into passes of at most `limit`, never within an output.
pub(super) fn passes(groups: &[Group], limit: usize) -> Vec<Range<usize>> {
    let (mut passes, mut start, mut end) = (vec![], 0, 0);
    for output in groups.chunk_by(|a, b| a.output == b.output) {
        if end > start && end + output.len() - start > limit {
            passes.push(start..end);
            start = end;
        }
        end += output.len();
    }
    passes.push(start..end);
    passes
}
