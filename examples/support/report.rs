//! What a run measured: printed for people, written as JSON for programs.

use std::path::Path;

use he_nn::{Error, Result};
use serde::Serialize;

/// The numbers of a run. Seconds are wall seconds unless they say `cpu`; lists have one entry a request.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    pub model: String,
    pub ring_degree: usize,
    pub log_qp: f64,
    pub log_qp_cap: u32,
    pub security_bits: u32,
    pub depth: usize,
    pub slots: usize,
    pub threads: usize,
    pub batch: u32,
    pub samples: usize,
    pub plan_s: f64,
    pub keygen_s: f64,
    pub load_keys_s: f64,
    pub encode_model_s: f64,
    pub encrypt_s: Vec<f64>,
    pub predict_s: Vec<f64>,
    pub decrypt_s: Vec<f64>,
    pub predict_cpu_s: Vec<f64>,
    pub encrypt_cpu_s: Vec<f64>,
    pub decrypt_cpu_s: Vec<f64>,
    pub max_abs_error: f64,
    pub predicted_error: f64,
    /// How far the clear model is from the outputs stored with the inputs; none where none are stored.
    pub clear_error: Option<f64>,
    /// Share of samples whose answer equals the clear model's.
    pub agree: f64,
    /// Share of right answers; none without labels.
    pub accuracy: Option<f64>,
    pub clear_accuracy: Option<f64>,
    pub rotations: u64,
    pub key_switches: u64,
    pub ct_multiplications: u64,
    pub pt_multiplications: u64,
    pub rescales: u64,
    pub bootstraps: u64,
    pub evaluation_key_bytes: usize,
    pub request_bytes: usize,
    pub reply_bytes: usize,
    pub model_bytes: usize,
    pub peak_rss_bytes: Option<u64>,
    pub predicted_predict_s: f64,
    pub predicted_peak_bytes: u64,
}

/// What single precision leaves between two computations of a network.
const CLEAR_ERROR: f64 = 1e-3;

impl Report {
    /// Writes one JSON object.
    pub fn write(&self, path: &Path) -> Result<()> {
        let io = |source| Error::Io {
            path: path.into(),
            source,
        };
        let text = serde_json::to_string_pretty(self).map_err(|e| io(e.into()))?;
        std::fs::write(path, text + "\n").map_err(io)
    }

    /// Whether the answers stayed within the bound, and the clear model is the one that the stored outputs came from.
    pub fn holds(&self) -> bool {
        self.max_abs_error <= self.predicted_error
            && self.clear_error.is_none_or(|error| error <= CLEAR_ERROR)
    }

    /// The last lines of a run.
    pub fn print(&self) {
        let samples = self.samples * self.batch as usize;
        let verdict = if self.max_abs_error <= self.predicted_error {
            "within"
        } else {
            "OUTSIDE"
        };
        println!(
            "result    {:.2} of {samples} answers agree with the clear model, largest error {:.1e}, {verdict} the bound {:.1e}",
            self.agree, self.max_abs_error, self.predicted_error
        );
        if let Some(error) = self.clear_error.filter(|error| *error > CLEAR_ERROR) {
            println!(
                "          the clear model is {error:.1e} from the outputs stored with the inputs: NOT THIS NETWORK"
            );
        }
        if let (Some(encrypted), Some(clear)) = (self.accuracy, self.clear_accuracy) {
            println!(
                "          accuracy {:.2} % encrypted, {:.2} % clear",
                100.0 * encrypted,
                100.0 * clear
            );
        }
        println!(
            "time      a request: encrypt {}, predict {} (predicted {} on one thread), decrypt {}",
            seconds(median(&self.encrypt_s)),
            seconds(median(&self.predict_s)),
            seconds(self.predicted_predict_s),
            seconds(median(&self.decrypt_s)),
        );
        println!(
            "          once: plan {}, keys {}, load keys {}, encode weights {}",
            seconds(self.plan_s),
            seconds(self.keygen_s),
            seconds(self.load_keys_s),
            seconds(self.encode_model_s),
        );
        if let Some(peak) = self.peak_rss_bytes {
            let of = "client and server in one process";
            println!(
                "memory    {} at most, {of}; server predicted {}",
                bytes(peak),
                bytes(self.predicted_peak_bytes)
            );
        }
        println!("who knows what");
        println!(
            "          client   the secret key, its input, the answer; of the network: shapes and the plan"
        );
        println!(
            "          server   the weights, ciphertexts, evaluation keys; not the input, not the answer"
        );
        println!("          wire     ciphertexts, evaluation keys, the plan's digest, the key's id");
    }
}

/// The middle of a list.
pub fn median(list: &[f64]) -> f64 {
    let mut sorted = list.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Seconds for people.
pub fn seconds(value: f64) -> String {
    if value < 1.0 {
        format!("{:.1} ms", 1e3 * value)
    } else {
        format!("{value:.2} s")
    }
}

/// Bytes for people.
pub fn bytes(value: u64) -> String {
    match value {
        0..1_000 => format!("{value} B"),
        1_000..1_000_000 => format!("{:.0} kB", value as f64 / 1e3),
        _ => format!("{:.1} MB", value as f64 / 1e6),
    }
}
