//! What a plan is to optimise, and within which limits.

use he_core::bootstrap::BootstrapSpec;
use he_core::params::{Chain, Params};
use serde::{Deserialize, Serialize};

use super::price::PriceTable;
use crate::clear::Ranges;

/// What counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Objective {
    /// Time of one request.
    Latency,
    /// Time of a sample in a full batch.
    Throughput,
}

/// An objective with its limits. Everything has a default; methods chain.
///
/// ```
/// use he_nn::plan::Goal;
/// let goal = Goal::throughput().batch(256).memory(8 << 30).threads(1).error(1e-3);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Goal {
    pub(crate) objective: Objective,
    pub(crate) batch: u32,
    pub(crate) memory_bytes: Option<u64>,
    pub(crate) key_bytes: Option<u64>,
    pub(crate) threads: usize,
    pub(crate) security_bits: u32,
    pub(crate) error: f64,
    pub(crate) ranges: Option<Ranges>,
    pub(crate) chain: Option<Chain>,
    /// Pinned parameters that make no chain: planning says why.
    #[serde(skip)]
    pub(crate) unsound: Option<Params>,
    pub(crate) bootstrap: Option<BootstrapSpec>,
    pub(crate) prices: PriceTable,
}

impl Goal {
    /// The least time for one request of one sample.
    pub fn latency() -> Self {
        Goal {
            objective: Objective::Latency,
            batch: 1,
            memory_bytes: None,
            key_bytes: None,
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            security_bits: 128,
            error: 1e-2,
            ranges: None,
            chain: None,
            unsound: None,
            bootstrap: None,
            prices: PriceTable::DEFAULT,
        }
    }

    /// The least time a sample in a full batch.
    pub fn throughput() -> Self {
        Goal {
            objective: Objective::Throughput,
            ..Goal::latency()
        }
    }

    /// Samples of a request.
    #[must_use]
    pub fn batch(mut self, samples: u32) -> Self {
        self.batch = samples.max(1);
        self
    }

    /// Most bytes a server may use for keys, weights and ciphertexts together.
    #[must_use]
    pub fn memory(mut self, bytes: u64) -> Self {
        self.memory_bytes = Some(bytes);
        self
    }

    /// Most bytes of evaluation keys as they travel.
    #[must_use]
    pub fn keys(mut self, bytes: u64) -> Self {
        self.key_bytes = Some(bytes);
        self
    }

    /// Threads of the server.
    #[must_use]
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = threads.max(1);
        self
    }

    /// Bits of security: 128, 192 or 256.
    #[must_use]
    pub fn security(mut self, bits: u32) -> Self {
        self.security_bits = bits;
        self
    }

    /// Largest absolute error of an output that is acceptable. [`Model::plan`](crate::Model::plan) chooses the scale by an estimate,
    /// [`Model::plan_for`](crate::Model::plan_for) by the bound that follows from the weights.
    /// The scale of plans that refresh, or have pinned parameters, is given: `plan_for` refuses them where the bound is larger.
    #[must_use]
    pub fn error(mut self, bound: f64) -> Self {
        self.error = bound;
        self
    }

    /// Calibrated ranges of every site.
    #[must_use]
    pub fn ranges(mut self, ranges: &Ranges) -> Self {
        self.ranges = Some(ranges.clone());
        self
    }

    /// Pinned parameters in place of chosen ones, and of those the model pins. They need at least the network's levels, and primes
    /// of the scale's size wherever ciphertexts are multiplied; what they lack is an error of planning.
    ///
    /// ```
    /// use he_core::params::{Params, Security};
    /// use he_nn::plan::Goal;
    /// const P: Params = Params {
    ///     log_n: 13,
    ///     base: &[1125899906629633],
    ///     levels: &[&[1073692673]],
    ///     returned: &[],
    ///     special: &[1125899905744897],
    ///     log2_scale: 30.0,
    ///     security: Security::Bits128,
    /// }
    /// .checked();
    /// let goal = Goal::latency().params(P);
    /// ```
    #[must_use]
    pub fn params(mut self, params: Params) -> Self {
        self.chain = Chain::try_from(params).ok();
        self.unsound = self.chain.is_none().then_some(params);
        self
    }

    /// As [`params`](Self::params), for parameters made at run time.
    #[must_use]
    pub fn chain(mut self, chain: Chain) -> Self {
        self.chain = Some(chain);
        self.unsound = None;
        self
    }

    /// How values are refreshed, for models with `bootstrap`: these parameters in place of set B16, even where the network would do
    /// without. With a pinned chain, that is the one they describe.
    #[must_use]
    pub fn bootstrap(mut self, spec: BootstrapSpec) -> Self {
        self.bootstrap = Some(spec);
        self
    }

    /// Prices measured on the server's machine.
    #[must_use]
    pub fn prices(mut self, prices: PriceTable) -> Self {
        self.prices = prices;
        self
    }
}
