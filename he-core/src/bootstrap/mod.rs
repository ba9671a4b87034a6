//! Bootstrapping: a ciphertext without levels becomes one with many, of the same slots.
//!
//! Notation: n = N/2 slots, q0 base modulus, p0 first special prime, K bound on the quotient, S_b scale of the coefficients before they
//! are raised, rho = q0 / S_b message ratio, L top level.
//!
//! Two ciphertexts of real slots x and y are refreshed together:
//!
//! 1. u = x + i y, exactly.
//! 2. *SlotsToCoeffs* on the lowest levels: the slots become the coefficients, at scale S_b modulo q0.
//! 3. *Encapsulation*: the ciphertext is switched to an ephemeral sparse secret, modulo q0.
//! 4. *ModRaise*: read modulo Q_L it decrypts to m + q0 I, where I is bounded by the sparse secret's weight.
//! 5. *CoeffsToSlots* at the top, whose first factor switches back: slots are (m + q0 I) / (q0 K'). With its conjugate, real and imaginary
//!    parts come apart.
//! 6. *EvalMod* on each: (1 / 2 pi) sin(2 pi m / q0), a cosine on a fourth of a turn less, then double angles.
//!
//! Its slots are x and y, at once: SlotsToCoeffs comes first, so nothing follows. Several pairs go through each stage together
//! ([`TOGETHER`]).
//!
//! Source: Cheon, Han, Kim, Kim, Song, EUROCRYPT 2018; sparse-secret encapsulation: Bossuat, Troncoso-Pastoriza, Hubaux, ACNS 2022;
//! cosine and double angles: Han and Ki, CT-RSA 2020; slots first: Chen and Han, EUROCRYPT 2018, section 3.

mod diagonals;
mod encapsulation;
mod eval_mod;
mod factor;
mod failure;
mod first;
mod periodic;
mod precision;
mod spec;
#[cfg(test)]
mod tests;

use std::ops::Range;
use std::sync::Arc;

use crate::ckks::linear::Raised;
use crate::ckks::{Ciphertext, Context, EvaluationKeys, KeySpec, check_scale, eval};
use crate::error::{Error, Result};
use diagonals::raised_parts;
use encapsulation::ModRaise;
pub use eval_mod::EvalMod;
use factor::Factor;
pub(crate) use factor::Steps;
use first::FirstFactor;
pub use precision::Precision;
pub use spec::BootstrapSpec;
use spec::COEFFS_TO_SLOTS_MIN;

pub use crate::ckks::EncapsulationKeys;

/// A stage of bootstrapping, as an observer is told when it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Slots became coefficients at level 0.
    SlotsToCoeffs,
    /// The modulus was raised.
    ModRaise,
    /// Coefficients became slots, real and imaginary parts apart.
    CoeffsToSlots,
    /// Multiples of the base modulus are gone.
    EvalMod,
}

impl Stage {
    /// Name, as printed.
    pub const fn name(self) -> &'static str {
        match self {
            Self::SlotsToCoeffs => "SlotsToCoeffs",
            Self::ModRaise => "ModRaise",
            Self::CoeffsToSlots => "CoeffsToSlots",
            Self::EvalMod => "EvalMod",
        }
    }
}

/// Ciphertexts that are refreshed at once, unless [`Bootstrapper::together`] says otherwise: each piece of a key is read, or made from its
/// seed, for all of them.
pub const TOGETHER: usize = 2;

/// Hears of every stage when it ends.
pub type Observer<'a> = &'a mut dyn FnMut(Stage);

/// What refreshing needs besides keys: plaintexts of the transforms and the steps of EvalMod, for one chain.
pub struct Bootstrapper {
    context: Arc<Context>,
    slots_to_coeffs: Vec<Factor>,
    raise: ModRaise,
    first: FirstFactor,
    /// CoeffsToSlots behind its first factor.
    coeffs_to_slots: Vec<Factor>,
    /// Constant added before EvalMod: a fourth of a turn.
    quarter: f64,
    /// For slots up to one.
    eval_mod: EvalMod,
    key_spec: KeySpec,
    spec: BootstrapSpec,
    together: usize,
}

/// Scales in front of each factor of CoeffsToSlots, from the first one's operand to the last one's result as given. They grow most where
/// plaintexts are longest: of a factor of s stages with period p, 2^s plaintexts are rounded in 2 p coefficients each, and meet slots
/// 2^s times as large in variance as those behind it.
fn scales(slots: usize, factors: usize, [first, last]: [f64; 2]) -> Vec<f64> {
    let bits = |stages: &Range<usize>| stages.len() as f64 + stages.end as f64 / 2.0;
    let bits: Vec<f64> = raised_parts(slots, factors).iter().rev().map(bits).collect();
    let mean = bits.iter().sum::<f64>() / bits.len() as f64;
    let step = (last / first).powf(1.0 / bits.len() as f64);
    let mut scales = vec![first];
    scales.extend(bits.iter().scan(first, |scale, bits| {
        *scale *= step * (bits - mean).exp2();
        Some(*scale)
    }));
    scales
}

