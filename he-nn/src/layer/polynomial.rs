//! [`polynomial()`]: its rule, what it means on floats.

use crate::graph::{Form, Message, Op, Shape, Tensor, Tensors, Weights};

/// Largest degree: beyond it coefficients of powers lose all precision.
const MAX_DEGREE: usize = 63;

/// A polynomial with trained coefficients.
///
/// `coef[0] + coef[1] x + ...`.
///
/// * **Shape** unchanged; weights `coef`, ascending powers, `[degree + 1]`, or `[C, degree + 1]` with a row for each entry of
///   dimension 0.
/// * **Depth** `ceil(log2(degree + 1))`; `max(1, ceil(log2 degree))` directly behind an affine layer, which delivers both `Wx` and
///   `a * Wx + b`.
/// * **Packing** Any: it acts on every slot where it stands, without a rotation. Degree 2 takes one product of ciphertexts a tile, degree
///   3 two, written `(c3 x + c2) x^2 + (c1 x + c0)`; higher degrees about `2 sqrt(degree)`, or about half the degree and a plaintext
///   for each coefficient where every channel has its own.
/// * **Errors** At compile time `shape/polynomial_degree`, `depth/degree_too_high` of `docs/errors.md`.
///   [`Error::Checkpoint`](crate::Error::Checkpoint).
/// * **Source** Paterson and Stockmeyer, SIAM J. Comput. 2, 1973, on Chebyshev polynomials (Bossuat et al., EUROCRYPT 2021, section 5).
#[track_caller]
pub const fn polynomial<'t>(x: Tensor<'t>, w: Weights<'t>, degree: usize) -> Tensor<'t> {
    if degree == 0 || degree > MAX_DEGREE {
        Message::new("`polynomial` has degree ")
            .number(degree)
            .help("use a degree from 1 to ")
            .number(MAX_DEGREE)
            .text(", and `Approx` for functions that need more")
            .raise();
    }
    let x = x.settled();
    let levels = levels(degree, matches!(x.form(), Form::Affine));
    let tensors = Tensors::NONE.and("coef", Shape::new(&[degree + 1]));
    let op = Op::Polynomial {
        degree,
        per_channel: x.rank() > 0,
    };
    x.then_with(op, x.shape(), levels, Form::Plain, w, tensors)
}

/// Levels of a polynomial of this degree.
pub(super) const fn levels(degree: usize, behind_affine: bool) -> u32 {
    let terms = if behind_affine { degree } else { degree + 1 };
    let levels = terms.next_power_of_two().trailing_zeros();
    if levels == 0 { 1 } else { levels }
}

/// The trained coefficients: one row, or one for each entry of dimension 0.
pub(crate) fn rows(coefficients: &[f64], degree: usize) -> impl Iterator<Item = &[f64]> + Clone {
    coefficients.chunks_exact(degree + 1)
}

/// On floats, by Horner's rule; with several rows, each serves an equal share of the elements.
pub(crate) fn clear(x: &[f64], coefficients: &[f64], degree: usize) -> Vec<f64> {
    let rows: Vec<&[f64]> = rows(coefficients, degree).collect();
    let share = x.len() / rows.len();
    let horner = |row: &[f64], x: f64| row.iter().rev().fold(0.0, |y, c| y * x + c);
    x.iter()
        .enumerate()
        .map(|(i, &x)| horner(rows[i / share], x))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{clear, levels};

    #[test]
    fn a_row_serves_its_channel() {
        // 1 + 2 x and x² over two channels of two elements.
        let y = clear(&[1.0, 2.0, 3.0, -4.0], &[1.0, 2.0, 0.0, 0.0, 0.0, 1.0], 2);
        assert_eq!(y, [3.0, 5.0, 9.0, 16.0]);
    }

    #[test]
    fn levels_follow_the_logarithm_of_the_degree() {
        let table = [
            (1, 1, 1),
            (2, 2, 1),
            (3, 2, 2),
            (4, 3, 2),
            (7, 3, 3),
            (8, 4, 3),
            (15, 4, 4),
            (16, 5, 4),
            (27, 5, 5),
        ];
        for (degree, anywhere, behind_affine) in table {
            assert_eq!(levels(degree, false), anywhere, "degree {degree}");
            assert_eq!(levels(degree, true), behind_affine, "degree {degree}");
        }
    }
}
