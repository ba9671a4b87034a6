//! [`linear()`]: its rule, its options, what it means on floats.

use crate::graph::{Form, Message, Op, Shape, Tensor, Tensors, Weights};

/// Options of [`linear`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Linear {
    /// Output features.
    pub out: usize,
    /// Whether there is a bias, true unless set.
    pub bias: bool,
}

impl Linear {
    /// `features` output features and a bias.
    pub const fn out(features: usize) -> Linear {
        Linear {
            out: features,
            bias: true,
        }
    }

    /// With or without a bias.
    pub const fn bias(self, bias: bool) -> Linear {
        Linear { bias, ..self }
    }
}

/// Fully connected layer over the last dimension, as PyTorch's `Linear`.
///
/// `x W^T + b`.
///
/// * **Shape** `[.., F] -> [.., O]`; weights `weight [O, F]`, `bias [O]`.
/// * **Depth** 1. Absorbs a map that waits at its input.
/// * **Packing** Diagonals of the rectangular matrix: `F` inputs repeated `c` times in a tile need about `O / c` diagonals, split into
///   babies and giants with about `2 sqrt(O / c)` rotations, and folds over `F / O`, at least `log2(F / O)` rotations. Tile contraction:
///   outputs numbered by bits over which the input merely repeats, one product and `log2 F` rotations for the sum. Rows of `[T, F]` are
///   treated as one block matrix.
/// * **Errors** At compile time `shape/linear_on_image`, `shape/no_output_channels`, `depth/budget_spent` of `docs/errors.md`.
///   [`Error::Checkpoint`](crate::Error::Checkpoint); [`Error::Infeasible`](crate::Error::Infeasible) where no packing fits.
/// * **Source** Diagonals: Halevi and Shoup, CRYPTO 2014, section 4.3; of rectangular matrices: Juvekar, Vaikuntanathan, Chandrakasan
///   (GAZELLE), USENIX Security 2018; babies and giants: Halevi and Shoup, CRYPTO 2018, section 4; contraction: Aharoni et al., PoPETs
///   2023.
#[track_caller]
pub const fn linear<'t>(x: Tensor<'t>, w: Weights<'t>, options: Linear) -> Tensor<'t> {
    let shape = x.shape();
    if options.out == 0 {
        Message::new("`linear` has 0 output features")
            .help("write `Linear::out(n)` with n at least 1")
            .raise();
    }
    if shape.rank() == 0 {
        Message::new("`linear` takes at least one dimension, and this tensor is a scalar")
            .help("write `reshape(x, [1])` in front of it")
            .raise();
    }
    if shape.rank() == 3 {
        Message::new("`linear` takes features [F] or rows of features [T, F], and this tensor has shape ")
            .shape(&shape)
            .help("write `linear(flatten(x), ..)` for ")
            .number(shape.elements())
            .text(" features, or `reshape` it to two dimensions")
            .raise();
    }
    let last = shape.rank() - 1;
    let mut tensors = Tensors::NONE.and("weight", Shape::new(&[options.out, shape.dim(last)]));
    if options.bias {
        tensors = tensors.and("bias", Shape::new(&[options.out]));
    }
    // With rows, dimension 0 counts rows, whose factors do not fold into the weights.
    let form = if last == 0 {
        Form::Affine
    } else {
        Form::AffineUniform
    };
    x.then_with(
        Op::Linear(options),
        shape.with(last, options.out),
        1,
        form,
        w,
        tensors,
    )
}

/// On floats.
pub(crate) fn clear(x: &[f64], features: usize, w: &[f64], b: &[f64]) -> Vec<f64> {
    let rows = w.chunks_exact(features);
    let dot = |x: &[f64], w: &[f64]| x.iter().zip(w).map(|(x, w)| x * w).sum::<f64>();
    let offset = |o: usize| b.get(o).copied().unwrap_or(0.0);
    x.chunks_exact(features)
        .flat_map(|x| rows.clone().enumerate().map(move |(o, w)| dot(x, w) + offset(o)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::clear;

    #[test]
    fn rows_share_the_weights() {
        let y = clear(&[1.0, 2.0, 3.0, 4.0], 2, &[1.0, 10.0, 0.0, 1.0], &[0.5, 0.0]);
        assert_eq!(y, [21.5, 2.0, 43.5, 4.0]);
    }
}
