//! Names of parameters, as in a PyTorch state dict: `layer1.0.conv2.weight`.

use super::{Message, Shape, Tensor, Text, Trace};

/// Longest path in bytes.
const PATH_BYTES: usize = 120;

/// A dotted path.
pub type Path = Text<PATH_BYTES>;

/// A scope of parameter names. Copyable: `w.at("encoder")` leaves `w` as it is.
#[derive(Clone, Copy)]
pub struct Weights<'t> {
    trace: &'t Trace<'t>,
    path: Path,
}

impl<'t> Weights<'t> {
    pub(crate) const fn root(trace: &'t Trace<'t>) -> Weights<'t> {
        Weights {
            trace,
            path: Path::new(),
        }
    }

    /// The scope `name` inside this one; dots in the name are kept.
    #[track_caller]
    pub const fn at(self, name: &str) -> Weights<'t> {
        if name.is_empty() {
            Message::new("the name of a weight scope is empty")
                .help("leave the `.at(\"\")` out to stay in the same scope")
                .raise();
        }
        let dot = if self.path.is_empty() { "" } else { "." };
        if !self.path.fits(name.len() + dot.len()) {
            Message::new("the path of a weight is longer than 120 bytes")
                .help("shorten the names of the scopes")
                .raise();
        }
        Weights {
            trace: self.trace,
            path: self.path.push(dot).push(name),
        }
    }

    /// The scope with the number `index` inside this one: `layer1` becomes `layer1.0`.
    #[track_caller]
    pub const fn idx(self, index: usize) -> Weights<'t> {
        self.at(Text::<20>::new().push_number(index).as_str())
    }

    /// The number `number` appended to the last name: `layer` becomes `layer1`.
    #[track_caller]
    pub const fn suffix(self, number: usize) -> Weights<'t> {
        if self.path.is_empty() {
            Message::new("`suffix` needs a name to append its number to")
                .help("write `w.at(\"layer\").suffix(1)` for `layer1`")
                .raise();
        }
        if !self.path.fits(20) {
            Message::new("the path of a weight is longer than 120 bytes")
                .help("shorten the names of the scopes")
                .raise();
        }
        Weights {
            trace: self.trace,
            path: self.path.push_number(number),
        }
    }

    /// A free parameter tensor of this shape, such as a position embedding. Its values are known to the server only and are not
    /// encrypted.
    #[track_caller]
    pub const fn param<const N: usize>(self, name: &str, shape: [usize; N]) -> Tensor<'t> {
        self.trace.param(self.at(name), Shape::new(&shape))
    }

    /// The path of this scope.
    pub const fn path(&self) -> &Path {
        &self.path
    }
}
