//! Groups of outputs and inputs of an affine map whose entries share their taps, and whether maps around it leave them shared.

use super::fold::Fold;
use super::pattern::{Pattern, ZERO};
use super::stage::Affine;

/// The group that an output or input belongs to.
type Group = Box<dyn Fn(usize) -> usize>;

impl Affine {
    /// The group of outputs, and of inputs, of the core whose entries share their taps.
    pub(super) fn groups(core: &Pattern) -> ([usize; 2], [Group; 2]) {
        match *core {
            Pattern::Conv2d {
                input: [c, h, w],
                output: [o, rows, columns],
                ..
            } => (
                [o, c],
                [
                    Box::new(move |i| i / (rows * columns)),
                    Box::new(move |i| i / (h * w)),
                ],
            ),
            Pattern::Dense { out, input, .. } => (
                [out, input],
                [Box::new(move |i| i % out), Box::new(move |i| i % input)],
            ),
            _ => ([core.rows(), core.cols()], [Box::new(|i| i), Box::new(|i| i)]),
        }
    }

    /// The core's output behind output `r`.
    pub(super) fn core_row(&self, r: usize) -> Option<usize> {
        match &self.rows {
            None => Some(r),
            Some(rows) => Some(rows[r]).filter(|&row| row != ZERO).map(|row| row as usize),
        }
    }

    /// A map on the outputs with its free classes chosen so that taps stay shared.
    pub(super) fn decided(&self, behind: Fold) -> Fold {
        let ([rows, _], [row, _]) = Self::groups(&self.core);
        behind.decided(rows, |r| self.core_row(r).map(&row))
    }

    /// The core with its relabellings; each entry has a tap of its own if the maps around vary within a tap.
    pub(super) fn joined_pattern(&self) -> Pattern {
        let ([rows, cols], [row, col]) = Self::groups(&self.core);
        let shared = self
            .before
            .iter()
            .all(|fold| fold.constant_on(cols, |i| Some(col(i))))
            && self
                .behind
                .iter()
                .all(|fold| fold.constant_on(rows, |r| self.core_row(r).map(&row)));
        let mut pattern = self.core.clone();
        if let Some(rows) = &self.rows {
            pattern = Pattern::Rows {
                inner: Box::new(pattern),
                rows: rows.clone(),
            };
        }
        if !shared {
            pattern = Pattern::Unshared {
                entries: pattern.entries(),
                inner: Box::new(pattern),
            };
        }
        if let Some(columns) = &self.columns {
            let cols = self.input_elements;
            pattern = Pattern::Columns {
                inner: Box::new(pattern),
                columns: columns.clone(),
                cols,
            };
        }
        pattern
    }

    pub(super) fn is_shared(pattern: &Pattern) -> bool {
        match pattern {
            Pattern::Columns { inner, .. } => Self::is_shared(inner),
            Pattern::Unshared { .. } => false,
            _ => true,
        }
    }
}
