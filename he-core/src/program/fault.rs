//! What the [rules](super::infer) of operations refuse.

/// What can be wrong with one operation.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
#[expect(
    missing_docs,
    reason = "the fields are explained by the message above each variant"
)]
pub enum Fault {
    /// An operand is not defined before it is used.
    #[error("value {found} is not defined yet: {defined} values are")]
    Value { found: u32, defined: usize },
    /// A plaintext id is out of range.
    #[error("plaintext {found} does not exist: there are {allowed}")]
    Plain { found: u32, allowed: usize },
    /// A tile index is out of range.
    #[error("{role} tile {found} does not exist: there are {allowed}")]
    Tile {
        role: &'static str,
        found: u32,
        allowed: u32,
    },
    /// Numbers of tiles that must agree do not.
    #[error("{role}: expected {expected} tiles, found {found}")]
    Tiles {
        role: &'static str,
        expected: u32,
        found: u32,
    },
    /// A rotation is not in `0..slots`.
    #[error("rotation {found} is not in 0..{slots}")]
    Rotation { found: i32, slots: u32 },
    /// Terms are not sorted by (output, giant, input, baby), or one occurs twice.
    #[error("term {index} is not in the order (output, giant, input, baby)")]
    Order { index: usize },
    /// An output tile of a linear operation has no term.
    #[error("output tile {output} has no term")]
    EmptyOutput { output: u32 },
    /// A list that must not be empty is.
    #[error("{role} is empty")]
    Empty { role: &'static str },
    /// A stage of a rotate-sum does not start with 0, is not ascending, or has a single rotation.
    #[error("stage {stage} must be two or more ascending rotations starting with 0")]
    Stage { stage: usize },
    /// The operation rescales, and there is no level left.
    #[error("needs {needed} levels, found {found}")]
    Level { needed: u32, found: u32 },
    /// A level above the chain's top, or not below the operand's.
    #[error("level {found} is not allowed here: the highest is {allowed}")]
    LevelBound { found: u32, allowed: u32 },
    /// Two operands that must stand at one level do not.
    #[error("{role}: expected level {expected}, found {found}")]
    LevelMismatch {
        role: &'static str,
        expected: u32,
        found: u32,
    },
    /// Two scales that must be equal are not.
    #[error("{role}: expected scale 2^{:.6}, found 2^{:.6}", expected.log2(), found.log2())]
    Scale {
        role: &'static str,
        expected: f64,
        found: f64,
    },
    /// A scale is not a positive finite number.
    #[error("{role}: {found} is not a scale")]
    NotAScale { role: &'static str, found: f64 },
    /// A plaintext has the wrong class.
    #[error("plaintext {plain} must be {expected}")]
    Class { plain: u32, expected: &'static str },
    /// A plaintext that multiplies a raised sum is not encoded on the special primes.
    #[error(
        "plaintext {plain} must be encoded on the special primes: a term of its giant step has a rotated input"
    )]
    Special { plain: u32 },
    /// The tag of encrypted operands is reserved.
    #[error("plaintext {plain} is tagged encrypted, which is reserved")]
    Encrypted { plain: u32 },
    /// A value is refreshed, and the program does not say how, or says what no chain could.
    #[error("the program has no specification of refreshing that fits its chain")]
    Bootstrap,
    /// The bound of refreshed slots is not a positive finite number.
    #[error("{found} is not a bound of refreshed slots")]
    Bound { found: f64 },
    /// A recorded value disagrees with the rule.
    #[error("recorded {role} {found} disagrees with the derived {expected}")]
    Recorded {
        role: &'static str,
        expected: u32,
        found: u32,
    },
    /// A layer, input or output refers to nothing, or twice to one thing.
    #[error("{role} {found} is out of place: {allowed} allowed")]
    Reference {
        role: &'static str,
        found: u32,
        allowed: usize,
    },
}
