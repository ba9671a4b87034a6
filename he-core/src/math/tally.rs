//! What the kernels really did on the calling thread: the truth that predicted counts are held against. Only tests count, this crate's
//! and, with the feature `tally`, those of the crates above; elsewhere the calls vanish.

/// A kind of work.
#[derive(Clone, Copy)]
pub enum Work {
    /// Transforms of one limb.
    Ntt,
    /// Source limbs x destination limbs x coefficients of base conversions.
    ConversionWord,
    /// Words of products of two vectors.
    MacWord,
    /// Words moved by automorphisms.
    AutomorphismWord,
    /// Bytes of evaluation keys multiplied with, of which those made again from a seed are not read.
    KeyByte,
}

#[cfg(any(test, feature = "tally"))]
thread_local! {
    static DONE: std::cell::Cell<[u64; 5]> = const { std::cell::Cell::new([0; 5]) };
}

/// Notes `amount` of work.
#[cfg(any(test, feature = "tally"))]
pub(crate) fn add(work: Work, amount: usize) {
    DONE.with(|done| {
        let mut counts = done.get();
        counts[work as usize] += amount as u64;
        done.set(counts);
    });
}

/// Notes nothing.
#[cfg(not(any(test, feature = "tally")))]
pub(crate) const fn add(_: Work, _: usize) {}

/// What this thread did since the last call, in the order of [`Work`].
#[cfg(any(test, feature = "tally"))]
pub fn take() -> [u64; 5] {
    DONE.take()
}
