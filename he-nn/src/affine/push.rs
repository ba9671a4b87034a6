//! Folding a map back into the layers that produce its operand.
//!
//! A factor moves through sums and shifts to the affine layers in front of them; what it leaves of an offset is added as a
//! plaintext, which costs no level. The layers are copied: another consumer may still need the originals, and stages that nobody
//! reads are dropped in the end.

use super::build::Builder;
use super::fold::{ANY, Fold, Part};
use super::pattern::{Pattern, ZERO};
use super::stage::{Affine, Kind, Offset};
use super::view::{View, compose};

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
                // Zeros that the view adds have their offset behind the view only.
                let inside = if !view.adds_zeros() {
                    Some(own.clone())
                } else {
                    fold.has_factor().then(|| own.part(Part::Factor))
                };
                let mut result = view.clone();
                if let Some(inside) = inside {
                    let x = if fold.has_factor() {
                        self.pushed(&x, &own.part(Part::Factor))?
                    } else {
                        x
                    };
                    let folds = offset.folds.into_iter().chain([inside]).collect();
                    let kind = Kind::Shift {
                        x,
                        offset: Offset { folds, opens: false },
                    };
                    result.stage = self.stage(kind, &stage.shape, 0).stage;
                }
                Some(if view.adds_zeros() {
                    self.offset(result, fold)
                } else {
                    result
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
        let whole = !(view.adds_zeros() && fold.has_offset());
        if whole && let Some(own) = behind(fold, view, shape.iter().product()) {
            affine.behind.push(affine.decided(own));
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

/// `fold`, stated for a view, restated for the stage's own elements, if no element is shown under two classes. Zeros that the view
/// adds are not among them.
fn behind(fold: &Fold, view: &View, elements: usize) -> Option<Fold> {
    let (Some(map), Some(classes)) = (&view.map, &fold.classes) else {
        return Some(fold.clone());
    };
    let mut own = vec![ANY; elements];
    let mut weight = fold.weight.as_ref().map(|_| vec![0.0; elements]);
    for (i, &target) in map.iter().enumerate().filter(|&(_, &target)| target != ZERO) {
        if !agree(&mut own[target as usize], classes[i]) {
            return None;
        }
        if let (Some(weight), Some(stated)) = (&mut weight, &fold.weight) {
            weight[target as usize] = stated[i];
        }
    }
    Some(Fold {
        classes: Some(own.into()),
        weight: weight.map(Into::into),
        ..fold.clone()
    })
}

/// The factor of `fold`, stated behind window sums, restated in front of them, if no element feeds windows of different factors.
fn in_front_of_sum(fold: &Fold, pattern: &Pattern) -> Option<Fold> {
    let Some(classes) = fold.classes.as_ref() else {
        return Some(fold.part(Part::Factor));
    };
    let mut own = vec![ANY; pattern.cols()];
    let mut constant = true;
    pattern.for_each(&mut |o, i, _| constant &= agree(&mut own[i as usize], classes[o as usize]));
    constant.then(|| Fold {
        classes: Some(own.into()),
        weight: None,
        ..fold.part(Part::Factor)
    })
}

/// Notes that an element is read under this class; false if it was read under another before.
fn agree(own: &mut u32, class: u32) -> bool {
    if *own == ANY {
        *own = class;
    }
    class == ANY || *own == class
}
