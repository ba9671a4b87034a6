//! Work on independent limbs, by one thread or several. Arithmetic is exact, so the result does not depend on which.

#[cfg(feature = "parallel")]
use rayon::prelude::*;

/// Threads that work here; one without the feature `parallel`.
pub(crate) fn threads() -> usize {
    #[cfg(feature = "parallel")]
    return rayon::current_num_threads();
    #[cfg(not(feature = "parallel"))]
    1
}

/// Runs `f` on every item, on the threads of the current rayon pool.
pub(crate) fn for_each<T: Send>(items: Vec<T>, f: impl Fn(T) + Sync + Send) {
    #[cfg(feature = "parallel")]
    if items.len() > 1 && threads() > 1 {
        return items.into_par_iter().for_each(f);
    }
    items.into_iter().for_each(f);
}

/// The results of `f` for every item, in order.
pub(crate) fn map<T: Send, U: Send>(items: Vec<T>, f: impl Fn(T) -> U + Sync + Send) -> Vec<U> {
    #[cfg(feature = "parallel")]
    return items.into_par_iter().map(f).collect();
    #[cfg(not(feature = "parallel"))]
    items.into_iter().map(f).collect()
}