impl Bootstrapper {
    /// Prepares refreshing on a chain that [`BootstrapSpec::chain`] describes.
    ///
    /// # Errors
    /// [`Error::Count`] if the chain or EvalMod has other levels than the specification needs, the base several primes, or CoeffsToSlots a
    /// single level.
    pub fn new(context: &Arc<Context>, spec: &BootstrapSpec) -> Result<Self> {
        Self::for_period(context, spec, context.slots())
    }

    /// Prepares refreshing of ciphertexts whose slots repeat after `period`, a power of two: with the same keys, for less time and with
    /// shorter plaintexts. Slots that do not repeat come back wrong.
    ///
    /// # Errors
    /// Those of [`new`](Self::new), and [`Error::Count`] for a period that is no power of two up to the slots.
    pub fn for_period(context: &Arc<Context>, spec: &BootstrapSpec, period: usize) -> Result<Self> {
        let chain = context.chain();
        let (top, n) = (chain.top_level(), context.slots());
        if !period.is_power_of_two() || period > n {
            return Err(Error::Count {
                what: "slots after which all repeat",
                found: period,
                expected: n,
            });
        }
        if spec.eval_bits.len() != spec.eval_mod_levels() {
            return Err(Error::Count {
                what: "levels of EvalMod",
                found: spec.eval_bits.len(),
                expected: spec.eval_mod_levels(),
            });
        }
        if top != spec.levels() {
            return Err(Error::Count {
                what: "levels of a chain for bootstrapping",
                found: top,
                expected: spec.levels(),
            });
        }
        if chain.limbs(0) != 1 {
            return Err(Error::Count {
                what: "base primes of a chain for bootstrapping",
                found: chain.limbs(0),
                expected: 1,
            });
        }
        if spec.coeffs_to_slots < COEFFS_TO_SLOTS_MIN {
            return Err(Error::Count {
                what: "levels of CoeffsToSlots",
                found: spec.coeffs_to_slots,
                expected: COEFFS_TO_SLOTS_MIN,
            });
        }
        let q0 = chain.primes()[0] as f64;
        let fft = context.fft();
        let count = spec.slots_to_coeffs;
        let message_scale = q0 / spec.message_ratio();
        let slots_to_coeffs = periodic::slots_to_coefficients(fft, [n, period], count)
            .iter()
            .zip((1..=count).rev())
            .map(|(matrix, level)| {
                let scale = if level == 1 {
                    message_scale
                } else {
                    chain.scale(level - 1)
                };
                Factor::new(context, matrix, level, [chain.scale(level), scale])
            })
            .collect::<Result<_>>()?;
        // What stands in the slots after ModRaise is at most one in absolute value at this scale.
        let raised_scale = q0 * spec.bound();
        let eval_scale = spec.eval_scale(chain);
        // The sum with the conjugate doubles: read at twice its scale it does not.
        let scales = scales(n, spec.coeffs_to_slots, [raised_scale, eval_scale / 2.0]);
        let matrices = periodic::coefficients_to_slots(fft, [n, period], spec.coeffs_to_slots);
        let first = FirstFactor::new(context, &matrices[0].0, [scales[0], scales[1]])?;
        let coeffs_to_slots = matrices
            .iter()
            .enumerate()
            .skip(1)
            .map(|(i, matrix)| Factor::new(context, matrix, top - i, [scales[i], scales[i + 1]]))
            .collect::<Result<_>>()?;
        Ok(Self {
            context: context.clone(),
            slots_to_coeffs,
            raise: ModRaise::new(context),
            first,
            coeffs_to_slots,
            quarter: -0.25 / spec.bound(),
            eval_mod: EvalMod::new(chain, spec, 1.0)?,
            key_spec: spec.key_spec(),
            spec: spec.clone(),
            together: TOGETHER,
        })
    }

    /// Lets as many ciphertexts go through each stage at once, an even number: [`TOGETHER`] if nothing is said. More share what is read of
    /// keys, and take memory: half a gigabyte each on set B16. Worth it where a last-level cache holds their digits modulo a prime.
    #[must_use]
    pub fn together(mut self, count: usize) -> Self {
        self.together = count.next_multiple_of(2).max(2);
        self
    }

    /// The evaluation keys that refreshing needs, each up to its level.
    pub fn key_spec(&self) -> KeySpec {
        self.key_spec.clone()
    }

