//! Rearrangements of elements as index maps.
//!
//! Element `i` of the result is element `map[i]` of the operand in row-major order, or zero where the map says [`ZERO`].

use super::{pad_channels, permute, slice, subsample2d};
use crate::graph::Op;

/// Marks an element that no source feeds: a zero.
pub(crate) const ZERO: u32 = u32::MAX;

/// The map of an operation that only rearranges; `None` for others, and for those that leave row-major order as it is.
pub(crate) fn sources(op: &Op, from: &[usize], to: &[usize]) -> Option<Vec<u32>> {
    Some(match op {
        Op::Transpose { a, b } => {
            let mut axes: Vec<usize> = (0..to.len()).collect();
            axes.swap(*a, *b);
            permute::sources(from, &axes)
        }
        Op::Permute(order) => permute::sources(
            from,
            &(0..order.rank()).map(|i| order.axis(i)).collect::<Vec<_>>(),
        ),
        Op::Slice(options) => slice::sources(from, options),
        Op::Subsample2d { stride } => subsample2d::sources(from, *stride),
        Op::PadChannels { channels } => pad_channels::sources(from, *channels),
        _ => return None,
    })
}

/// The map that stretches shape `from` to `to`: aligned at the last dimension, a 1 repeats.
pub(crate) fn broadcast(from: &[usize], to: &[usize]) -> Vec<u32> {
    let missing = to.len() - from.len();
    let source = |index: Vec<usize>| {
        let own = index.iter().skip(missing).zip(from);
        own.fold(0, |at, (&i, &size)| at * size + if size == 1 { 0 } else { i }) as u32
    };
    indices(to).map(source).collect()
}

/// All indices of a shape, in row-major order.
pub(crate) fn indices(shape: &[usize]) -> impl Iterator<Item = Vec<usize>> {
    let count = shape.iter().product::<usize>();
    (0..count).map(|i| {
        let mut rest = i;
        let mut index: Vec<usize> = shape
            .iter()
            .rev()
            .map(|&size| {
                let digit = rest % size;
                rest /= size;
                digit
            })
            .collect();
        index.reverse();
        index
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ones_stretch_from_the_right() {
        assert_eq!(broadcast(&[3], &[2, 3]), [0, 1, 2, 0, 1, 2]);
        assert_eq!(broadcast(&[2, 1], &[2, 3]), [0, 0, 0, 1, 1, 1]);
        assert_eq!(broadcast(&[], &[2]), [0, 0]);
    }

    #[test]
    fn axes_are_exchanged() {
        let map = sources(&Op::Transpose { a: 0, b: 1 }, &[2, 3], &[3, 2]);
        assert_eq!(map, Some(vec![0, 3, 1, 4, 2, 5]));
        assert_eq!(sources(&Op::Flatten, &[2, 3], &[6]), None);
    }
}
