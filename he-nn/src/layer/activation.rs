//! Smooth scalar functions, fitted by a polynomial at plan time: what [`Approx`] says, and what they mean on floats.

use crate::graph::{Message, Op, Tensor};

use super::polynomial::levels;

/// Largest degree of one fitted polynomial.
const MAX_DEGREE: usize = 65_535;

/// How a function is approximated.
///
/// * **Shape** unchanged.
/// * **Depth** that of `polynomial` for the degree, known before the fit; a uniform map to the fitted interval folds into the layer
///   in front or into the scale of the ciphertext.
/// * **Packing** Any: it acts on every slot where it stands, on every tile, without a rotation. The products of ciphertexts are about
///   `2 sqrt(degree)` a tile, each with one key switch.
/// * **Errors** At compile time `depth/degree_too_high`, `shape/approximation_range` of `docs/errors.md`.
///   [`Error::MissingRange`](crate::Error::MissingRange) where no range is stated and none was calibrated;
///   [`Error::OutOfRange`](crate::Error::OutOfRange) of the clear model for a value outside of it.
/// * **Source** Paterson and Stockmeyer, SIAM J. Comput. 2, 1973, on Chebyshev polynomials; for the fit see [`approx`](crate::approx).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Approx {
    /// Degree of the polynomial.
    pub degree: usize,
    /// The fit holds on `[-range, range]`; `None` takes the calibrated range of the site.
    pub range: Option<f64>,
}

impl Approx {
    /// One polynomial of this degree.
    pub const fn degree(degree: usize) -> Approx {
        Approx { degree, range: None }
    }

    /// Fitted on `[-range, range]`.
    pub const fn range(self, range: f64) -> Approx {
        Approx {
            range: Some(range),
            ..self
        }
    }
}

/// A scalar function.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Function {
    /// `x Φ(x)` with the Gaussian distribution function.
    Gelu,
    /// `x / (1 + exp(-x))`.
    Silu,
    /// `1 / (1 + exp(-x))`.
    Sigmoid,
    /// Hyperbolic tangent.
    Tanh,
    /// Exponential.
    Exp,
    /// A function of the user's, from `#[he_nn::activation]`.
    Custom {
        /// Its name.
        name: &'static str,
        /// The function on floats.
        call: fn(f64) -> f64,
    },
}

impl Function {
    /// The name the user wrote.
    pub const fn name(&self) -> &'static str {
        match self {
            Function::Gelu => "gelu",
            Function::Silu => "silu",
            Function::Sigmoid => "sigmoid",
            Function::Tanh => "tanh",
            Function::Exp => "exp",
            Function::Custom { name, .. } => name,
        }
    }
}

/// A function with its approximation.
#[derive(Clone, Copy, Debug)]
pub struct Activation {
    /// What is approximated.
    pub function: Function,
    /// How.
    pub approx: Approx,
}

/// Records a fitted function.
#[track_caller]
pub(super) const fn activate<'t>(x: Tensor<'t>, function: Function, approx: Approx) -> Tensor<'t> {
    if approx.degree == 0 || approx.degree > MAX_DEGREE {
        Message::new("`")
            .text(function.name())
            .text("` is approximated with degree ")
            .number(approx.degree)
            .help("use a degree from 1 to ")
            .number(MAX_DEGREE)
            .raise();
    }
    if let Some(range) = approx.range
        && !(range > 0.0 && range.is_finite())
    {
        Message::new("`")
            .text(function.name())
            .text("` has a range that is not positive")
            .help("write `.range(4.0)` for [-4, 4], or leave it out to take the calibrated range")
            .raise();
    }
    let x = x.settled();
    let levels = levels(approx.degree, x.form().is_affine());
    x.then(
        Op::Activation(Activation { function, approx }),
        x.shape(),
        levels,
        crate::graph::Form::Plain,
    )
}

/// Called by the code that `#[he_nn::activation]` generates.
#[doc(hidden)]
#[track_caller]
pub const fn custom<'t>(
    x: Tensor<'t>,
    name: &'static str,
    call: fn(f64) -> f64,
    approx: Approx,
) -> Tensor<'t> {
    activate(x, Function::Custom { name, call }, approx)
}

impl Function {
    /// The function on floats.
    pub fn call(&self, x: f64) -> f64 {
        match self {
            Function::Gelu => super::gelu::clear(x),
            Function::Silu => super::silu::clear(x),
            Function::Sigmoid => super::sigmoid::clear(x),
            Function::Tanh => x.tanh(),
            Function::Exp => x.exp(),
            Function::Custom { call, .. } => call(x),
        }
    }
}
