//! Polynomial approximation of scalar functions. Knows no encryption.
//!
//! Notation: `T_k` is the Chebyshev polynomial of degree `k`, `u = x / range` lies in `[-1, 1]`, and a polynomial is the list of its
//! coefficients, constant first, in powers of `x` or in `T_k(u)`.
//!
//! Everything is f64: in the basis `T_k(u)` coefficients stay of the order of the function, so that rounding (2^-52) lies far below
//! what ciphertexts resolve (2^-40 at best), and errors are measured, not derived.

mod basis;
mod chebyshev;
mod fit;
mod products;
mod remez;

pub use basis::{chebyshev_to_power, clenshaw, power_to_chebyshev};
pub use fit::{Fit, fit};
pub use products::{chebyshev_to_products, power_bound, power_offset};
