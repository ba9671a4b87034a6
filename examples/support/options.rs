//! The options of every example.

use std::path::PathBuf;

use clap::Args;

/// How much work, on how many threads, with which weights.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Number of requests.
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub samples: Option<usize>,
    /// Samples of a request; the data is cycled.
    #[arg(long, value_name = "B", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub batch: u32,
    /// Threads of client and server [default: all].
    #[arg(long, value_name = "T", value_parser = at_least_one)]
    pub threads: Option<usize>,
    /// Weights in place of the bundled ones (safetensors or npz).
    #[arg(long, value_name = "FILE")]
    pub checkpoint: Option<PathBuf>,
    /// The client writes its evaluation keys to this new file, and the server maps it to memory.
    #[arg(long, value_name = "FILE")]
    pub keys_file: Option<PathBuf>,
    /// Writes the report's numbers as one JSON object.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

impl Options {
    /// Threads asked for, or all there are.
    pub fn threads(&self) -> usize {
        self.threads
            .unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from))
    }
}

/// A count that makes sense: zero requests or threads do nothing.
fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("found 0, expected at least 1".to_owned()),
        Ok(count) => Ok(count),
        Err(error) => Err(error.to_string()),
    }
}
