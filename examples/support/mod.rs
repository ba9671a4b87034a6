//! What all examples share: options, data, the run of client and server, and the report.

#![allow(dead_code, reason = "each example is a program of its own and uses a part")]

pub mod clock;
pub mod data;
pub mod mapped;
pub mod options;
pub mod progress;
pub mod random;
pub mod report;
pub mod run;

pub use data::Data;
pub use options::Options;
