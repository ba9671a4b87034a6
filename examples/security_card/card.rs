//! The security card.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;

use he_core::bootstrap::BootstrapSpec;
use he_core::ckks::noise::ERROR_VARIANCE;
use he_core::params::{Chain, Published, Secret, presets};
use serde::{Deserialize, Serialize};

/// The whole card.
#[derive(Serialize)]
pub struct Card {
    caps: &'static str,
    error: ErrorDistribution,
    estimator: Estimator,
    sets: Vec<Set>,
    estimates: Vec<Row>,
}

#[derive(Serialize)]
struct ErrorDistribution {
    name: &'static str,
    sigma: f64,
}

#[derive(Serialize)]
struct Estimator {
    name: String,
    commit: String,
    cost_model: String,
}

/// One parameter set.
#[derive(Serialize)]
struct Set {
    name: &'static str,
    log_n: u32,
    log2_q: f64,
    log2_p: f64,
    security_bits: u32,
    published: Vec<Sample>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bootstrap_failure_log2: Option<f64>,
}

/// One family of keys or ciphertexts.
#[derive(Serialize)]
struct Sample {
    family: &'static str,
    secret: String,
    log2_modulus: f64,
    cap_bits: u32,
    /// The cheapest of the attacks estimated, at a modulus at least as large; nothing where none was estimated.
    log2_attack: Option<f64>,
}

/// What `estimate.py` writes.
#[derive(Deserialize)]
struct Estimates {
    estimator: String,
    commit: String,
    cost_model: String,
    rows: Vec<Row>,
}

/// The attacks on one modulus.
#[derive(Clone, Serialize, Deserialize)]
struct Row {
    log_n: u32,
    log_q: u32,
    secret: String,
    error: String,
    attacks: BTreeMap<String, Attack>,
}

/// One attack: its cost, nothing where floats do not reach it, and the block size and number of guesses found best.
#[derive(Clone, Serialize, Deserialize)]
struct Attack {
    log2_operations: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    beta: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    zeta: Option<u32>,
}

impl Row {
    fn cheapest(&self) -> Option<f64> {
        let costs = self.attacks.values().filter_map(|attack| attack.log2_operations);
        costs.reduce(f64::min)
    }
}

impl Card {
    /// As committed.
    pub fn to_json(&self) -> Result<String, Box<dyn Error>> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }

    /// Every cost found, with the security that the set claims.
    pub fn costs(&self) -> impl Iterator<Item = (f64, u32)> {
        self.sets.iter().flat_map(|set| {
            let costs = set.published.iter().filter_map(|sample| sample.log2_attack);
            costs.map(|cost| (cost, set.security_bits))
        })
    }
}

/// The card of the shipped sets, with the estimates of a file.
pub fn card(estimates: &Path) -> Result<Card, Box<dyn Error>> {
    let estimates: Estimates = serde_json::from_slice(&std::fs::read(estimates)?)?;
    let mut sets = vec![];
    for (name, spec) in [
        ("A", presets::set_a()),
        ("B", presets::set_b()),
        ("C", presets::set_c()),
        ("D", presets::set_d()),
    ] {
        let chain = spec.build()?;
        sets.push(set(name, &chain, chain.published(), None, &estimates.rows));
    }
    for (name, spec) in [
        ("B16", BootstrapSpec::b16()),
        ("B17", BootstrapSpec::b17()),
        ("B16-lite", BootstrapSpec::b16_lite()),
        ("B15", BootstrapSpec::b15()),
    ] {
        let chain = spec.chain().build()?;
        let published = [chain.published(), spec.published(&chain)].concat();
        let failure = Some(rounded(spec.failure_probability_log2()));
        sets.push(set(name, &chain, published, failure, &estimates.rows));
    }
    Ok(Card {
        caps: "ePrint 2024/463, table 5.2: classical attacks on uniform ternary secrets; secrets of weight 32: 101 bits from N = 2^15 on",
        error: ErrorDistribution {
            name: "centred binomial 21",
            sigma: rounded(ERROR_VARIANCE.sqrt()),
        },
        estimator: Estimator {
            name: estimates.estimator,
            commit: estimates.commit,
            cost_model: estimates.cost_model,
        },
        sets,
        estimates: estimates.rows,
    })
}

fn set(
    name: &'static str,
    chain: &Chain,
    published: Vec<Published>,
    bootstrap_failure_log2: Option<f64>,
    rows: &[Row],
) -> Set {
    let sample = |sample: Published| {
        let (kind, secret) = match sample.secret {
            Secret::Ternary => ("ternary", "uniform ternary".to_owned()),
            Secret::Sparse { weight } => ("sparse", format!("ternary of weight {weight}")),
        };
        let covers = |row: &&Row| {
            row.log_n == chain.log_n() && row.secret == kind && f64::from(row.log_q) >= sample.log2_modulus
        };
        Sample {
            family: sample.family,
            secret,
            log2_modulus: rounded(sample.log2_modulus),
            cap_bits: sample.secret.cap_bits(chain.log_n(), chain.security()),
            log2_attack: rows.iter().find(covers).and_then(Row::cheapest),
        }
    };
    Set {
        name,
        log_n: chain.log_n(),
        log2_q: rounded(chain.log_q(chain.top_level())),
        log2_p: rounded(chain.log_p()),
        security_bits: chain.security().bits(),
        published: published.into_iter().map(sample).collect(),
        bootstrap_failure_log2,
    }
}

/// To a thousandth.
fn rounded(x: f64) -> f64 {
    (x * 1e3).round() / 1e3
}
