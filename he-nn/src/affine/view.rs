//! A tensor as a relabelling of a stage's output.

use super::pattern::ZERO;
use super::stage::StageId;
use std::sync::Arc;

/// Elements of a stage's output under another shape and order. Flatten, reshape, permute, slice, subsampling, channel padding
/// and broadcasting never become stages: they are views.
#[derive(Clone, Debug, PartialEq)]
pub struct View {
    /// The stage read.
    pub stage: StageId,
    /// Shape of the view.
    pub shape: Vec<usize>,
    /// The element of the stage's output behind each element, or `u32::MAX` for a zero; `None` if element `i` is element `i`.
    pub map: Option<Arc<[u32]>>,
}

impl View {
    /// Everything, in order.
    pub(super) fn whole(stage: StageId, shape: &[usize]) -> Self {
        Self {
            stage,
            shape: shape.to_vec(),
            map: None,
        }
    }

    /// Number of elements.
    #[must_use]
    pub fn elements(&self) -> usize {
        self.shape.iter().product()
    }

    /// The element of the stage's output behind element `i`, unless it is zero.
    #[must_use]
    pub fn source(&self, i: usize) -> Option<usize> {
        match &self.map {
            None => Some(i),
            Some(map) => Some(map[i]).filter(|&s| s != ZERO).map(|s| s as usize),
        }
    }

    /// Whether some elements are zeros that no stage computes.
    pub(super) fn adds_zeros(&self) -> bool {
        self.map.as_ref().is_some_and(|map| map.contains(&ZERO))
    }

    /// The same elements in row-major order under another shape.
    pub(super) fn reshaped(mut self, shape: &[usize]) -> Self {
        self.shape = shape.to_vec();
        self
    }

    /// Element `i` of the result is element `map[i]` of this view, or zero.
    pub(super) fn relabelled(self, map: &[u32], shape: &[usize]) -> Self {
        let map = match &self.map {
            None => map.into(),
            Some(old) => compose(old, map),
        };
        Self {
            map: Some(map),
            shape: shape.to_vec(),
            ..self
        }
    }
}

/// `old[new[i]]`, where a zero stays a zero.
pub(super) fn compose(old: &[u32], new: &[u32]) -> Arc<[u32]> {
    new.iter()
        .map(|&i| if i == ZERO { ZERO } else { old[i as usize] })
        .collect()
}

/// The inverse of an injective map without zeros into `count` elements; [`ZERO`] where nothing arrives.
pub(super) fn inverse(map: &[u32], count: usize) -> Option<Vec<u32>> {
    let mut inverse = vec![ZERO; count];
    for (i, &target) in map.iter().enumerate() {
        let slot = inverse.get_mut(target as usize)?;
        if *slot != ZERO {
            return None;
        }
        *slot = i as u32;
    }
    Some(inverse)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relabellings_compose_from_the_inside() {
        let view = View::whole(StageId(0), &[4]).relabelled(&[3, 2, 1, 0], &[4]);
        let view = view.relabelled(&[ZERO, 0, 3], &[3]);
        assert_eq!(
            (0..3).map(|i| view.source(i)).collect::<Vec<_>>(),
            [None, Some(3), Some(0)]
        );
    }

    #[test]
    fn only_injective_maps_have_an_inverse() {
        assert_eq!(inverse(&[2, 0], 3), Some(vec![1, ZERO, 0]));
        assert_eq!(inverse(&[1, 1], 2), None);
        assert_eq!(inverse(&[ZERO], 2), None);
    }
}
