//! The plaintexts of a transform, in the order in which it reads them.
//!
//! Those without structure are the rows of a [`Panel`] for each prime, numbered by first use; a row that only unrotated babies meet
//! has none modulo the special primes, where these babies vanish. Plaintexts that repeat stay in their short form.

use std::collections::BTreeMap;
#[cfg(feature = "program")]
use std::ops::Range;

use super::plan::LinearPlan;
use crate::ckks::ciphertext::check_scale;
use crate::ckks::context::Context;
use crate::ckks::encode::{Coefficients, Plaintext};
use crate::ckks::parallel;
use crate::error::{Error, Result};
use crate::math::buffer::Limbs;
#[cfg(feature = "program")]
use crate::math::kernels::{PanelSums, RunSums};
use crate::math::kernels::{PanelTerm, RunTerm};
use crate::math::panel::Panel;

const OP: &str = "linear transform";

/// What a transform multiplies with.
#[derive(Debug)]
pub struct Weights {
    level: usize,
    scale: f64,
    /// Of the Q primes of the level, then of the special ones if a group is raised.
    panels: Vec<Panel>,
    /// The rows of Q primes and of special ones, by the caller's name.
    rows: [BTreeMap<u32, u32>; 2],
    /// Unstructured terms of each group modulo Q primes and modulo special ones.
    packed: [Vec<Vec<PanelTerm>>; 2],
    /// Structured ones: position among the plaintexts that repeat, and factor.
    runs: [Vec<Vec<(u32, u32)>>; 2],
    /// A number for each group, the same for those whose structured terms meet the same factors in the same order.
    classes: [Vec<usize>; 2],
    repeating: Vec<Plaintext>,
}

/// Rows encoded at a time: their words stay in a cache until they are packed.
pub(crate) const ROWS_AT_ONCE: usize = 16;

impl Weights {
    /// Packs the plaintexts of a transform of ciphertexts of `level`; `plaintext` gives that of a term by its `plain`. All of them
    /// have one scale.
    pub fn new<'a>(
        context: &Context,
        plan: &LinearPlan,
        level: usize,
        plaintext: impl Fn(u32) -> &'a Plaintext + Sync,
    ) -> Result<Self> {
        let scale = plan
            .terms
            .first()
            .map_or(1.0, |term| plaintext(term.plain).scale());
        for group in &plan.groups {
            for term in &plan.terms[group.terms.clone()] {
                let plain = plaintext(term.plain);
                check_scale(OP, plain.scale(), scale)?;
                context.check_readable(OP, plain.level(), level)?;
                if !group.flat && !plain.is_special() {
                    return Err(Error::PlaintextLimbs {
                        op: OP,
                        missing: "the special primes",
                    });
                }
            }
        }
        let repeating = |id: u32| {
            let plain = plaintext(id);
            (plain.period() < context.slots()).then(|| plain.clone())
        };
        let mut weights = Self::layout(context, plan, level, scale, repeating);
        weights.each_panel(context, |prime, rows, panel| {
            let limb = |plain: &'a Plaintext| plain.limb(plain.position(context, prime)).words;
            let rows: Vec<_> = rows
                .iter()
                .map(|(&id, &row)| (row as usize, limb(plaintext(id))))
                .collect();
            panel.set(context.kernels(), &rows);
        });
        Ok(weights)
    }

    /// Room for the plaintexts of a transform. `repeating` is asked once for each, and gives those that repeat.
    pub(crate) fn layout(
        context: &Context,
        plan: &LinearPlan,
        level: usize,
        scale: f64,
        repeating: impl FnMut(u32) -> Option<Plaintext>,
    ) -> Self {
        let raised = plan.groups.iter().any(|group| !group.flat);
        let special = if raised { context.special().len() } else { 0 };
        Self::layout_on(context, plan, [level, special], scale, repeating)
    }

    /// [`layout`](Self::layout) on the first special primes only.
    pub(crate) fn layout_on(
        context: &Context,
        plan: &LinearPlan,
        [level, special]: [usize; 2],
        scale: f64,
        mut repeating: impl FnMut(u32) -> Option<Plaintext>,
    ) -> Self {
        let mut weights = Self {
            level,
            scale,
            panels: vec![],
            rows: Default::default(),
            packed: [0, 1].map(|_| vec![vec![]; plan.groups.len()]),
            runs: [0, 1].map(|_| vec![vec![]; plan.groups.len()]),
            classes: [vec![], vec![]],
            repeating: vec![],
        };
        let mut known: BTreeMap<u32, Option<u32>> = BTreeMap::new();
        for (g, group) in plan.groups.iter().enumerate() {
            for i in group.terms.clone() {
                let (term, factor) = (&plan.terms[i], plan.factors[i]);
                let run = match known.get(&term.plain) {
                    Some(&run) => run,
                    None => {
                        let plain = repeating(term.plain);
                        let run = plain.is_some().then_some(weights.repeating.len() as u32);
                        weights.repeating.extend(plain);
                        known.insert(term.plain, run);
                        run
                    }
                };
                let reaches = [true, term.baby != 0];
                for kind in (0..2).filter(|&kind| reaches[kind]) {
                    if let Some(run) = run {
                        weights.runs[kind][g].push((run, factor));
                        continue;
                    }
                    let next = weights.rows[kind].len() as u32;
                    let row = *weights.rows[kind].entry(term.plain).or_insert(next);
                    weights.packed[kind][g].push(PanelTerm { row, factor });
                }
            }
        }
        weights.classes = [0, 1].map(|kind| classes(&weights.runs[kind]));
        let room = |prime: u16| {
            let rows = weights.rows[usize::from(context.is_special(prime))].len();
            Panel::zeroed(context.degree(), rows, context.modulus(prime).bits())
        };
        let primes = context.primes(level, true).into_iter();
        let count = context.chain().limbs(level) + special;
        weights.panels = primes.take(count).map(room).collect();
        weights
    }

    /// The plaintexts without structure, in the order of their rows.
    pub(crate) fn unstructured(&self) -> Vec<u32> {
        let mut ids: Vec<(u32, u32)> = self.rows[0].iter().map(|(&id, &row)| (row, id)).collect();
        ids.sort_unstable();
        ids.into_iter().map(|(_, id)| id).collect()
    }

    /// Encodes plaintexts without structure, given by name.
    pub(crate) fn encode(&mut self, context: &Context, plains: &[(u32, Coefficients)]) {
        self.each_panel(context, |prime, rows, panel| {
            let mut words = Limbs::scratch(context.degree(), plains.len());
            let mut packed = vec![];
            for ((id, coefficients), limb) in plains.iter().zip(words.split_mut()) {
                if let Some(&row) = rows.get(id) {
                    coefficients.reduce(context, prime, limb);
                    context.ring().ntt(prime).forward(limb);
                    packed.push((row as usize, &*limb));
                }
            }
            panel.set(context.kernels(), &packed);
        });
    }

    /// Runs `f(prime, rows by name, panel)` for every prime.
    fn each_panel(
        &mut self,
        context: &Context,
        f: impl Fn(u16, &BTreeMap<u32, u32>, &mut Panel) + Sync + Send,
    ) {
        let primes = context.primes(self.level, true);
        let rows = &self.rows;
        let panels = primes.iter().zip(&mut self.panels).collect();
        parallel::for_each(panels, |(&prime, panel): (&u16, &mut Panel)| {
            let kind = usize::from(context.is_special(prime));
            f(prime, &rows[kind], panel);
        });
    }

    /// Level of the ciphertexts it was made for.
    pub fn level(&self) -> usize {
        self.level
    }

    /// Encoding scale.
    pub fn scale(&self) -> f64 {
        self.scale
    }

    /// Bytes in memory.
    pub fn bytes(&self) -> usize {
        let packed: usize = self.panels.iter().map(Panel::bytes).sum();
        packed + self.repeating.iter().map(Plaintext::bytes).sum::<usize>()
    }

    /// A range of both sums of the first group modulo a prime, its factors given.
    #[cfg(feature = "program")]
    pub(crate) fn sum(
        &self,
        context: &Context,
        prime: u16,
        factors: &[[&[u64]; 2]],
        sums: [&mut [u64]; 2],
        range: Range<usize>,
    ) {
        let (kernels, q) = (context.kernels(), context.modulus(prime));
        let limb = self.limb(context, prime);
        let mut outs = [sums];
        let packed: Vec<PanelTerm> = limb.packed(0, 0).collect();
        if !packed.is_empty() {
            let sums = PanelSums {
                panel: limb.panel(context),
                factors,
                terms: &[&packed],
            };
            kernels.panel_sums(q, &mut outs, &sums, range.clone());
        }
        let runs: Vec<RunTerm<'_>> = limb.runs(context, 0, 0).collect();
        if !runs.is_empty() {
            let sums = RunSums {
                factors,
                terms: &[&runs],
                add: !packed.is_empty(),
            };
            kernels.run_sums(q, &mut outs, &sums, range);
        }
    }

    /// What the sums modulo one prime are made of.
    pub(super) fn limb(&self, context: &Context, prime: u16) -> WeightsLimb<'_> {
        WeightsLimb {
            weights: self,
            prime,
            kind: usize::from(context.is_special(prime)),
        }
    }
}

