//! Polynomial approximation of scalar functions. Knows no encryption.
//!
//! Notation: `T_k` is the Chebyshev polynomial of degree `k`, `u = x / range` lies in `[-1, 1]`, and a polynomial is the list of its
//! coefficients, constant first, in powers of `x` or in `T_k(u)`.

mod basis;
mod chebyshev;

pub use basis::{chebyshev_to_power, clenshaw, power_to_chebyshev};
pub use chebyshev::{Fit, fit};