    /// Lowest level at which a ciphertext can be refreshed.
    pub fn entry_level(&self) -> usize {
        self.spec.entry_level()
    }

    /// Level of refreshed ciphertexts.
    pub fn refreshed_level(&self) -> usize {
        self.spec.refreshed_level()
    }

    /// EvalMod for values up to `bound`; see [`refresh_within`](Self::refresh_within).
    ///
    /// # Errors
    /// Those of [`EvalMod::new`].
    pub fn eval_mod(&self, bound: f64) -> Result<EvalMod> {
        EvalMod::new(self.context.chain(), &self.spec, bound)
    }

    /// Bytes of the transforms' plaintexts in memory.
    pub fn plaintext_bytes(&self) -> usize {
        let factors = self.slots_to_coeffs.iter().chain(&self.coeffs_to_slots);
        self.first.bytes() + factors.map(Factor::bytes).sum::<usize>()
    }

    /// Refreshes two ciphertexts of real slots of at most one in absolute value, canonical at [`entry_level`](Self::entry_level) or
    /// above. Imaginary parts of one are lost to the other.
    ///
    /// # Errors
    /// Before any work: [`Error::Entry`] for a ciphertext of a lower level, [`Error::Scale`] for one of another scale,
    /// [`Error::MissingKey`] and [`Error::OtherChain`] for keys that do not serve.
    pub fn refresh_pair(
        &self,
        keys: &EvaluationKeys,
        encapsulation: &EncapsulationKeys,
        pair: [&Ciphertext; 2],
        observe: Observer<'_>,
    ) -> Result<[Ciphertext; 2]> {
        self.batch(keys, encapsulation, pair, observe)
    }

    /// Refreshes one ciphertext of real slots; see [`refresh_pair`](Self::refresh_pair).
    pub fn refresh(
        &self,
        keys: &EvaluationKeys,
        encapsulation: &EncapsulationKeys,
        x: &Ciphertext,
        observe: Observer<'_>,
    ) -> Result<Ciphertext> {
        let [refreshed] = self.batch(keys, encapsulation, [x], observe)?;
        Ok(refreshed)
    }

    /// Refreshes ciphertexts of real slots, two as a pair, and [as many at once](Self::together) as share each piece of a key that is read;
    /// see [`refresh_pair`](Self::refresh_pair). Stages are told of for every such batch.
    pub fn refresh_all(
        &self,
        keys: &EvaluationKeys,
        encapsulation: &EncapsulationKeys,
        tiles: &[&Ciphertext],
        observe: Observer<'_>,
    ) -> Result<Vec<Ciphertext>> {
        self.batches(keys, encapsulation, &self.eval_mod, tiles, observe)
    }

    /// Refreshes ciphertexts of real slots within the bound of `eval_mod`, like [`refresh_all`](Self::refresh_all): canonical ones of a level
    /// above [`entry_level`](Self::entry_level), or ones of that level whose scale is the canonical one divided by the bound.
    pub fn refresh_within(
        &self,
        keys: &EvaluationKeys,
        encapsulation: &EncapsulationKeys,
        eval_mod: &EvalMod,
        tiles: &[&Ciphertext],
    ) -> Result<Vec<Ciphertext>> {
        self.batches(keys, encapsulation, eval_mod, tiles, &mut |_| {})
    }

    /// As many as are given, at once.
    fn batch<const COUNT: usize>(
        &self,
        keys: &EvaluationKeys,
        encapsulation: &EncapsulationKeys,
        tiles: [&Ciphertext; COUNT],
        observe: Observer<'_>,
    ) -> Result<[Ciphertext; COUNT]> {
        let refreshed = self.at_once(keys, encapsulation, &self.eval_mod, &tiles, observe)?;
        refreshed.try_into().map_err(|refreshed: Vec<_>| Error::Count {
            what: "refreshed ciphertexts",
            found: refreshed.len(),
            expected: COUNT,
        })
    }

    fn batches(
        &self,
        keys: &EvaluationKeys,
        encapsulation: &EncapsulationKeys,
        eval_mod: &EvalMod,
        tiles: &[&Ciphertext],
        observe: Observer<'_>,
    ) -> Result<Vec<Ciphertext>> {
        let mut refreshed = Vec::with_capacity(tiles.len());
        for batch in tiles.chunks(self.together) {
            refreshed.extend(self.at_once(keys, encapsulation, eval_mod, batch, observe)?);
        }
        Ok(refreshed)
    }