/// The weights modulo one prime.
#[derive(Clone, Copy)]
pub(super) struct WeightsLimb<'a> {
    weights: &'a Weights,
    prime: u16,
    /// 1 modulo special primes.
    kind: usize,
}

impl<'a> WeightsLimb<'a> {
    pub(super) fn panel(&self, context: &Context) -> &'a Panel {
        &self.weights.panels[context.position(self.weights.level, self.prime)]
    }

    /// The unstructured terms of a group, its factors from `offset` on.
    pub(super) fn packed(&self, group: usize, offset: u32) -> impl Iterator<Item = PanelTerm> {
        let terms = self.weights.packed[self.kind][group].iter();
        terms.map(move |&PanelTerm { row, factor }| PanelTerm {
            row,
            factor: factor + offset,
        })
    }

    /// The class of a group's structured terms: groups of one class meet the same factors.
    pub(super) fn class(&self, group: usize) -> usize {
        self.weights.classes[self.kind][group]
    }

    /// The structured terms of a group, its factors from `offset` on.
    pub(super) fn runs(
        &self,
        context: &Context,
        group: usize,
        offset: u32,
    ) -> impl Iterator<Item = RunTerm<'a>> {
        let limb = |plain: &'a Plaintext| plain.limb(plain.position(context, self.prime));
        let runs = &self.weights.runs[self.kind][group];
        runs.iter().map(move |&(run, factor)| RunTerm {
            factor: factor + offset,
            run: limb(&self.weights.repeating[run as usize]),
        })
    }
}

/// Numbers lists of (plaintext, factor) by their factors.
fn classes(runs: &[Vec<(u32, u32)>]) -> Vec<usize> {
    let mut numbers: BTreeMap<Vec<u32>, usize> = BTreeMap::new();
    runs.iter()
        .map(|terms| {
            let next = numbers.len();
            let factors = terms.iter().map(|&(_, factor)| factor).collect();
            *numbers.entry(factors).or_insert(next)
        })
        .collect()
}
