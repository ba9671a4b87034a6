//! Smooth scalar functions, fitted by a polynomial at plan time: what [`Approx`] says, and what they mean on floats.

use crate::graph::{Form, Message, Op, Tensor};

use super::polynomial::levels;

/// Largest degree of one fitted polynomial.
const MAX_DEGREE: usize = 65_535;
/// Largest degree of a member of a composite.
const MAX_MEMBER_DEGREE: usize = 63;

/// How a function is approximated.
///
/// * **Shape** unchanged.
/// * **Depth** that of `polynomial` for the degree, known before the fit; a uniform map to the fitted interval folds into the layer
///   in front or into the scale of the ciphertext. A composite takes the sum of `ceil(log2(degree + 1))` over its members, and one
///   level in front: there values are brought to the interval where no layer does that, and slots that hold no element are cleared
///   where there are such, since a composite grows like a power of its degree outside of it. With `bootstrap` a refresh may
///   stand between any two of these.
/// * **Packing** Any: it acts on every slot where it stands, on every tile, without a rotation. The products of ciphertexts are about
///   `2 sqrt(degree)` a tile, each with one key switch.
/// * **Errors** At compile time `depth/degree_too_high`, `shape/approximation_range`, `shape/composite_without_members`,
///   `shape/composite_degree`, `shape/composite_of_another_function`, `shape/sign_by_one_polynomial` of `docs/errors.md`.
///   [`Error::MissingRange`](crate::Error::MissingRange) where no range is stated and none was calibrated;
///   [`Error::OutOfRange`](crate::Error::OutOfRange) of the clear model for a value outside of it.
/// * **Source** Paterson and Stockmeyer, SIAM J. Comput. 2, 1973, on Chebyshev polynomials; for the fit see [`approx`](crate::approx).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Approx {
    /// By what.
    pub method: Method,
    /// It holds on `[-range, range]`; `None` takes the calibrated range of the site.
    pub range: Option<f64>,
}

/// What takes the place of a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Method {
    /// One polynomial.
    Polynomial {
        /// Its degree.
        degree: usize,
    },
    /// Polynomials one after the other, each nearer to the sign.
    Composite {
        /// Their degrees, odd, first applied first.
        degrees: &'static [usize],
    },
}

impl Approx {
    /// One polynomial of this degree.
    pub const fn degree(degree: usize) -> Approx {
        Approx {
            method: Method::Polynomial { degree },
            range: None,
        }
    }

    /// A composite minimax sign with members of these degrees, for [`sign`](super::sign()) and [`relu`](super::relu()). Its precision is
    /// relative to the range: the rectified linear unit by `&[15, 15, 27]` errs by `2^-13` of it.
    pub const fn composite(degrees: &'static [usize]) -> Approx {
        Approx {
            method: Method::Composite { degrees },
            range: None,
        }
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
    /// The larger of `x` and 0.
    Relu,
    /// 1, -1, or 0 at 0.
    Sign,
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
            Function::Relu => "relu",
            Function::Sign => "sign",
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
    if let Some(range) = approx.range
        && !(range > 0.0 && range.is_finite())
    {
        Message::new("`")
            .text(function.name())
            .text("` has a range that is not positive")
            .help("write `.range(4.0)` for [-4, 4], or leave it out to take the calibrated range")
            .raise();
    }
    let op = Op::Activation(Activation { function, approx });
    match approx.method {
        Method::Polynomial { degree } => {
            check_degree(function, degree);
            let x = x.settled();
            x.then(op, x.shape(), levels(degree, x.form().is_affine()), Form::Plain)
        }
        Method::Composite { degrees } => {
            check_members(function, degrees);
            // One level in front, and one for the product of the unit with its operand.
            let (mut levels, mut longest) = (1, 1);
            if matches!(function, Function::Relu) {
                levels += 1;
            }
            let mut i = 0;
            while i < degrees.len() {
                let member = super::polynomial::levels(degrees[i], false);
                levels += member;
                if member > longest {
                    longest = member;
                }
                i += 1;
            }
            x.then_in_steps(op, x.shape(), [levels, longest], Form::Plain)
        }
    }
}

/// Refuses degrees that one polynomial cannot have, and the sign, which none comes near to.
#[track_caller]
const fn check_degree(function: Function, degree: usize) {
    if matches!(function, Function::Sign) {
        Message::new("`sign` is approximated by one polynomial, of degree ")
            .number(degree)
            .help("write `Approx::composite(&[15, 15, 27])`: odd polynomials one after the other")
            .raise();
    }
    if degree == 0 || degree > MAX_DEGREE {
        Message::new("`")
            .text(function.name())
            .text("` is approximated with degree ")
            .number(degree)
            .help("use a degree from 1 to ")
            .number(MAX_DEGREE)
            .raise();
    }
}

/// Refuses composites of functions that do not follow from the sign, and degrees that a member cannot have.
#[track_caller]
const fn check_members(function: Function, degrees: &[usize]) {
    if !matches!(function, Function::Sign | Function::Relu) {
        Message::new("`")
            .text(function.name())
            .text("` is approximated by a composite, which is a sign")
            .help("write `Approx::degree(7)`: composites are for `sign` and `relu`")
            .raise();
    }
    if degrees.is_empty() {
        Message::new("`")
            .text(function.name())
            .text("` is approximated by a composite without members")
            .help("list the degree of each, as in `Approx::composite(&[15, 15, 27])`")
            .raise();
    }
    let mut i = 0;
    while i < degrees.len() {
        if degrees[i] < 3 || degrees[i] > MAX_MEMBER_DEGREE || degrees[i].is_multiple_of(2) {
            Message::new("`")
                .text(function.name())
                .text("` is approximated by a composite with a member of degree ")
                .number(degrees[i])
                .help("members are odd, of degree 3 to ")
                .number(MAX_MEMBER_DEGREE)
                .raise();
        }
        i += 1;
    }
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
            Function::Relu => x.max(0.0),
            Function::Sign => super::sign::clear(x),
            Function::Custom { call, .. } => call(x),
        }
    }
}