    /// All stages, each of all ciphertexts.
    fn at_once(
        &self,
        keys: &EvaluationKeys,
        encapsulation: &EncapsulationKeys,
        eval_mod: &EvalMod,
        tiles: &[&Ciphertext],
        observe: Observer<'_>,
    ) -> Result<Vec<Ciphertext>> {
        let context = &self.context;
        self.check(keys, encapsulation, eval_mod, tiles)?;
        let pair = |pair: &[&Ciphertext]| {
            let mut entering = pair.iter().map(|x| self.entering(eval_mod, x));
            match (entering.next().transpose()?, entering.next().transpose()?) {
                (Some(x), Some(y)) => eval::add(context, &x, &eval::mul_i(context, &y)).map(Some),
                (x, _) => Ok(x),
            }
        };
        let pairs: Vec<Option<Ciphertext>> = tiles.chunks(2).map(pair).collect::<Result<_>>()?;
        let lowest = self.to_coefficients(keys, pairs.into_iter().flatten().collect())?;
        observe(Stage::SlotsToCoeffs);
        let raised: Vec<Raised> = lowest
            .iter()
            .map(|x| self.raise.apply(context, encapsulation, x))
            .collect();
        observe(Stage::ModRaise);
        let parts = self.to_slots(keys, encapsulation, &raised, tiles.len())?;
        observe(Stage::CoeffsToSlots);
        let refreshed = self.modulo(keys, eval_mod, &parts)?;
        observe(Stage::EvalMod);
        Ok(refreshed)
    }

    /// Refuses at once what would fail after seconds of work.
    fn check(
        &self,
        keys: &EvaluationKeys,
        encapsulation: &EncapsulationKeys,
        eval_mod: &EvalMod,
        tiles: &[&Ciphertext],
    ) -> Result<()> {
        let (context, entry) = (&self.context, self.entry_level());
        for x in tiles {
            let found = x.level();
            if found < entry {
                return Err(Error::Entry { found, entry });
            }
            if found == entry {
                check_scale("refresh", x.scale() * eval_mod.bound(), context.scale(entry))?;
            }
        }
        keys.covers(context, &self.key_spec)?;
        encapsulation.check_fits(context)
    }

    /// The operand divided by the bound, at the entry level: a larger scale, which the adjustment takes back.
    fn entering(&self, eval_mod: &EvalMod, x: &Ciphertext) -> Result<Ciphertext> {
        let scale = x.scale() * eval_mod.bound();
        eval::adjust(&self.context, &x.clone().with_scale(scale), self.entry_level())
    }

    /// SlotsToCoeffs.
    fn to_coefficients(&self, keys: &EvaluationKeys, all: Vec<Ciphertext>) -> Result<Vec<Ciphertext>> {
        let mut factors = self.slots_to_coeffs.iter();
        factors.try_fold(all, |all, factor| factor.apply(&self.context, keys, &all))
    }

    /// CoeffsToSlots: of each, lower and upper coefficients as real slots, as many as are wanted.
    fn to_slots(
        &self,
        keys: &EvaluationKeys,
        encapsulation: &EncapsulationKeys,
        raised: &[Raised],
        wanted: usize,
    ) -> Result<Vec<Ciphertext>> {
        let context = &self.context;
        let first = self.first.apply(context, encapsulation, raised);
        let mut factors = self.coeffs_to_slots.iter();
        let all = factors.try_fold(first, |all, factor| factor.apply(context, keys, &all))?;
        let conjugates = eval::conjugate_all(context, keys, &all)?;
        let twice = |x: Ciphertext| {
            let scale = 2.0 * x.scale();
            x.with_scale(scale)
        };
        let mut parts = Vec::with_capacity(wanted);
        for (x, conjugate) in all.iter().zip(&conjugates) {
            parts.push(twice(eval::add(context, x, conjugate)?));
            if parts.len() < wanted {
                parts.push(twice(eval::mul_i(context, &eval::sub(context, conjugate, x)?)));
            }
        }
        Ok(parts)
    }

    /// EvalMod: the coefficients modulo q0, as canonical slots.
    fn modulo(
        &self,
        keys: &EvaluationKeys,
        eval_mod: &EvalMod,
        all: &[Ciphertext],
    ) -> Result<Vec<Ciphertext>> {
        let context = &self.context;
        let shifted = |x: &Ciphertext| {
            let quarter = context.encode(&[self.quarter], x.scale(), x.level(), false)?;
            eval::add_plain(context, x, &quarter)
        };
        let shifted: Vec<Ciphertext> = all.iter().map(shifted).collect::<Result<_>>()?;
        let shifted: Vec<&Ciphertext> = shifted.iter().collect();
        let values = eval_mod.plan().evaluate_all(context, keys, &shifted)?;
        let canonical = |y: Ciphertext| {
            let scale = context.scale(y.level());
            y.with_scale(scale)
        };
        Ok(values.into_iter().map(canonical).collect())
    }
}
