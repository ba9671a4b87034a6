//! Results for others than the owner of the secret key.

use he_core::ckks::Flooding;

use super::Client;
use crate::error::{Error, Result};
use crate::wire::Reply;

/// How results may leave the key's owner: with how much noise, and how often.
///
/// Whoever has the ciphertexts and sees what they decrypt to can compute the secret key from the error of the computation, unless noise
/// much larger than that error hides it. [`Plan::worst_error`](../plan/struct.Plan.html#method.worst_error) bounds the error, and
/// where a plan refreshes [`Plan::worst_error_within_ranges`](../plan/struct.Plan.html#method.worst_error_within_ranges), for inputs
/// whose values stay within the plan's ranges; it must come from someone trusted, never from the ciphertexts or from whoever computed them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sharing {
    error: f64,
    queries: u64,
    bits: u32,
    tolerance: f64,
}

/// Bits of statistical security unless others are asked for.
const BITS: u32 = 40;

impl Sharing {
    /// For computations whose numbers are wrong by at most `error`, for `queries` replies over the life of the secret key, with noise of
    /// a deviation of at most `tolerance`.
    #[must_use]
    pub const fn new(error: f64, queries: u64, tolerance: f64) -> Self {
        Sharing {
            error,
            queries,
            bits: BITS,
            tolerance,
        }
    }

    /// Bits of statistical security, 1 to 64, in place of 40: with s bits nobody tells shared results from exact ones under the same
    /// noise with an advantage above 2^(-s/2) / 6.9.
    #[must_use]
    pub const fn bits(mut self, bits: u32) -> Self {
        self.bits = bits;
        self
    }

    /// Deviation of the noise on each number of a reply of so many.
    ///
    /// # Errors
    /// [`Error::SharedPrecision`] if it exceeds the tolerance, [`Error::Engine`] for no queries, bits out of range, or no bound.
    pub fn deviation(&self, numbers: usize) -> Result<f64> {
        if !(self.error.is_finite() && self.error > 0.0) {
            return Err(Error::Engine(he_core::Error::Range {
                what: "bound on the error of shared results",
                found: self.error,
                allowed: "a positive number",
            }));
        }
        let factor = Flooding::new(self.queries, self.bits)?.factor(numbers);
        let (found, expected) = (factor * self.error, self.tolerance);
        if found <= expected {
            return Ok(found);
        }
        Err(Error::SharedPrecision {
            found,
            expected,
            error: self.error,
            needed: expected / factor,
        })
    }
}

impl Client {
    /// Decrypts a reply for others: `[samples, shape..]` of each output, one output after the other, with noise that hides the
    /// computation's. The first call fixes the policy for this client.
    ///
    /// It protects the secret key against whoever has requests and replies of computations that were done as planned, for inputs and
    /// values within their ranges. It does not protect against replies that were made up, and it hides nothing of the answers.
    ///
    /// # Errors
    /// As [`decrypt`](Client::decrypt); [`Error::SharedPrecision`] if hiding takes more noise than is tolerated,
    /// [`Error::SharedTooOften`], [`Error::SharedOtherwise`] for another policy than that of the first call.
    pub fn decrypt_shared(&self, reply: &Reply, sharing: &Sharing) -> Result<Vec<f32>> {
        let outputs = self.decrypt_exactly(reply)?.into_iter();
        let mut values: Vec<f64> = outputs.flat_map(|(_, values)| values).collect();
        sharing.deviation(values.len())?;
        let flooding = Flooding::new(sharing.queries, sharing.bits)?;
        self.shared.count(sharing)?;
        flooding.add(&mut values, sharing.error)?;
        Ok(values.into_iter().map(|value| value as f32).collect())
    }

    /// Number of replies decrypted for others. It is not stored with the secret key: a client read back counts from zero.
    #[must_use]
    pub fn shared_replies(&self) -> u64 {
        self.shared.replies()
    }
}

/// What a client has shared.
#[derive(Default)]
pub(super) struct Shared(std::sync::Mutex<Option<(Sharing, u64)>>);

impl Shared {
    fn locked(&self) -> std::sync::MutexGuard<'_, Option<(Sharing, u64)>> {
        // A count is whole whatever its holder did next.
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn replies(&self) -> u64 {
        self.locked().map_or(0, |(_, replies)| replies)
    }

    /// Counts one more reply, if the policy allows it.
    fn count(&self, sharing: &Sharing) -> Result<()> {
        let mut shared = self.locked();
        let (fixed, replies) = shared.unwrap_or((*sharing, 0));
        if fixed != *sharing {
            return Err(Error::SharedOtherwise {
                found: format!("{sharing:?}"),
                expected: format!("{fixed:?}"),
            });
        }
        if replies >= fixed.queries {
            return Err(Error::SharedTooOften {
                expected: fixed.queries,
            });
        }
        *shared = Some((fixed, replies + 1));
        Ok(())
    }
}
