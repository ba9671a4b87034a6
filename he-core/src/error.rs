//! Everything that can go wrong at run time, with what was found and what was expected.

use thiserror::Error;

/// An error of the encryption layer. Texts end with a `help:` where there is something to do.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum Error {
    /// The modulus is too large for the ring at the wanted level of security.
    #[error(
        "insecure parameters: log2(QP) is {found_bits:.2} at ring degree 2^{log_n}, at most {cap_bits} for {security_bits}-bit security (ePrint 2024/463, table 5.2)\nhelp: use a larger ring or fewer levels"
    )]
    Insecure {
        /// Logarithm of the ring degree.
        log_n: u32,
        /// log2 of the product of all primes.
        found_bits: f64,
        /// What the table allows.
        cap_bits: u32,
        /// Level asked for.
        security_bits: u32,
    },
    /// A modulus that this engine cannot use.
    #[error(
        "unusable modulus {modulus}: {reason}\nhelp: moduli are distinct primes below 2^50, congruent to 1 modulo twice the ring degree"
    )]
    Modulus {
        /// The modulus.
        modulus: u64,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// No unused prime of the wanted size is left.
    #[error(
        "no unused prime near 2^{log2_target:.2} is congruent to 1 modulo 2^{log_two_n}\nhelp: use larger levels or a smaller ring"
    )]
    NoPrime {
        /// log2 of what was looked for.
        log2_target: f64,
        /// log2 of twice the ring degree.
        log_two_n: u32,
    },
    /// The canonical scale of a level strays from its target.
    #[error(
        "the canonical scale of level {level} is 2^{found_log2:.4}, target 2^{target_log2:.4}\nhelp: a scale needs primes on both sides of it, below 2^50; take levels of a few bits more or less"
    )]
    ScaleDrift {
        /// Level.
        level: usize,
        /// log2 of its scale.
        found_log2: f64,
        /// log2 of the wanted scale.
        target_log2: f64,
    },
    /// A level has none of the primes of a digit below its last one.
    #[error(
        "level {level} has none of the primes of the digit that begins with {modulus}\nhelp: take longer or more special primes, so that digits hold more than one prime"
    )]
    EmptyDigit {
        /// Level.
        level: usize,
        /// First prime of the digit.
        modulus: u64,
    },
    /// No sets of primes give the levels of a chain their sizes.
    #[error(
        "terminal primes of {terminal_bits:?} bits do not make up the sizes of the levels\nhelp: take one as long as a level, and others by which the sizes differ from multiples of 50 bits"
    )]
    Terminals {
        /// Bits of the terminal primes.
        terminal_bits: Vec<u32>,
    },
    /// A parameter out of its range.
    #[error("{what} is {found}, allowed are {allowed}")]
    Range {
        /// Which parameter.
        what: &'static str,
        /// Its value.
        found: f64,
        /// Range in words.
        allowed: &'static str,
    },
    /// Two operands, or an operand and its key, stand at different levels.
    #[error("{op}: level {found}, expected {expected}\nhelp: bring the operands to one level with `adjust`")]
    Level {
        /// Operation.
        op: &'static str,
        /// Level found.
        found: usize,
        /// Level expected.
        expected: usize,
    },
    /// No level is left to spend.
    #[error("{op} needs a level and none is left\nhelp: use a chain with more levels")]
    LevelsExhausted {
        /// Operation.
        op: &'static str,
    },
    /// Two scales that must be equal are not.
    #[error(
        "{op}: scale 2^{found_log2:.6}, expected 2^{expected_log2:.6}\nhelp: bring the operands to one scale with `adjust`"
    )]
    Scale {
        /// Operation.
        op: &'static str,
        /// log2 of the scale found.
        found_log2: f64,
        /// log2 of the scale expected.
        expected_log2: f64,
    },
    /// An evaluation key that the client did not make, or not up to this level.
    #[error("no key for {what} at level {level}{}\nhelp: derive the key specification from the program", match .made_to { Some(l) => format!(" (made up to level {l})"), None => String::new() })]
    MissingKey {
        /// Which key.
        what: String,
        /// Level it is needed at.
        level: usize,
        /// Level up to which it exists.
        made_to: Option<usize>,
    },
    /// Keys of a chain with another ring degree, or other primes.
    #[error("{what} were made for another chain\nhelp: make them with the parameters of this one")]
    OtherChain {
        /// Which keys.
        what: &'static str,
    },
    /// A ciphertext whose levels no longer reach for the first steps of bootstrapping.
    #[error(
        "refresh: level {found}, bootstrapping begins at level {entry}\nhelp: refresh it before its last levels are spent"
    )]
    Entry {
        /// Its level.
        found: usize,
        /// The lowest level at which a ciphertext can be refreshed.
        entry: usize,
    },
    /// A number of slots, coefficients or tiles other than expected.
    #[error("{what}: {found}, expected {expected}")]
    Count {
        /// What is counted.
        what: &'static str,
        /// Number found.
        found: usize,
        /// Number expected.
        expected: usize,
    },
    /// A value that does not fit the modulus at the wanted scale, or is not finite.
    #[error("cannot encode {value:e} at scale 2^{log2_scale:.2}: {reason}")]
    Encode {
        /// The value.
        value: f64,
        /// log2 of the scale.
        log2_scale: f64,
        /// Why not.
        reason: &'static str,
    },
    /// Terms that make no linear transform.
    #[error("terms of a linear transform: {reason}")]
    Terms {
        /// What is wrong.
        reason: &'static str,
    },
    /// A plaintext without the limbs that an operation needs.
    #[error(
        "{op}: the plaintext lacks {missing}\nhelp: encode it at the level of the operation, with special primes where a rotated operand is multiplied"
    )]
    PlaintextLimbs {
        /// Operation.
        op: &'static str,
        /// What is missing.
        missing: &'static str,
    },
    /// Bytes that end before what they announce.
    #[error("truncated {what}: {found} bytes, expected {expected}")]
    Truncated {
        /// What was read.
        what: &'static str,
        /// Bytes there.
        found: usize,
        /// Bytes needed.
        expected: usize,
    },
    /// Bytes that cannot be what they claim to be.
    #[error("corrupted {what}: {reason}")]
    Corrupted {
        /// What was read.
        what: &'static str,
        /// What is wrong.
        reason: &'static str,
    },
    /// The operating system gave no randomness.
    #[error("the operating system gives no randomness: {0}")]
    Entropy(String),
}

/// Result with this crate's error.
pub type Result<T, E = Error> = core::result::Result<T, E>;
