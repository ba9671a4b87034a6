//! Which threads answer a request.

use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::error::{Error, Result};

/// The threads of a server. A request that is alone is split among all of them; requests that come together get a thread each: to split
/// work pays only where a thread would be idle, and a thread that waits for a part of one request would take up another meanwhile.
pub(super) struct Threads {
    all: ThreadPool,
    single: Vec<Single>,
    requests: AtomicUsize,
}

/// One thread, and how many requests it has.
struct Single {
    pool: ThreadPool,
    requests: AtomicUsize,
}

/// A request that is counted until it is answered, or its answer panics.
struct Counted<'a>(&'a AtomicUsize);

impl<'a> Counted<'a> {
    /// Counts one more, and tells how many there were.
    fn new(requests: &'a AtomicUsize) -> (Self, usize) {
        let before = requests.fetch_add(1, Ordering::Relaxed);
        (Self(requests), before)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Threads {
    /// That many threads, for work that is split and for work that is not.
    ///
    /// # Errors
    /// [`Error::Io`] if the system refuses.
    pub(super) fn new(count: usize) -> Result<Self> {
        let pool = |count: usize, name: fn(usize) -> String| {
            let pool = ThreadPoolBuilder::new().num_threads(count).thread_name(name);
            pool.build().map_err(|e| Error::Io {
                path: "threads".into(),
                source: std::io::Error::other(e),
            })
        };
        let single = || {
            Ok(Single {
                pool: pool(1, |_| "he-nn request".into())?,
                requests: AtomicUsize::new(0),
            })
        };
        let singles = if count > 1 { count } else { 0 };
        Ok(Self {
            all: pool(count, |i| format!("he-nn server {i}"))?,
            single: (0..singles).map(|_| single()).collect::<Result<_>>()?,
            requests: AtomicUsize::new(0),
        })
    }

    /// Runs work that is no request on all threads.
    pub(super) fn install<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        self.all.install(work)
    }

    /// Answers a request.
    pub(super) fn answer<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        let (_request, before) = Counted::new(&self.requests);
        let idlest = || {
            let requests = |single: &&Single| single.requests.load(Ordering::Relaxed);
            self.single.iter().min_by_key(requests)
        };
        let Some(single) = (before > 0).then(idlest).flatten() else {
            return self.all.install(work);
        };
        let _queued = Counted::new(&single.requests);
        single.pool.install(work)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use super::*;

    #[test]
    fn requests_that_come_together_get_a_thread_each() {
        let threads = Threads::new(2).unwrap();
        let wide = || rayon::current_num_threads();
        assert_eq!(threads.answer(wide), 2);
        let both = Barrier::new(2);
        let found = std::thread::scope(|scope| {
            let first = scope.spawn(|| {
                threads.answer(|| {
                    both.wait();
                    both.wait();
                    wide()
                })
            });
            both.wait();
            let second = threads.answer(wide);
            both.wait();
            [first.join().unwrap(), second]
        });
        assert_eq!(found, [2, 1]);
        assert_eq!(threads.answer(wide), 2);
    }

    #[test]
    fn an_answer_that_panics_is_not_counted_any_more() {
        let threads = Threads::new(2).unwrap();
        let panics = std::panic::AssertUnwindSafe(|| threads.answer(|| panic!("as it should")));
        assert!(std::panic::catch_unwind(panics).is_err());
        assert_eq!(threads.answer(rayon::current_num_threads), 2);
    }
}
