//! Polynomial approximation of scalar functions. Knows no encryption.
//!
//! Notation: `T_k` is the Chebyshev polynomial of degree `k`, `u` in `[-1, 1]` the affine image of `x` in its interval, and a polynomial
//! is the list of its coefficients, constant first, in powers of `x` or in `T_k(u)`.
//!
//! Coefficients are f64: in the basis `T_k(u)` they stay of the order of the function, so that rounding (2^-52) lies far below what
//! ciphertexts resolve (2^-40 at best). They are computed, and errors measured, in double-double.
//!
//! | result | of | error |
//! |---|---|---|
//! | [`Fit`] | [`fit`], [`fit_on`]: minimax; [`least_squares`]: where the values are; of any function, or of [`functions`] | absolute |
//! | [`Sign`], [`Relu`] | composites of minimax [`Member`]s | absolute |
//! | [`Inverse`], [`InverseSqrt`] | a seed and the steps of Goldschmidt or Newton, the cheapest for a precision | relative |
//!
//! Each says its `degree()`, `depth()`, `products()` of two ciphertexts, `error()`, and its value by `evaluate(x)`. Depths are those
//! of the engine's evaluation, on operands that arrive as `u`: the affine map is folded into what is in front.

mod basis;
mod chebyshev;
mod cost;
mod double;
mod error;
mod extrema;
mod fit;
pub mod functions;
mod interval;
mod inverse;
mod inverse_sqrt;
mod least_squares;
mod member;
mod polynomial;
mod products;
#[cfg(test)]
mod refusals;
mod relu;
mod remez;
mod sign;
mod symmetry;

pub use basis::{chebyshev_to_power, clenshaw, power_to_chebyshev};
pub use cost::Cost;
pub use double::{Double, Real};
pub use error::ApproxError;
pub use fit::{Fit, fit, fit_on};
pub use interval::Interval;
pub use inverse::Inverse;
pub use inverse_sqrt::InverseSqrt;
pub use least_squares::least_squares;
pub use member::Member;
pub use polynomial::Polynomial;
pub use products::{chebyshev_to_products, power_bound, power_offset};
pub use relu::Relu;
pub use sign::Sign;
