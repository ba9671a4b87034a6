//! [`sign()`]: its rule, what it means on floats.

use crate::graph::Tensor;

use super::activation::activate;
use super::{Approx, Function};

/// Sign: 1 for positive values, -1 for negative ones, 0 for 0, by [`Approx::composite`].
///
/// No polynomial jumps: between `-epsilon` and `epsilon` of the range (see [`approx::Sign`](crate::approx::Sign)) the result is
/// anything between the two, and bounds on the error hold outside only.
///
/// * **Shape** unchanged.
/// * **Depth** that of its composite, see [`Approx`].
/// * **Packing** As for every [`Approx`].
/// * **Errors** As for every [`Approx`].
/// * **Source** E. Lee, J.-W. Lee, J.-S. No, Y.-S. Kim, IEEE TDSC 19(6), 2022 (ePrint 2020/834).
#[track_caller]
pub const fn sign<'t>(x: Tensor<'t>, approx: Approx) -> Tensor<'t> {
    activate(x, Function::Sign, approx)
}

/// On floats.
pub(crate) fn clear(x: f64) -> f64 {
    if x == 0.0 { 0.0 } else { x.signum() }
}
