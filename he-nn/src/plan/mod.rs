//! Graph to plan.

pub mod cost;
pub mod network;
pub mod packing;
pub mod price;
pub mod search;

#[cfg(test)]
#[expect(clippy::expect_used, reason = "tests")]
mod tests;
