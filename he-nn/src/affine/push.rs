//! Folding a map back into the layers that produce its operand.
//!
//! A factor moves through sums and shifts to the affine layers in front of them; what it leaves of an offset is added as a
//! plaintext, which costs no level. The layers are copied: another consumer may still need the originals, and stages that nobody
//! reads are dropped in the end.

use super::build::Builder;
use super::fold::{Fold, Part};
use super::pattern::{Pattern, ZERO};
use super::stage::{Affine, Kind, Offset};
use super::view::{View, compose, inverse};

impl Builder<'_> {
    /// A view of `a * x + b` that spends no level more than `x`, if the layers in front can deliver it.
    pub(super) fn pushed(&mut self, view: &View, fold: &Fold) -> Option<View> {
        let stage = self.stages[view.stage.index()].clone();
        match stage.kind {
            Kind::Affine(affine) => Some(self.behind_affine_layer(affine, &stage.shape, view, fold)),
            Kind::Sum { x, pattern } => {
                let mut result = view.clone();
                if fold.has_factor() {
                    let own = behind(fold, view, stage.shape.iter().product())?;
                    let own = in_front_of_sum(&own, &pattern)?;
                    let x = self.pushed(&x, &own)?;
                    result.stage = self.stage(Kind::Sum { x, pattern }, &stage.shape, 0).stage;
                }
                Some(self.offset(result, fold))
            }
            Kind::Shift { x, offset } => {
                let own = behind(fold, view, stage.shape.iter().product())?;
                let x = if fold.has_factor() {
                    self.pushed(&x, &own.part(Part::Factor))?
                } else {
                    x
                };
                let folds = offset.folds.into_iter().chain([own]).collect();
                let stage = self
                    .stage(
                        Kind::Shift {
                            x,
                            offset: Offset { folds },
                        },
                        &stage.shape,
                        0,
                    )
                    .stage;
                Some(View {
                    stage,
                    ..view.clone()
                })
            }
            _ => None,
        }
    }

    /// Adds what `fold` adds.
    fn offset(&mut self, x: View, fold: &Fold) -> View {
        if fold.has_offset() {
            self.shift(x, vec![fold.part(Part::Offset)])
        } else {
            x
        }
    }

    fn behind_affine_layer(&mut self, mut affine: Affine, shape: &[usize], view: &View, fold: &Fold) -> View {
        if let Some(own) = behind(fold, view, shape.iter().product()) {
            affine.behind.push(own);
            let stage = self.stage(Kind::Affine(affine), shape, 1).stage;
            return View {
                stage,
                ..view.clone()
            };
        }
        // Elements that the view repeats or adds need outputs of their own.
        let map = view.map.as_deref().unwrap_or_default();
        affine.rows = Some(match &affine.rows {
            None => map.into(),
            Some(rows) => compose(rows, map),
        });
        affine.behind = affine.behind.iter().map(|fold| fold.relabelled(map)).collect();
        affine.behind.push(fold.clone());
        self.stage(Kind::Affine(affine), &view.shape, 1)
    }
}

/// `fold`, stated for a view, restated for the stage's own elements.
fn behind(fold: &Fold, view: &View, elements: usize) -> Option<Fold> {
    match &view.map {
        None => Some(fold.clone()),
        Some(_) if fold.as_constant().is_some() => Some(fold.clone()),
        Some(map) => Some(fold.relabelled(&inverse(map, elements)?)),
    }
}

/// The factor of `fold`, stated behind window sums, restated in front of them, if no element feeds windows of different factors.
fn in_front_of_sum(fold: &Fold, pattern: &Pattern) -> Option<Fold> {
    let Some(classes) = fold.classes.as_ref() else {
        return Some(fold.part(Part::Factor));
    };
    let mut own = vec![None; pattern.cols()];
    let mut constant = true;
    pattern.for_each(&mut |o, i, _| {
        let class = classes[o as usize];
        constant &= *own[i as usize].get_or_insert(class) == class;
    });
    let classes = own.into_iter().map(|class| class.unwrap_or(ZERO)).collect();
    constant.then(|| Fold {
        classes: Some(classes),
        weight: None,
        ..fold.part(Part::Factor)
    })
}
