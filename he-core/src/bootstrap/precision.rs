//! How precise refreshed slots are, from the parameters alone.
//!
//! Notation as in the parent module; V variance of a coefficient, N V / S^2 that of a slot at scale S ([`noise`](crate::ckks::noise));
//! everything relative to the bound of the slots.
//!
//! | source | error of a slot |
//! |---|---|
//! | the sine | (2 pi / rho)^2 / 6 x^3, the same each time |
//! | entering: one rescale | N V / S^2 |
//! | SlotsToCoeffs, ModRaise: coefficients are rounded | V / S_b^2 |
//! | CoeffsToSlots | N V / S^2, times (rho K')^2: what an error of x is worth behind the sine |
//! | EvalMod: rounding of T_2, and of copies of it where levels are not nested; where a fourth of a turn from zero the cosine is steepest in it | N V / S^2, times (rho K'^2)^2 |
//! | the last rescale | N V / S^2 |
//!
//! Of the steps of EvalMod only T_2 counts: an error of T_2k is worth a fourth of one of T_k. The figure is for the quotient 0, where it
//! is largest; a fourth of all slots have it, others 3 to 30 times less.

use super::BootstrapSpec;
use crate::ckks::noise;
use crate::params::Chain;

/// The error of refreshed slots, relative to their bound.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Precision {
    /// Standard deviation of the noise in the real part of a slot.
    pub deviation: f64,
    /// c in the error c x^3 of the sine, for x relative to the bound.
    pub cubic: f64,
}

impl Precision {
    /// That of a specification on its chain.
    pub fn new(chain: &Chain, spec: &BootstrapSpec) -> Self {
        let n = chain.degree();
        let entry = spec.entry_level();
        let (rho, q0) = (spec.message_ratio(), chain.primes()[0] as f64);
        let message_scale = q0 / rho;
        let rounding = noise::rounding(n);
        let slot = |v: f64, scale: f64| noise::slot_variance(v, n, scale);
        let entering = slot(rounding, chain.scale(entry));
        // Slots rounded before a factor of SlotsToCoeffs are as many coefficients behind it: each stage halves their variance.
        let stages = f64::from(spec.log_n - 1);
        let to_coefficients: f64 = (1..entry)
            .map(|done| {
                let level = entry - done;
                let halvings = stages * done as f64 / entry as f64;
                slot(noise::key_switch(chain, level), chain.scale(level)) * (-halvings).exp2()
            })
            .sum();
        // One digit of the size of q0 on p0, twice.
        let p0 = chain.primes()[chain.q_count()] as f64;
        let switched = 2.0 * (q0 / p0).powi(2) * n as f64 * noise::ERROR_VARIANCE / 12.0;
        let coefficients = (switched + 3.0 * rounding) / (message_scale * message_scale);
        let eval_level = spec.eval_level();
        let eval_scale = spec.eval_scale(chain).powi(2) / chain.divisor(eval_level);
        let product = slot(noise::key_switch(chain, eval_level), eval_scale);
        let to_slots = product * (rho * spec.bound()).powi(2);
        let levels = spec.refreshed_level() + 1..=eval_level;
        let nested = levels.clone().all(|level| {
            levels
                .clone()
                .take_while(|&below| below < level)
                .all(|below| chain.contains(level, below))
        });
        // Copies of T_2 are rounded once more; all uses of them together have the whole slope at most.
        let copies = if nested { 1.0 } else { 2.0 };
        let eval_mod = copies * product * (rho * spec.bound().powi(2)).powi(2);
        let last = slot(rounding, chain.scale(spec.refreshed_level()));
        let variance = entering + to_coefficients + coefficients + to_slots + eval_mod + last;
        Self {
            deviation: variance.sqrt(),
            cubic: (std::f64::consts::TAU / rho).powi(2) / 6.0,
        }
    }
}
