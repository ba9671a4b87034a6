//! [`sum()`]: its rule, what it means on floats.

use crate::graph::{Form, Op, Tensor};

/// Sum over one axis, which disappears, as PyTorch's `sum(dim)` without the batch dimension.
///
/// * **Shape** without the axis.
/// * **Depth** 0; a map that varies along the axis is applied first.
/// * **Packing** Window sums over the axis: `size - 1` rotations of each tile if its entries lie at the same distances everywhere.
/// * **Errors** At compile time `shape/no_such_dimension` of `docs/errors.md`. [`Error::Infeasible`](crate::Error::Infeasible) where the
///   entries lie at different distances.
#[track_caller]
pub const fn sum<'t>(x: Tensor<'t>, axis: usize) -> Tensor<'t> {
    let (x, form) = reduce(x, axis);
    x.then(Op::Sum { axis }, x.shape().without(axis), 0, form)
}

/// The operand with what must be applied before a sum over `axis`, and the form of the sum.
#[track_caller]
pub(super) const fn reduce<'t>(x: Tensor<'t>, axis: usize) -> (Tensor<'t>, Form) {
    // Names the missing dimension before anything is recorded.
    x.dim(axis);
    let channels = axis != 0;
    let x = if x.form().allows_sums(channels) {
        x
    } else {
        x.settled()
    };
    (x, x.form().rearranged(channels))
}

/// On floats: sums over the middle of `[outer, length, inner]`.
pub(crate) fn clear(x: &[f64], from: &[usize], axis: usize) -> Vec<f64> {
    let inner: usize = from[axis + 1..].iter().product();
    let rows = x.chunks_exact(from[axis] * inner);
    rows.flat_map(|row| (0..inner).map(|i| row.iter().skip(i).step_by(inner).sum::<f64>()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::clear;

    #[test]
    fn either_axis_of_a_matrix() {
        let x = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        assert_eq!(clear(&x, &[2, 3], 0), [5.0, 7.0, 9.0]);
        assert_eq!(clear(&x, &[2, 3], 1), [6.0, 15.0]);
    }
}
