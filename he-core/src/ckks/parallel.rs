//! Work on independent limbs, by one thread or several. Arithmetic is exact, so the result does not depend on which.

#[cfg(feature = "parallel")]
use rayon::prelude::*;

use std::ops::Range;
use std::slice::ChunksMut;

/// Shorter stretches are not worth a thread.
const STRETCH_WORDS: usize = 512;

/// Threads that work here; one without the feature `parallel`.
pub(crate) fn threads() -> usize {
    #[cfg(feature = "parallel")]
    return rayon::current_num_threads();
    #[cfg(not(feature = "parallel"))]
    1
}

/// Words of a stretch, so that each thread has one of a limb of n words.
fn stretch(n: usize) -> usize {
    n.div_ceil(threads()).next_multiple_of(STRETCH_WORDS)
}

/// The words of a limb in one stretch for each thread.
pub(crate) fn stretches(n: usize) -> Vec<Range<usize>> {
    let step = stretch(n);
    (0..n).step_by(step).map(|at| at..(at + step).min(n)).collect()
}

/// A limb, cut into its [`stretches`].
pub(crate) fn cut(limb: &mut [u64]) -> ChunksMut<'_, u64> {
    limb.chunks_mut(stretch(limb.len()))
}

/// Runs `f` on every item, on the threads of the current rayon pool. Any single item may go to an idle thread: there are few of them, and
/// each takes long.
pub(crate) fn for_each<T: Send>(items: Vec<T>, f: impl Fn(T) + Sync + Send) {
    #[cfg(feature = "parallel")]
    if items.len() > 1 && threads() > 1 {
        return items.into_par_iter().with_max_len(1).for_each(f);
    }
    items.into_iter().for_each(f);
}

/// The results of `f` for every item, in order.
pub(crate) fn map<T: Send, U: Send>(items: Vec<T>, f: impl Fn(T) -> U + Sync + Send) -> Vec<U> {
    #[cfg(feature = "parallel")]
    return items.into_par_iter().with_max_len(1).map(f).collect();
    #[cfg(not(feature = "parallel"))]
    items.into_iter().map(f).collect()
}
