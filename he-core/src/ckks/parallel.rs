//! Work on independent limbs, by one thread or several. Arithmetic is exact, so the result does not depend on which.

use rayon::prelude::*;

/// Runs `f` on every item, on the threads of the current rayon pool.
pub(crate) fn for_each<T: Send>(items: Vec<T>, f: impl Fn(T) + Sync + Send) {
    if items.len() > 1 && rayon::current_num_threads() > 1 {
        items.into_par_iter().for_each(f);
    } else {
        items.into_iter().for_each(f);
    }
}
